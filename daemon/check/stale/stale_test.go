package stale_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/stale"
)

// refused asks the memory and goes away again.
func refused(s *stale.Secrets, f stale.Fingerprint, now, changed time.Time) account.Reason {
	why, leave := s.Enter(context.Background(), f, now, changed)
	leave()
	return why
}

func TestTheMemoryHasAnEndOnBothSides(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := stale.New(stale.Life)
	s.Remember(stale.Fingerprint{1}, now, account.AccountLockedByDirectory)
	for age, want := range map[time.Duration]bool{0: true, 5*time.Minute - 1: true, 5 * time.Minute: false, -5 * time.Second: true, -5*time.Second - 1: false, -time.Hour: false} {
		if got := refused(s, stale.Fingerprint{1}, now.Add(age), time.Time{}); (got == account.AccountLockedByDirectory) != want {
			t.Errorf("after %s: %q", age, got)
		}
	}
	for changed, want := range map[time.Time]bool{now.Add(-1): true, now: false, now.Add(1): false} {
		if got := refused(s, stale.Fingerprint{1}, now, changed); (got != "") != want {
			t.Errorf("changed at %s: %q", changed, got)
		}
	}
	if refused(s, stale.Fingerprint{2}, now, time.Time{}) != "" {
		t.Error("another secret is refused")
	}
	for age, want := range map[time.Duration]bool{0: false, 5*time.Minute - 1: false, 5 * time.Minute: true} {
		s := stale.New(stale.Life)
		if !s.First(stale.Fingerprint{1}, now) || s.First(stale.Fingerprint{1}, now.Add(age)) != want {
			t.Errorf("after %s it is the first time: %t", age, !want)
		}
	}
}

// Noise pushes the oldest out, and memory has a bound.
func TestTheOldestGoFirst(t *testing.T) {
	now, s := time.Unix(1_000_000, 0), stale.New(stale.Life)
	key := func(n uint32) (f stale.Fingerprint) { binary.BigEndian.PutUint32(f[4:], n+1); return f }
	for n := range uint32(1<<14 + 1) {
		s.Remember(key(n), now, account.BadCredentials)
	}
	if refused(s, key(0), now, time.Time{}) != "" || refused(s, key(1), now, time.Time{}) == "" || refused(s, key(1<<14), now, time.Time{}) == "" {
		t.Error("the wrong one was forgotten")
	}
}

// Whoever asks while somebody is asking waits for a no, and for nothing else.
func TestFollowersShareANoAndNothingElse(t *testing.T) {
	for _, no := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			now, s, f := time.Now(), stale.New(stale.Life), stale.Fingerprint{1}
			_, leave := s.Enter(context.Background(), f, now, time.Time{})
			var shared, alone atomic.Int32
			for range 10 {
				go func() {
					why, leave := s.Enter(context.Background(), f, now, time.Time{})
					defer leave()
					if why != "" {
						shared.Add(1)
					} else {
						alone.Add(1)
					}
				}()
			}
			ctx, hangUp := context.WithCancel(context.Background())
			hangUp()
			if why, leave := s.Enter(ctx, f, now, time.Time{}); why != "" {
				t.Errorf("whose time is over hears %q", why)
			} else {
				leave()
			}
			synctest.Wait()
			if n := shared.Load() + alone.Load(); n != 0 {
				t.Errorf("%d did not wait", n)
			}
			if no {
				s.Remember(f, now, account.BadCredentials)
			}
			leave()
			synctest.Wait()
			if shared.Load() == 10 != no || alone.Load() == 10 == no {
				t.Errorf("after a no (%t) %d share it and %d go on alone", no, shared.Load(), alone.Load())
			}
			// It is over: the next one leads again.
			if _, leave := s.Enter(context.Background(), f, now.Add(stale.Life), time.Time{}); leave == nil {
				t.Error("nobody leads")
			}
		})
	}
}
