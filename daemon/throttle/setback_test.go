package throttle_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/throttle"
)

// Tries that were made while the clock was ahead keep nobody waiting for the
// time that they were made at, once it has been put right; and they are nothing
// that goes on counting as a try of just now.
func TestTriesFromTheFutureKeepNobodyOut(t *testing.T) {
	ctx := context.Background()
	for _, back := range []time.Duration{time.Minute + 1, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour} {
		w, m := newWatch(), &memory{}
		th := newThrottle(t, throttle.Defaults(), m, w)
		for range 40 {
			for _, try := range tries(th) {
				if _, _, err := try(ctx); err != nil {
					t.Fatal(err)
				}
			}
			w.move(time.Millisecond)
		}
		w.move(-back - 40*time.Millisecond)
		for i, try := range tries(th) {
			if n, d, err := try(ctx); n == 0 || d != 0 || err != nil {
				t.Errorf("%s back, try %d: the right secret waits %s, %v", back, i, d, err)
			}
		}
		if d, n, err := th.Wait(ctx, "alice", "totp"); d != 0 || n != 1 || err != nil {
			t.Errorf("%s back: the desk sees %s and %d tries, %v", back, d, n, err)
		}
	}
}

// What lies hardly ahead is another clock's now: it goes on counting, and
// nobody waits for longer than the window.
func TestTriesHardlyAheadCountAsNow(t *testing.T) {
	ctx := context.Background()
	for _, back := range []time.Duration{time.Second, 30 * time.Second, time.Minute} {
		w, m := newWatch(), &memory{}
		th := newThrottle(t, throttle.Defaults(), m, w)
		for range 5 {
			for _, try := range tries(th) {
				if _, _, err := try(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.move(-back)
		for i, longest := range []time.Duration{time.Second, time.Second, time.Minute, time.Minute} {
			if _, d, err := tries(th)[i](ctx); d <= 0 || d > longest || err != nil {
				t.Errorf("%s back, try %d: waits %s, %v", back, i, d, err)
			}
		}
	}
}

// tries are the four budgets of somebody.
func tries(th *throttle.Throttle) []func(context.Context) (int64, time.Duration, error) {
	return []func(context.Context) (int64, time.Duration, error){
		func(ctx context.Context) (int64, time.Duration, error) { return th.First(ctx, "alice", false) },
		func(ctx context.Context) (int64, time.Duration, error) { return th.First(ctx, "alice", true) },
		func(ctx context.Context) (int64, time.Duration, error) { return th.Second(ctx, "alice", "totp") },
		func(ctx context.Context) (int64, time.Duration, error) { return th.SecondAlone(ctx, "alice", "totp") },
	}
}
