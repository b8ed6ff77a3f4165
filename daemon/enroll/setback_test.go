package enroll_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// What was given out while the clock was ahead is over once it has been put
// right, or it would hold for as long as the clock was wrong, on top of its
// life. A minute is no more than two clocks may differ by.
func TestWhatAClockThatWasAheadGaveOutIsOver(t *testing.T) {
	ctx := context.Background()
	for ahead, holds := range map[time.Duration]bool{time.Minute: true, time.Minute + 1: false, 24 * time.Hour: false} {
		s := newScene(t, nil)
		done, _ := s.setUp("alice")
		setup := s.open(account.TicketEnroll, "bert")
		entry, enroll := s.ticket(account.TicketEntry, "alice"), s.ticket(account.TicketEnroll, "bert")
		s.move(-ahead)
		for what, use := range map[string]func() error{
			"a session":        func() error { _, err := s.desk.View(ctx, done.Session.Token); return err },
			"a set-up session": func() error { _, err := s.desk.View(ctx, setup); return err },
			"an entry":         func() error { _, err := s.desk.Open(ctx, entry); return err },
			"a set-up ticket":  func() error { _, err := s.desk.Open(ctx, enroll); return err },
		} {
			err := use()
			if holds && err != nil {
				t.Errorf("%s ahead: %s: %v", ahead, what, err)
			}
			if !holds {
				over(t, err)
			}
		}
	}
}

func TestAnInviteCodeFromTheFutureIsOver(t *testing.T) {
	ctx := context.Background()
	for _, taken := range []bool{false, true} {
		s := newScene(t, nil)
		s.setUp("alice")
		s.move(2 * time.Hour) // the clock is wrong
		inv, err := s.support.Reset(ctx, order("alice"))
		if err != nil {
			t.Fatal(err)
		}
		s.move(-30 * time.Second)
		token := s.open(account.TicketEnroll, "alice")
		if taken { // the code was taken while it was good
			if err := s.desk.Invite(ctx, token, inv.Code); err != nil {
				t.Fatal(err)
			}
			key := s.begin(token).Setup.Secret
			s.move(-59 * time.Second) // the session is from within a minute, the code is not
			_, err = s.desk.Confirm(ctx, token, s.code(key))
			refused(t, err, account.NotAllowed)
			continue
		}
		s.move(-59 * time.Second)
		refused(t, s.desk.Invite(ctx, token, inv.Code), account.CodeWrong)
	}
}
