package bounded_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

func readers(t *testing.T) *bounded.Readers {
	r := bounded.New()
	t.Cleanup(r.Close)
	return r
}

func TestWhatWasReadIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	got, err := bounded.Read(context.Background(), readers(t), func(context.Context) (int, error) { return 7, broken })
	if got != 7 || !errors.Is(err, broken) {
		t.Errorf("%d, %v", got, err)
	}
}

// A disk that hangs keeps to no deadline; whoever reads does.
func TestADiskThatHangsHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, r := make(chan struct{}), bounded.New()
		defer r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		got, err := bounded.Read(ctx, r, func(context.Context) (int, error) { <-hangs; return 7, nil })
		if took := time.Since(begun); got != 0 || !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("%d, %v after %s", got, err, took)
		}
		close(hangs)
	})
}

func TestAPanicIsTheCallers(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(error).Error(), "out of order") {
			t.Errorf("panicked with %v", p)
		}
	}()
	_, _ = bounded.Read(context.Background(), readers(t), func(context.Context) (int, error) { panic("out of order") })
	t.Error("there was no panic")
}

// However long the disk hangs, it holds a bounded number of goroutines, and
// whoever comes after them waits no longer than anybody.
func TestADiskThatHangsHoldsABoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, r := make(chan struct{}), bounded.New()
		defer r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var begun atomic.Int64
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				_, err := bounded.Read(ctx, r, func(context.Context) (int, error) { begun.Add(1); <-hangs; return 0, nil })
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a read ended with %v", err)
				}
			})
		}
		all.Wait()
		if begun.Load() != 256 {
			t.Errorf("%d reads hang", begun.Load())
		}
		close(hangs)
		synctest.Wait()
		if got, err := bounded.Read(context.Background(), r, func(context.Context) (int, error) { return 7, nil }); got != 7 || err != nil {
			t.Errorf("after it: %d, %v", got, err)
		}
	})
}

func TestClosedReadersReadNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bounded.New()
		if _, err := bounded.Read(context.Background(), r, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		r.Close()
		r.Close()
		synctest.Wait() // nobody is left, or this test would not end
	})
}
