package throttle_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// start opens the state as a daemon does; stop ends it.
func start(t *testing.T, path string, w *watch) (th *throttle.Throttle, s *sqlite.Store, stop func()) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	ring, _, err := seal.NewRing(bytes.Repeat([]byte{1, 2}, 16), db.Instance())
	if err != nil {
		t.Fatal(err)
	}
	s = db.Store(ring)
	return newThrottle(t, throttle.Defaults(), s, w), s, func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Five hundred at once get five, and a restart gives nobody another.
func TestTheBudgetHoldsInParallelAndOverRestarts(t *testing.T) {
	w, path := newWatch(), filepath.Join(t.TempDir(), "state.db")
	var allowed atomic.Int64
	for range 3 {
		th, _, stop := start(t, path, w)
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if _, d, err := th.Second(context.Background(), "alice", "totp"); err == nil && d == 0 {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		stop()
		w.move(time.Second)
	}
	if n := allowed.Load(); n != 5 {
		t.Errorf("%d codes may be tried", n)
	}
}

func TestATryTakenBackOrClearedIsFreeAgain(t *testing.T) {
	w := newWatch()
	th, s, stop := start(t, filepath.Join(t.TempDir(), "state.db"), w)
	defer stop()
	ctx := context.Background()
	var last int64
	for range 3 {
		n, d, err := th.First(ctx, "alice", false)
		if d != 0 || err != nil {
			t.Fatal(d, err)
		}
		last = n
	}
	if _, d, _ := th.First(ctx, "alice", false); d == 0 {
		t.Fatal("four at once")
	}
	if err := s.Commit(ctx, account.Change{Subject: "alice", Version: -1, Refund: []int64{last}}); err != nil {
		t.Fatal(err)
	}
	if _, d, err := th.First(ctx, "alice", false); d != 0 || err != nil {
		t.Errorf("after the refund: %s, %v", d, err)
	}
	if err := s.Commit(ctx, account.Change{Subject: "alice", Version: -1, ClearTries: th.Buckets("alice", nil)}); err != nil {
		t.Fatal(err)
	}
	if _, n, err := th.Wait(ctx, "alice", ""); n != 0 || err != nil {
		t.Errorf("after the desk cleared them: %d, %v", n, err)
	}
}
