package enroll_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// A page that looks by itself, with nobody in front of it, does not keep the
// session from idling out.
func TestWhatAPageAsksByItselfKeepsNoSession(t *testing.T) {
	for name, c := range map[string]struct{ unasked, over bool }{"a person looks": {false, false}, "the page looks": {true, true}} {
		s := newScene(t, nil)
		token := s.open(account.TicketEntry, "alice")
		ctx := t.Context()
		if c.unasked {
			ctx = records.Unasked(ctx)
		}
		for range 5 {
			s.move(5 * time.Minute)
			if _, err := s.desk.View(ctx, token); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		s.move(10 * time.Minute)
		if _, err := s.desk.View(t.Context(), token); (err != nil) != c.over {
			t.Errorf("%s: %v", name, err)
		}
	}
}
