package enroll_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// What the owner does is audited with where they signed in, from the set-up on;
// a first phone and another one in its place are two different acts.
func TestTheAuditSaysWhereFrom(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	first, _ := s.setUp("alice")
	if _, err := s.desk.Issue(ctx, first.Session.Token, enroll.Wish{Label: "phone"}); err != nil {
		t.Fatal(err)
	}
	s.move(time.Minute)
	session := s.open(account.TicketEntry, "alice")
	key := s.begin(session, s.replacing(session)).Setup.Secret
	if _, err := s.desk.Confirm(ctx, session, s.code(key)); err != nil {
		t.Fatal(err)
	}
	audit, err := s.store.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := []account.Act{account.ActEnroll, account.ActIssue, account.ActIssue, account.ActReplace}
	if len(audit) != len(want) {
		t.Fatalf("audited %+v", audit)
	}
	for i, e := range audit {
		if e.Act != want[i] || e.Address != "192.0.2.7" || e.Actor != "user" {
			t.Errorf("act %d is %s from %q by %s, want %s", i+1, e.Act, e.Address, e.Actor, want[i])
		}
	}
}

// A ticket of the version before, which says nothing of an address, is still one.
func TestATicketWithoutAnAddress(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	secret := account.Secret("an older ticket")
	err := s.store.Commit(ctx, account.Change{Subject: "id-alice", Version: -1, PutTokens: []account.Token{{
		Kind: account.TicketEnroll, Hash: account.HashToken(s.mac, account.TicketEnroll, secret), Subject: "id-alice",
		Data: []byte("web\x00alice"), Created: s.clock(), Expires: s.clock().Add(time.Minute),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.desk.Open(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.desk.View(ctx, got.Token); err != nil || v.Subject.Name != "alice" {
		t.Errorf("%+v, %v", v, err)
	}
}
