package enroll_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// meddled is a store in front of which another window acts.
type meddled struct {
	records.Store
	before, after func()
}

func (m *meddled) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	before, after := m.before, m.after
	m.before, m.after = nil, nil // the other window reads, too
	if before != nil {
		before()
	}
	snap, err := m.Store.Load(ctx, id, open...)
	if after != nil {
		after()
	}
	return snap, err
}

// Whoever looks in one window while the other one begins the set-up does not
// undo it: looking renews the session, and must not write back what it read.
func TestLookingDoesNotUndoWhatAnotherWindowBegan(t *testing.T) {
	ctx := context.Background()
	for name, meddle := range map[string]func(m *meddled, act func()){
		"just before the look": func(m *meddled, act func()) { m.before = act },
		"just after the look":  func(m *meddled, act func()) { m.after = act },
	} {
		m := &meddled{}
		s := newScene(t, func(c *enroll.Config) { m.Store = c.Store; c.Store = m })
		token := s.open(account.TicketEntry, "alice")
		s.move(2 * time.Minute) // so that looking renews the session
		var key account.Secret
		meddle(m, func() { key = s.begin(token).Setup.Secret })
		if _, err := s.desk.View(ctx, token); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := s.desk.View(ctx, token)
		if err != nil || v.Stage != enroll.StageConfirm || key == "" || v.Setup.Secret != key {
			t.Errorf("%s: stage %s, %v; the key that the other window shows is lost", name, v.Stage, err)
		}
	}
}
