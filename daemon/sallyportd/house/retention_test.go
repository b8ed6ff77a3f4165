package house

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config/keepform"
)

// The hourly sweep removes addresses, logins and events as the config in force says, also
// after a reload.
func TestTheSweepKeepsToTheRetention(t *testing.T) {
	s := newScene(t)
	now := time.Now()
	for _, days := range []int{-100, -50, -40, -10, 0} {
		e := account.Event{At: now.AddDate(0, 0, days), Act: account.ActReset, Name: "alice", Address: "203.0.113.7"}
		if days == -40 {
			e = account.Event{At: e.At, Act: account.ActCheck, Actor: "user", Name: "bert"}
		}
		s.must(s.store.Commit(t.Context(), account.Change{Version: -1, Events: []account.Event{e}}))
	}
	look := func(events, addresses int, named bool) {
		t.Helper()
		s.must(s.sweeper().sweep(t.Context()))
		left, err := s.store.Events(t.Context(), 0, 100)
		s.must(err)
		n, bert := 0, false
		for _, e := range left {
			if e.Address != "" {
				n++
			}
			bert = bert || e.Name == "bert"
		}
		if len(left) != events || n != addresses || bert != named {
			t.Errorf("%d events are left, %d with an address, the login of 40 days ago is told: %v; want %d, %d and %v", len(left), n, bert, events, addresses, named)
		}
	}
	for _, c := range []struct{ addresses, logins, events, left, with int }{{90, 45, 365, 5, 3}, {7, 31, 90, 4, 1}, {7, 20, 20, 2, 1}} {
		cfg := *s.House.cfg.Load()
		cfg.Retention = keepform.Retention{Addresses: time.Duration(c.addresses) * 24 * time.Hour, Logins: time.Duration(c.logins) * 24 * time.Hour, Events: time.Duration(c.events) * 24 * time.Hour}
		s.House.cfg.Store(&cfg)
		look(c.left, c.with, c.logins > 40)
	}
	if r, err := s.VerifyAudit(t.Context(), ""); err != nil || !r.OK || r.First != 4 {
		t.Errorf("%+v, %v", r, err)
	}
}
