package enroll_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// A slip in an id is no reset: the phone would go on, and the desk be calm.
func TestResetOfAnIDThatNobodyHas(t *testing.T) {
	s := newScene(t, nil)
	if inv, err := s.support.Reset(context.Background(), order("id:id-alicf")); !errors.Is(err, account.ErrNotFound) || inv.Code != "" {
		t.Errorf("%v, %v", inv, err)
	}
}

// A reset begins anew: somebody who was made to wait for wrong codes of the
// phone that is gone does not wait with the new one. An unlock does only that.
func TestResetAndUnlockLiftTheThrottles(t *testing.T) {
	ctx := context.Background()
	for name, act := range map[string]func(s *scene) error{
		"reset":  func(s *scene) error { _, err := s.support.Reset(ctx, order("alice")); return err },
		"unlock": func(s *scene) error { return s.support.Unlock(ctx, order("alice")) },
	} {
		s := newScene(t, nil)
		counted := func(bucket string) (n int) {
			t.Helper()
			_, _, err := s.store.Fail(ctx, account.Try{Bucket: bucket, At: s.clock(), Allow: func(earlier []time.Time) time.Duration {
				n = len(earlier)
				return 0
			}})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		buckets := s.Buckets("id-alice", []string{"totp", "recovery", "invite"})
		for _, b := range append(buckets, "somebody else's") {
			counted(b)
		}
		if err := act(s); err != nil {
			t.Fatal(err)
		}
		for _, b := range buckets {
			if n := counted(b); n != 0 {
				t.Errorf("%s leaves %d tries in %q", name, n, b)
			}
		}
		if n := counted("somebody else's"); n != 1 {
			t.Errorf("%s clears a bucket of somebody else", name)
		}
	}
}
