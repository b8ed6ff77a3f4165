package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/plugins/factor"
)

func kinds() []account.TokenKind {
	return []account.TokenKind{account.TicketPassword, account.TicketEnroll, account.TicketEntry,
		account.TokenInvite, account.TokenSetup, account.TokenSession, account.TokenSource, account.TokenFlow, account.TokenFlowDone,
		account.TicketVisit, account.TokenVisit}
}

func tokensComeBack(t *testing.T, s store.Store) {
	for i, kind := range kinds() {
		token := testToken(kind, "anna", byte(i))
		commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}})
		got, err := s.Token(context.Background(), ref(token))
		if err != nil {
			t.Fatal(err)
		}
		same(t, string(kind), got, token)
		token.Data, token.Expires = []byte("other"), Now().Add(time.Hour)
		commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}})
		if got, err = s.Token(context.Background(), ref(token)); err != nil {
			t.Fatal(err)
		}
		same(t, string(kind)+" put again", got, token)
	}
}

func tokenKindsAreApart(t *testing.T, s store.Store) {
	for _, have := range kinds() {
		token := testToken(have, "anna", byte(len(have)))
		commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}})
		for _, asked := range kinds() {
			r := account.TokenRef{Kind: asked, Hash: token.Hash}
			_, err := s.Token(context.Background(), r)
			if asked != have {
				if !errors.Is(err, account.ErrNotFound) {
					t.Errorf("a %s token passed for %s: %v", have, asked, err)
				}
				conflicts(t, s, account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{r}})
			} else if err != nil {
				t.Error(err)
			}
		}
		commit(t, s, account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{ref(token)}})
	}
	_, err := s.Token(context.Background(), account.TokenRef{Kind: "x"})
	refused(t, "an unknown kind", err)
}

func takenOnce(t *testing.T, s store.Store) {
	token := testToken(account.TokenInvite, "anna", 1)
	commit(t, s, account.Change{Subject: "anna", PutTokens: []account.Token{token}})
	take := account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{ref(token), ref(token)}}
	conflicts(t, s, take)
	take.TakeTokens = take.TakeTokens[:1]
	commit(t, s, take)
	conflicts(t, s, take)
	if _, err := s.Token(context.Background(), ref(token)); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a taken token: %v", err)
	}
}

func takeOnlyOnesOwn(t *testing.T, s store.Store) {
	token := testToken(account.TokenInvite, "anna", 1)
	commit(t, s, account.Change{Subject: "anna", PutTokens: []account.Token{token}})
	conflicts(t, s, account.Change{Subject: "bert", Version: -1, TakeTokens: []account.TokenRef{ref(token)}})
	commit(t, s, account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{ref(token)}})
}

func endTokens(t *testing.T, s store.Store) {
	for i, kind := range kinds() {
		for j, id := range []account.ID{"anna", "bert"} {
			commit(t, s, account.Change{Subject: id, Version: -1, PutTokens: []account.Token{testToken(kind, id, byte(2*i+j))}})
		}
	}
	fresh := testToken(account.TokenSession, "anna", 99)
	commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{fresh},
		EndTokens: []account.TokenKind{account.TokenSession, account.TicketPassword}})
	for i, kind := range kinds() {
		for j, id := range []account.ID{"anna", "bert"} {
			_, err := s.Token(context.Background(), ref(testToken(kind, id, byte(2*i+j))))
			ended := id == "anna" && (kind == account.TokenSession || kind == account.TicketPassword)
			if ended != errors.Is(err, account.ErrNotFound) {
				t.Errorf("the %s token of %s: %v", kind, id, err)
			}
		}
	}
	if _, err := s.Token(context.Background(), ref(fresh)); err != nil {
		t.Errorf("the session put in the same change: %v", err)
	}
}

