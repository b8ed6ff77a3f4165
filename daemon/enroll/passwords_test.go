package enroll_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// A name is the owner's to change, whenever they are signed in; the audit knows
// both names, and the app password goes on working.
func TestAnAppPasswordIsRenamed(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	token := done.Session.Token
	made, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "Handy"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "  ", strings.Repeat("x", 65), "a\nb"} {
		refused(t, s.desk.Rename(ctx, token, made.Record, bad), account.Malformed)
	}
	over(t, s.desk.Rename(ctx, token, "no-such", "x"))
	over(t, s.desk.Rename(ctx, "no-session", made.Record, "x"))
	s.move(20 * time.Minute) // no longer fresh
	if err := s.desk.Rename(ctx, token, made.Record, " Handy von Zoë "); err != nil {
		t.Fatal(err)
	}
	v, err := s.desk.View(ctx, token)
	if err != nil || v.AppPasswords[0].Label != "Handy von Zoë" || !s.verify("alice", "app-password", made.Secret) {
		t.Errorf("%+v, %v", v.AppPasswords, err)
	}
	events, err := s.store.Events(ctx, 0, 100)
	last := events[len(events)-1]
	if err != nil || last.Act != account.ActRename || last.Label != "Handy von Zoë" || last.Note != `was "Handy"` || last.Actor != "user" {
		t.Errorf("the audit ends with %+v, %v", last, err)
	}
}

// Those that nobody has used for 90 days end together; the others stay.
func TestUnusedAppPasswordsEndTogether(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	old, err := s.desk.Issue(ctx, done.Session.Token, enroll.Wish{Label: "drawer"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.desk.RevokeUnused(ctx, done.Session.Token); n != 0 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	s.move(90*24*time.Hour - time.Minute)
	token := s.open(account.TicketEntry, "alice")
	young, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "new"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.desk.RevokeUnused(ctx, token); n != 0 || err != nil {
		t.Errorf("a minute early %d ended, %v", n, err)
	}
	s.move(2 * time.Minute)
	if n, err := s.desk.RevokeUnused(ctx, token); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if s.verify("alice", "app-password", old.Secret) || !s.verify("alice", "app-password", young.Secret) {
		t.Error("the wrong one has ended")
	}
}

// An app password that was asked for a time ends after it.
func TestAnAppPasswordEndsByItself(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	_, err := s.desk.Issue(ctx, done.Session.Token, enroll.Wish{Label: "x", Life: -time.Hour})
	refused(t, err, account.Malformed)
	made, err := s.desk.Issue(ctx, done.Session.Token, enroll.Wish{Label: "guest", Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if s.move(59 * time.Minute); !s.verify("alice", "app-password", made.Secret) {
		t.Error("it has ended early")
	}
	if s.move(2 * time.Minute); s.active("alice", "app-password") != 0 {
		t.Error("it has not ended")
	}
}
