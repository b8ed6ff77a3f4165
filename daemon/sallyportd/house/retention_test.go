package house

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config/keepform"
)

// The hourly sweep removes addresses and events as the config in force says, also
// after a reload.
func TestTheSweepKeepsToTheRetention(t *testing.T) {
	s := newScene(t)
	now := time.Now()
	for _, days := range []int{-100, -50, -10, 0} {
		s.must(s.store.Commit(t.Context(), account.Change{Version: -1, Events: []account.Event{
			{At: now.AddDate(0, 0, days), Act: account.ActReset, Name: "alice", Address: "203.0.113.7"}}}))
	}
	look := func(events, addresses int) {
		t.Helper()
		s.must(s.sweeper().sweep(t.Context()))
		left, err := s.store.Events(t.Context(), 0, 100)
		s.must(err)
		n := 0
		for _, e := range left {
			if e.Address != "" {
				n++
			}
		}
		if len(left) != events || n != addresses {
			t.Errorf("%d events are left, %d with an address; want %d and %d", len(left), n, events, addresses)
		}
	}
	for _, c := range []struct{ addresses, events, left, with int }{{90, 365, 4, 3}, {7, 90, 3, 1}, {7, 20, 2, 1}} {
		cfg := *s.House.cfg.Load()
		cfg.Retention = keepform.Retention{Addresses: time.Duration(c.addresses) * 24 * time.Hour, Events: time.Duration(c.events) * 24 * time.Hour}
		s.House.cfg.Store(&cfg)
		look(c.left, c.with)
	}
	if r, err := s.Verify(t.Context(), ""); err != nil || !r.OK || r.First != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}
