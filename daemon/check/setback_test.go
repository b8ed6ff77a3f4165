package check_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// A ticket that stands for a password was good for five minutes and the time
// by which the clock had been wrong.
func TestATicketOfAClockThatWasAheadIsOver(t *testing.T) {
	for ahead, holds := range map[time.Duration]bool{time.Minute: true, time.Minute + 1: false, 24 * time.Hour: false} {
		s := newScene(t, nil)
		_, key := s.enroll("alice", totp.Factor{}, nil)
		ticket := s.ticket("alice")
		s.move(-ahead)
		ans := s.engine.Check(context.Background(), account.Attempt{Service: "web", Ticket: ticket, Code: s.code(key), Client: home()})
		if holds {
			want(t, ans, factor.Accept, account.OK)
		} else {
			want(t, ans, factor.Deny, account.BadCredentials)
		}
	}
}

// A network that somebody has used in the future is not familiar yet.
func TestANetworkFromTheFutureIsNotFamiliar(t *testing.T) {
	s := newScene(t, nil)
	want(t, s.try("plain", "alice", "alice-password", ""), factor.Accept, account.OK)
	s.move(-24 * time.Hour)
	for _, wrong := range []account.Secret{"a", "b", "c"} {
		s.try("plain", "alice", wrong, "")
	}
	if _, wait, err := s.throttle.First(context.Background(), "id-alice", false); wait == 0 || err != nil {
		t.Errorf("the tries count elsewhere: %s, %v", wait, err)
	}
	// A login makes it so, from now on.
	s.move(time.Minute)
	want(t, s.try("plain", "alice", "alice-password", ""), factor.Accept, account.OK)
	for _, wrong := range []account.Secret{"d", "e", "f"} {
		s.try("plain", "alice", wrong, "")
	}
	if _, wait, err := s.throttle.First(context.Background(), "id-alice", true); wait == 0 || err != nil {
		t.Errorf("the network did not become familiar: %s, %v", wait, err)
	}
}
