package stale_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/check/stale"
)

func TestTheMemoryHasAnEndOnBothSides(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := stale.New()
	s.Remember(stale.Fingerprint{1}, now)
	for age, want := range map[time.Duration]bool{0: true, 5*time.Minute - 1: true, 5 * time.Minute: false, -1: false, -time.Hour: false} {
		if got := s.Refused(stale.Fingerprint{1}, now.Add(age), time.Time{}); got != want {
			t.Errorf("after %s: %t", age, got)
		}
	}
	for changed, want := range map[time.Time]bool{now.Add(-1): true, now: false, now.Add(1): false} {
		if got := s.Refused(stale.Fingerprint{1}, now, changed); got != want {
			t.Errorf("changed at %s: %t", changed, got)
		}
	}
	if s.Refused(stale.Fingerprint{2}, now, time.Time{}) {
		t.Error("another secret is refused")
	}
}

// Noise pushes the oldest out, and memory has a bound.
func TestTheOldestGoFirst(t *testing.T) {
	now, s := time.Unix(1_000_000, 0), stale.New()
	key := func(n uint32) (f stale.Fingerprint) { binary.BigEndian.PutUint32(f[4:], n+1); return f }
	for n := range uint32(1<<14 + 1) {
		s.Remember(key(n), now)
	}
	if s.Refused(key(0), now, time.Time{}) || !s.Refused(key(1), now, time.Time{}) || !s.Refused(key(1<<14), now, time.Time{}) {
		t.Error("the wrong one was forgotten")
	}
}
