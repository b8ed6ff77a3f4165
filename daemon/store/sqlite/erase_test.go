package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// life writes all that may ever be kept of somebody, between that of others.
func life(t *testing.T, s *sqlite.Store, id account.ID, name string) {
	t.Helper()
	ctx := context.Background()
	r := record(id, "record-"+name, "app-password", 1)
	r.Label, r.Device, r.LastFrom = "phone of "+name, "", ""
	k := token(account.TokenSession, id, name[0])
	source := token(account.TokenSource, id, name[0])
	e := account.Event{At: storetest.Now(), Act: account.ActIssue, Actor: "user", Subject: id, Name: name, Label: "phone of " + name,
		Record: "record-" + name, Address: "203.0.113.77", Agent: "agent of " + name, Service: "dav"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Commit(ctx, account.Change{Subject: id, Put: []account.Record{r}, PutTokens: []account.Token{k, source}, Events: []account.Event{e}}))
	e.Act, e.Note = account.ActCheck, "a try of "+name
	stranger := e
	stranger.Subject, stranger.Note, stranger.Label = "", "", ""
	must(s.Log(ctx, []account.Event{e, stranger}, []account.Record{{ID: r.ID, Subject: id, LastUsed: storetest.Now(), LastFrom: "203.0.113.77", LastAgent: "agent of " + name}}))
	_, _, err := s.Fail(ctx, account.Try{Bucket: "first:new:" + string(id), At: storetest.Now(), Allow: func([]time.Time) time.Duration { return 0 }})
	must(err)
	reset := account.Event{At: storetest.Now(), Act: account.ActReset, Actor: "root(0)", Subject: id, Name: name, Note: "lost the phone of " + name, Ticket: "T-" + name}
	alarm := account.Event{At: storetest.Now(), Act: account.ActAlarm, Actor: "daemon", Name: name, Note: "more than one entry"}
	must(s.Commit(ctx, account.Change{Subject: id, Version: -1, Events: []account.Event{reset, alarm}}))
}

// TestNothingIsLeftOfWhoIsErased: no file has the login, the id, the address or
// anything else of the person any more, the audit is whole, others have everything
// that they had, and memory has forgotten, too.
func TestNothingIsLeftOfWhoIsErased(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	db, s := open(t, dir, nil)
	gone := dossier.Who{ID: "sentinel-id", Names: []string{"Sentinel"}}
	for i := range 30 {
		life(t, s, account.ID(fmt.Sprint("other-id-", i)), fmt.Sprint(string(rune('A'+i)), "-other"))
		if i == 15 {
			life(t, s, gone.ID, "sentinel")
		}
	}
	// More events than one step looks at, and the last is about the person again.
	event := account.Event{At: storetest.Now(), Act: account.ActReset, Actor: "root(0)", Subject: "other-id-1", Name: "B-other"}
	many := slices.Repeat([]account.Event{event}, 450)
	event.Subject, event.Name, event.Note = gone.ID, "sentinel", "sentinel has left"
	if err := s.Commit(ctx, account.Change{Version: -1, Events: append(many, event)}); err != nil {
		t.Fatal(err)
	}
	// What was there once and is gone lies in the file, too.
	if err := s.Commit(ctx, account.Change{Subject: gone.ID, Version: -1, Delete: []string{"record-sentinel"}}); err != nil {
		t.Fatal(err)
	}
	life2 := record(gone.ID, "record-sentinel-2", "totp", 2)
	snap, err := s.Load(ctx, gone.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, account.Change{Subject: gone.ID, Version: snap.Version, Put: []account.Record{life2}}); err != nil {
		t.Fatal(err)
	}
	contains(t, dir, "sentinel", true)
	before, err := s.Events(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := s.Kept(ctx, gone.ID); err != nil || len(k.Tokens) != 2 || len(k.Counted["first:new"]) != 1 || string(k.Tokens[0].Data) == "" {
		t.Errorf("kept are %+v, %v", k, err)
	}
	did, err := s.Erase(ctx, gone)
	if err != nil || did != (dossier.Gone{Records: 1, Tokens: 2, Tries: 2, Events: 4}) {
		t.Errorf("%+v, %v", did, err)
	}
	for round := range 2 {
		contains(t, dir, "sentinel", false)
		if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Events != int64(len(before)) {
			t.Errorf("round %d: %+v, %v", round, r, err)
		}
		if snap, err := s.Load(ctx, gone.ID); err != nil || snap.Version != 0 || len(snap.Records) != 0 {
			t.Errorf("round %d: still loaded: %+v, %v", round, snap, err)
		}
		after, err := s.Events(ctx, 0, 1000)
		if err != nil || len(after) != len(before) {
			t.Fatal(len(after), err)
		}
		for i, e := range after {
			if b := before[i]; b.Subject != gone.ID && b.Name != "sentinel" && b != e {
				t.Errorf("event %d of somebody else was %+v, is %+v", b.Seq, b, e)
			} else if b.Seq != e.Seq || b.At != e.At || b.Act != e.Act || b.Actor != e.Actor || b.Service != e.Service {
				t.Errorf("event %d was %+v, is %+v", b.Seq, b, e)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db, s = open(t, dir, nil)
	}
	// Whoever comes back begins anew, with tries of which memory knows no earlier one.
	life(t, s, gone.ID, "sentinel")
	if tries, err := s.Tries(ctx, gone.ID, 20); err != nil || len(tries) != 1 || tries[0].Count != 1 {
		t.Errorf("%+v, %v", tries, err)
	}
}

// An event that somebody has changed is not signed anew: nobody is told that all is
// gone, and the change stays to be found.
func TestErasingSignsNoTampering(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	db, s := open(t, dir, nil)
	life(t, s, "other", "Other")
	life(t, s, "sentinel-id", "sentinel")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	behind(t, dir, "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'lost the phone', 'sold the phone') AS BLOB) WHERE seq = 5")
	_, s = open(t, dir, nil)
	if _, err := s.Erase(ctx, dossier.Who{ID: "sentinel-id", Names: []string{"sentinel"}}); err == nil {
		t.Error("all is said to be gone")
	}
	if r, err := s.Verify(ctx); err != nil || r.BrokenEvent != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The last try of whoever was erased is in memory, where the next one would be added
// to it, and to a row that is gone.
func TestTriesAfterAnErasure(t *testing.T) {
	ctx := context.Background()
	_, s := open(t, t.TempDir(), nil)
	life(t, s, "sentinel-id", "sentinel")
	if _, err := s.Erase(ctx, dossier.Who{ID: "sentinel-id", Names: []string{"sentinel"}}); err != nil {
		t.Fatal(err)
	}
	life(t, s, "sentinel-id", "sentinel")
	for _, id := range []account.ID{"sentinel-id", ""} {
		if tries, err := s.Tries(ctx, id, 20); err != nil || len(tries) != 1 || tries[0].Count != 1 {
			t.Errorf("%q: %+v, %v", id, tries, err)
		}
	}
}
