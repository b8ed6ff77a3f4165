package enroll_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Whoever guesses the code of a reset leaves a trace: in the log and the
// counters for every try, in the audit for every try that counted, and on the
// support screen as what blocks the person.
func TestGuessingAnInviteCodeLeavesATrace(t *testing.T) {
	ctx := context.Background()
	s := newScene(t, nil)
	limits, err := throttle.New(throttle.Defaults(), s.store, s.clock)
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Throttle = limits
	if s.desk, s.support, err = enroll.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	s.setUp("alice")
	if _, err := s.support.Reset(ctx, order("alice")); err != nil {
		t.Fatal(err)
	}
	token := s.open(account.TicketEnroll, "alice")
	audited := func() (n int) {
		events, err := s.store.Events(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Act == account.ActCheck {
				n++
			}
		}
		return n
	}
	s.events = nil
	for _, code := range []account.Secret{"wrong", "", "00000-00000-00000", "11111-11111-11111", "22222-22222-22222"} {
		refused(t, s.desk.Invite(ctx, token, code), account.CodeWrong)
	}
	for range 3 {
		refused(t, s.desk.Invite(ctx, token, "wrong"), account.Throttled)
	}
	var told []account.Reason
	for _, e := range s.events {
		if e.Act != account.ActCheck || e.FrontEnd != "page" || e.Factor != "invite" || e.Verdict != factor.Deny || e.Subject != "id-alice" || e.Name != "alice" {
			t.Errorf("told of %+v", e)
		}
		told = append(told, e.Reason)
	}
	wrong, waits := account.CodeWrong, account.Throttled
	if want := []account.Reason{wrong, wrong, wrong, wrong, wrong, waits, waits, waits}; !slices.Equal(told, want) {
		t.Errorf("told %v", told)
	}
	if n := audited(); n != 5 {
		t.Errorf("%d tries are audited", n)
	}
	screen, err := s.support.User(ctx, "alice")
	if err != nil || len(screen.Blocks) != 1 || screen.Blocks[0].What != "invite code" || screen.Blocks[0].Tries != 5 || !screen.Blocks[0].Until.After(s.clock()) {
		t.Errorf("the screen shows %+v, %v", screen.Blocks, err)
	}
	if err := s.support.Unlock(ctx, order("alice")); err != nil {
		t.Fatal(err)
	}
	if screen, err = s.support.User(ctx, "alice"); err != nil || len(screen.Blocks) != 0 {
		t.Errorf("after an unlock the screen shows %+v, %v", screen.Blocks, err)
	}
	// So do codes that no password stands before.
	for range 6 {
		if _, _, err := limits.SecondAlone(ctx, "id-alice", "totp"); err != nil {
			t.Fatal(err)
		}
	}
	if screen, err = s.support.User(ctx, "alice"); err != nil || len(screen.Blocks) != 1 || screen.Blocks[0].What != "code without a password" {
		t.Errorf("the screen shows %+v, %v", screen.Blocks, err)
	}
	// A code that fits is no try, and no news.
	s.move(time.Hour)
	inv, err := s.support.Reset(ctx, order("alice"))
	if err != nil {
		t.Fatal(err)
	}
	s.events = nil
	if err := s.desk.Invite(ctx, s.open(account.TicketEnroll, "alice"), inv.Code); err != nil || len(s.events) > 0 || audited() != 5 {
		t.Errorf("%v, told %v, %d audited", err, s.events, audited())
	}
}