// ticketsAreBounded: whoever has only a password cannot fill the disk with what
// it begets, and not push out what took more.
// What takes a token away takes it from those, too, who have just seen it: one
// that was taken, that was ended with others of its subject, and that lost its
// place in a change that failed as a whole.
func tokensSeenAreNotRemembered(t *testing.T, s store.Store) {
	for _, kind := range kinds() {
		token := testToken(kind, "anna", 1)
		see := func(what string, want error) {
			t.Helper()
			for range 2 { // the second time perhaps from memory
				if _, err := s.Token(context.Background(), ref(token)); !errors.Is(err, want) {
					t.Errorf("%s %s: %v", kind, what, err)
				}
			}
		}
		put := account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}}
		see("before", account.ErrNotFound)
		conflicts(t, s, account.Change{Subject: "anna", Version: 99, PutTokens: []account.Token{token}})
		see("of a change that conflicts", account.ErrNotFound)
		commit(t, s, put)
		see("put", nil)
		commit(t, s, account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{ref(token)}})
		see("taken", account.ErrNotFound)
		commit(t, s, put)
		see("put again", nil)
		commit(t, s, account.Change{Subject: "anna", Version: -1, EndTokens: []account.TokenKind{kind}})
		see("ended", account.ErrNotFound)
	}
}

func ticketsAreBounded(t *testing.T, s store.Store) {
	for _, kind := range kinds() {
		for n := range byte(store.MaxTickets + 2) {
			token := testToken(kind, "anna", n)
			token.Created = Now().Add(time.Duration(n) * time.Second)
			commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}})
		}
		bounded := kind != account.TokenSession && kind != account.TokenSource
		for n := range byte(store.MaxTickets + 2) {
			_, err := s.Token(context.Background(), ref(testToken(kind, "anna", n)))
			if gone := errors.Is(err, account.ErrNotFound); gone != (bounded && n < 2) {
				t.Errorf("%s token %d of %d: %v", kind, n, store.MaxTickets+2, err)
			}
		}
	}
}

func testEvent(n int) account.Event {
	return account.Event{
		At: Now().Add(time.Duration(n) * time.Second), Act: account.ActCheck, Subject: "anna", Name: "anna", Actor: "user",
		Service: "dav", FrontEnd: "http", Factor: "totp", Record: "a", Label: "Telefon", Verdict: factor.Deny,
		Reason: account.CodeWrong, Address: "192.0.2.1", Agent: "agent\nwith lines", Note: "ü", Ticket: "T1", Took: time.Millisecond, Count: 1,
	}
}

func audit(t *testing.T, s store.Store) {
	var want []account.Event
	for i := range 10 {
		c := account.Change{Subject: "anna", Version: int64(i)}
		for j := range i % 3 {
			e := testEvent(10*i + j)
			c.Events = append(c.Events, e)
			e.Seq = int64(len(want) + 1)
			want = append(want, e)
		}
		commit(t, s, c)
	}
	for _, c := range []struct {
		after int64
		limit int
		want  []account.Event
	}{{0, 100, want}, {0, 2, want[:2]}, {3, 100, want[3:]}, {3, 1, want[3:4]}, {int64(len(want)), 5, nil}, {0, 0, nil}, {0, -1, nil}} {
		got, err := s.Events(context.Background(), c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%d events after %d", c.limit, c.after), got, c.want)
	}
}

func auditOfNobody(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Version: -1, Events: []account.Event{{Act: account.ActAlarm, Note: "note"}}})
	got, err := s.Events(context.Background(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "an alarm", got, []account.Event{{Seq: 1, Act: account.ActAlarm, Note: "note"}})
}

func logTries(t *testing.T, s store.Store, tries ...account.Event) {
	t.Helper()
	if err := s.Log(context.Background(), tries, nil); err != nil {
		t.Fatal(err)
	}
}

func triesAreCoalesced(t *testing.T, s store.Store) {
	other := testEvent(3)
	other.Reason = account.CodeUsed
	single := testEvent(5)
	single.Count = 0
	logTries(t, s, testEvent(1), testEvent(2))
	logTries(t, s, other, testEvent(4))
	logTries(t, s, single)
	logTries(t, s, testEvent(6))
	got, err := s.Tries(context.Background(), "anna", 10)
	if err != nil {
		t.Fatal(err)
	}
	newest, oldest := testEvent(6), testEvent(2)
	newest.Count, oldest.Count = 3, 2
	same(t, "tries", got, []account.Event{newest, other, oldest})
	if got, err := s.Tries(context.Background(), "anna", 1); err != nil || len(got) != 1 {
		t.Errorf("one of them: %v, %v", got, err)
	}
}

