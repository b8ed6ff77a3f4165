package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/retention"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// diary writes one event and one try a day, the oldest first.
func diary(t *testing.T, s *sqlite.Store, days int) {
	t.Helper()
	for i := range days {
		e := account.Event{At: storetest.Now().AddDate(0, 0, i-days+1), Act: account.ActReset, Subject: "anna", Name: "anna",
			Address: fmt.Sprintf("203.0.113.%d", i), Note: fmt.Sprint("note ", i)}
		if err := s.Commit(context.Background(), account.Change{Version: -1, Events: []account.Event{e}}); err != nil {
			t.Fatal(err)
		}
		e.Act, e.Subject = account.ActCheck, account.ID(fmt.Sprint("person ", i))
		if err := s.Log(context.Background(), []account.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRetention: addresses go after seven days, events after ninety, neither sooner;
// the audit is whole after each sweep and after a restart, and what is left is as it
// was but for the address.
func TestRetention(t *testing.T) {
	const days = 700 + 100 // more than one step of each
	dir, ctx := t.TempDir(), context.Background()
	db, s := open(t, dir, nil)
	diary(t, s, days)
	limits := retention.Limits{Addresses: 7 * 24 * time.Hour, Events: 90 * 24 * time.Hour}
	for round := range 3 {
		if round < 2 {
			if err := s.Retain(ctx, storetest.Now().Add(time.Minute), limits); err != nil {
				t.Fatal(err)
			}
		}
		events, err := s.Events(ctx, 0, 10_000)
		if err != nil || len(events) != 90 || events[0].Seq != days-89 {
			t.Fatalf("round %d: %d events from %+v, %v", round, len(events), events[0], err)
		}
		for _, e := range events {
			day := int(e.Seq) - 1
			want := ""
			if day >= days-7 {
				want = fmt.Sprintf("203.0.113.%d", day)
			}
			tries, err := s.Tries(ctx, account.ID(fmt.Sprint("person ", day)), 20)
			if err != nil || len(tries) != 1 || tries[0].Address != want || e.Address != want || e.Note != fmt.Sprint("note ", day) || e.Name != "anna" {
				t.Errorf("round %d: day %d is %+v, the try %+v, %v", round, day, e, tries, err)
			}
		}
		if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Events != 90 || r.AuditHead != days {
			t.Errorf("round %d: %+v, %v", round, r, err)
		}
		if round == 1 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db, s = open(t, dir, nil)
		}
	}
	// Ten years later the newest event is still there, so that the audit goes on.
	if err := s.Retain(ctx, storetest.Now().AddDate(10, 0, 0), limits); err != nil {
		t.Fatal(err)
	}
	diary(t, s, 1)
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Events != 2 || r.AuditHead != days+1 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// What was tampered with is found after a sweep as before it: in events that lost an
// address, in the begin of the audit, and where old events were changed, which then
// stay.
func TestRetentionHidesNothing(t *testing.T) {
	ctx := context.Background()
	limits := retention.Limits{Addresses: 7 * 24 * time.Hour, Events: 20 * 24 * time.Hour}
	for _, c := range []struct {
		before, after string
		broken        int64
	}{
		{"", "", 0},
		{"", "UPDATE event SET redone = x'' WHERE seq = 15", 15},
		{"", "UPDATE event SET redone = zeroblob(32) WHERE seq = 15", 15},
		{"", "UPDATE event SET redone = (SELECT redone FROM event WHERE seq = 16) WHERE seq = 15", 15},
		{"", "UPDATE event SET body = (SELECT body FROM event WHERE seq = 16), redone = (SELECT redone FROM event WHERE seq = 16) WHERE seq = 15", 15},
		{"", "DELETE FROM event WHERE seq = 11", 11},
		{"", "DELETE FROM event WHERE seq = 15", 15},
		{"", "DELETE FROM event WHERE seq = 30", 30},
		{"", "DELETE FROM foot", 1},
		{"", "UPDATE foot SET seq = 11, mac = (SELECT mac FROM event WHERE seq = 11); DELETE FROM event WHERE seq = 11", 11},
		{"UPDATE event SET mac = zeroblob(32) WHERE seq = 3", "", 3},
		{"DELETE FROM event WHERE seq = 3", "", 3},
		{"UPDATE event SET body = (SELECT body FROM event WHERE seq = 5) WHERE seq = 20", "", 20},
	} {
		dir := t.TempDir()
		db, s := open(t, dir, nil)
		diary(t, s, 30)
		for _, statement := range []string{c.before, c.after} {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if statement != "" {
				behind(t, dir, statement)
			}
			db, s = open(t, dir, nil)
			if statement == c.before {
				if err := s.Retain(ctx, storetest.Now().Add(time.Minute), limits); err != nil {
					t.Fatal(err)
				}
			}
		}
		if r, err := s.Verify(ctx); err != nil || (r.BrokenEvent == 0) != (c.broken == 0) || r.BrokenEvent != c.broken {
			t.Errorf("%q, %q: %+v, %v, want event %d", c.before, c.after, r, err, c.broken)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// From where an app password was last used is an address, too, in the file and in
// memory; the record goes on.
func TestRetentionOfRecords(t *testing.T) {
	ctx := context.Background()
	_, s := open(t, t.TempDir(), nil)
	old, young := record("anna", "old", "app-password", 1), record("anna", "young", "app-password", 1)
	if err := s.Commit(ctx, account.Change{Subject: "anna", Put: []account.Record{old, young}}); err != nil {
		t.Fatal(err)
	}
	// Bert has nothing that was used lately.
	if err := s.Commit(ctx, account.Change{Subject: "bert", Put: []account.Record{record("bert", "only", "app-password", 1)}}); err != nil {
		t.Fatal(err)
	}
	for id, days := range map[string]int{"old": -8, "young": -6, "only": -8} {
		subject := account.ID("anna")
		if id == "only" {
			subject = "bert"
		}
		if err := s.Log(ctx, nil, []account.Record{{ID: id, Subject: subject, LastUsed: storetest.Now().AddDate(0, 0, days), LastFrom: "203.0.113.9", LastAgent: "agent"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Retain(ctx, storetest.Now(), retention.Limits{Addresses: 7 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Load(ctx, "anna")
	if err != nil || len(snap.Records) != 2 {
		t.Fatalf("%+v, %v", snap, err)
	}
	for _, r := range snap.Records {
		if (r.LastFrom == "") != (r.ID == "old") || r.LastAgent != "agent" {
			t.Errorf("%+v", r)
		}
	}
	if snap, err = s.Load(ctx, "bert"); err != nil || len(snap.Records) != 1 || snap.Records[0].LastFrom != "" {
		t.Errorf("%+v, %v", snap, err)
	}
	if r, err := s.Verify(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
}

// Who has logged in is forgotten before who has changed what: the event of a login
// goes on in its place without the person, that of a change and of an operator stays
// whole until both go. Last tries that old are gone.
func TestRetentionOfLogins(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	db, s := open(t, dir, nil)
	event := func(act account.Act, actor string, days int) account.Event {
		return account.Event{At: storetest.Now().AddDate(0, 0, -days), Act: act, Actor: actor, Subject: "anna", Name: "anna", Service: "web",
			Record: "phone", Label: "Phone", Address: "203.0.113.9", Agent: "agent", Note: "note"}
	}
	all := []account.Event{
		event(account.ActCheck, "user", 40), event(account.ActNewNetwork, "user", 40), event(account.ActCheck, "root(0)", 40),
		event(account.ActReset, "user", 40), event(account.ActReset, "root(0)", 40), event(account.ActAlarm, "daemon", 40),
		event(account.ActCheck, "user", 20), event(account.ActNewNetwork, "user", 20), event(account.ActReset, "user", 20), event(account.ActCheck, "user", 0),
	}
	if err := s.Commit(ctx, account.Change{Version: -1, Events: all}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []account.Event{all[0], all[6], all[9]} {
		e.Subject = account.ID(fmt.Sprint("tried ", e.At.Unix()))
		if err := s.Log(ctx, []account.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limits := retention.Limits{Addresses: 7 * 24 * time.Hour, Logins: 31 * 24 * time.Hour, Events: 90 * 24 * time.Hour}
	// Two weeks ago the addresses of the oldest had their time, and no login.
	if err := s.Retain(ctx, storetest.Now().AddDate(0, 0, -15), limits); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Events(ctx, 0, 1); err != nil || got[0].Name != "anna" || got[0].Address != "" {
		t.Errorf("after 25 days: %+v, %v", got, err)
	}
	for round := range 3 {
		if err := s.Retain(ctx, storetest.Now(), limits); err != nil {
			t.Fatal(err)
		}
		got, err := s.Events(ctx, 0, 100)
		if err != nil || len(got) != len(all) {
			t.Fatalf("%d events, %v", len(got), err)
		}
		for i, e := range got {
			want := all[i]
			want.Seq = int64(i) + 1
			switch {
			case i < 2:
				want = account.Event{Seq: want.Seq, At: want.At, Act: want.Act, Actor: want.Actor, Service: want.Service}
			case i < 9:
				want.Address = ""
			}
			if e.At.Equal(want.At) {
				e.At = want.At
			}
			if e != want {
				t.Errorf("round %d: event %d is\n%+v, want\n%+v", round, e.Seq, e, want)
			}
		}
		for i, n := range map[int]int{0: 0, 6: 1, 9: 1} {
			tries, err := s.Tries(ctx, account.ID(fmt.Sprint("tried ", all[i].At.Unix())), 20)
			if err != nil || len(tries) != n || n == 1 && (tries[0].Name != "anna" || (tries[0].Address == "") != (i == 6)) {
				t.Errorf("round %d: the try of %s is %+v, %v", round, all[i].At, tries, err)
			}
		}
		if r, err := s.Verify(ctx); err != nil || !r.OK() {
			t.Errorf("round %d: %+v, %v", round, r, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db, s = open(t, dir, nil)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	behind(t, dir, "UPDATE event SET body = (SELECT body FROM event WHERE seq = 2), redone = (SELECT redone FROM event WHERE seq = 2) WHERE seq = 1")
	_, s = open(t, dir, nil)
	if r, err := s.Verify(ctx); err != nil || r.BrokenEvent != 1 {
		t.Errorf("one login in the place of another: %+v, %v", r, err)
	}
}

// Logins may be forgotten before addresses are, which then stand in what operators
// did, and addresses may be kept for good.
func TestRetentionOfLoginsBeforeAddresses(t *testing.T) {
	for _, addresses := range []time.Duration{31 * 24 * time.Hour, 0} {
		ctx := context.Background()
		_, s := open(t, t.TempDir(), nil)
		for i, days := range []int{20, 1} {
			e := account.Event{At: storetest.Now().AddDate(0, 0, -days), Act: account.ActCheck, Actor: "user", Subject: account.ID("anna" + fmt.Sprint(i)), Name: "anna", Address: "203.0.113.9"}
			if err := s.Log(ctx, []account.Event{e}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Retain(ctx, storetest.Now(), retention.Limits{Addresses: addresses, Logins: 7 * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		old, err := s.Tries(ctx, "anna0", 20)
		fresh, e := s.Tries(ctx, "anna1", 20)
		if err != nil || e != nil || len(old) != 0 || len(fresh) != 1 || fresh[0].Address == "" {
			t.Errorf("addresses for %s: of 20 days ago %+v, of yesterday %+v, %v, %v", addresses, old, fresh, err, e)
		}
		// Memory does not add the next one to a row that is gone.
		again := account.Event{At: storetest.Now(), Act: account.ActCheck, Actor: "user", Subject: "anna0", Name: "anna", Address: "203.0.113.9"}
		if err := s.Log(ctx, []account.Event{again}, nil); err != nil {
			t.Fatal(err)
		}
		if next, err := s.Tries(ctx, "anna0", 20); err != nil || len(next) != 1 || next[0].Count > 1 {
			t.Errorf("the next one is %+v, %v", next, err)
		}
	}
}
