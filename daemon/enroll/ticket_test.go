package enroll_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// A ticket has at most 64 characters, however many bytes they take.
func TestATicketIsMeasuredInCharacters(t *testing.T) {
	s := newScene(t, nil)
	o := enroll.Order{Operator: "desk(7)", Login: "desk", Name: "alice", Reason: "lost phone", Ticket: strings.Repeat("ä", 64)}
	if err := s.support.Unlock(context.Background(), o); err != nil {
		t.Errorf("64 characters: %v", err)
	}
	o.Ticket += "ä"
	refused(t, s.support.Unlock(context.Background(), o), account.Malformed)
}