func triesAreBounded(t *testing.T, s store.Store) {
	for i := range 50 {
		e := testEvent(i)
		e.Address = fmt.Sprint("192.0.2.", i)
		f := e
		f.Subject = "bert"
		if i < 5 {
			logTries(t, s, e, f)
		} else {
			logTries(t, s, e)
		}
	}
	got, err := s.Tries(context.Background(), "anna", 100)
	if err != nil || len(got) != 20 || got[0].Address != "192.0.2.49" || got[19].Address != "192.0.2.30" {
		t.Errorf("%d tries, %v", len(got), err)
	}
	if got, err := s.Tries(context.Background(), "bert", 100); err != nil || len(got) != 5 {
		t.Errorf("bert has %d tries, %v", len(got), err)
	}
}

func lastUse(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a"), testRecord("anna", "b")}})
	used := account.Record{ID: "b", Subject: "anna", LastUsed: Now(), LastFrom: "2001:db8::1", LastAgent: "x", LastService: "dav", Label: "not read"}
	foreign := account.Record{ID: "a", Subject: "bert", LastFrom: "not read"}
	for _, warm := range []bool{true, false} {
		if warm {
			load(t, s, "anna")
		}
		if err := s.Log(context.Background(), nil, []account.Record{used, foreign}); err != nil {
			t.Fatal(err)
		}
		want := testRecord("anna", "b")
		want.LastUsed, want.LastFrom, want.LastAgent, want.LastService = used.LastUsed, used.LastFrom, used.LastAgent, used.LastService
		same(t, "anna", load(t, s, "anna", "totp"),
			account.Snapshot{Subject: "anna", Version: 1, Synced: true, Records: []account.Record{testRecord("anna", "a"), want}})
	}
	if err := s.Log(context.Background(), nil, nil); err != nil {
		t.Error(err)
	}
}

func census(t *testing.T, s store.Store) {
	c, err := s.Census(context.Background())
	if err != nil || c.Subjects != 0 || c.AuditHead != 0 || len(c.Factors) != 0 {
		t.Errorf("empty: %+v, %v", c, err)
	}
	pending, revoked, expired := activeRecord("anna", "p", "totp"), activeRecord("anna", "r", "totp"), activeRecord("anna", "e", "totp")
	spent := activeRecord("anna", "s", "totp")
	pending.Pending, revoked.Revoked, expired.Expires, spent.Uses = true, Now(), Now(), 0
	commit(t, s, account.Change{Subject: "anna", Events: []account.Event{testEvent(1), testEvent(2)}, Put: []account.Record{
		pending, revoked, expired, spent, activeRecord("anna", "1", "app-password"), activeRecord("anna", "2", "app-password")}})
	commit(t, s, account.Change{Subject: "bert", Put: []account.Record{
		activeRecord("bert", "3", "app-password"), activeRecord("bert", "4", "totp")}})
	live := account.Token{Kind: account.TokenSession, Hash: [32]byte{1}, Subject: "anna", Created: Now(), Expires: Now().Add(time.Hour)}
	over, setup := live, live
	over.Hash, over.Expires = [32]byte{2}, Now()
	setup.Hash, setup.Kind = [32]byte{3}, account.TokenSetup
	commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{live, over, setup}})
	if c, err = s.Census(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(t, "census", c, store.Census{Subjects: 2, Sessions: 1, AuditHead: 2, Factors: map[string]store.FactorCount{
		"app-password": {Subjects: 2, Records: 3}, "totp": {Subjects: 1, Records: 1}}})
}

func givenUp(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	refused(t, "commit", s.Commit(ctx, account.Change{Subject: "anna"}))
	_, _, err := s.Fail(ctx, account.Try{Bucket: "b", At: Now(), Allow: always})
	refused(t, "fail", err)
	refused(t, "log", s.Log(ctx, []account.Event{testEvent(1)}, nil))
	_, err = s.Load(ctx, "anna")
	refused(t, "load", err)
	_, err = s.Token(ctx, account.TokenRef{Kind: account.TokenSession})
	refused(t, "token", err)
	_, err = s.Events(ctx, 0, 1)
	refused(t, "events", err)
	_, err = s.Tries(ctx, "anna", 1)
	refused(t, "tries", err)
	_, err = s.Census(ctx)
	refused(t, "census", err)
	commit(t, s, account.Change{Subject: "anna"}) // and nothing had been written
	same(t, "the bucket", triesIn(t, s, "b"), []time.Time(nil))
}
