package crew_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/wire/crew"
)

func TestEveryJobIsDoneAndNeverMoreAtOnceThanHands(t *testing.T) {
	const most, jobs = 4, 1000
	c := crew.New(most)
	var now, peak, done atomic.Int64
	var all sync.WaitGroup
	for range jobs {
		all.Add(1)
		err := c.Do(context.Background(), func() {
			defer all.Done()
			n := now.Add(1)
			for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
			}
			done.Add(1)
			now.Add(-1)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if done.Load() != jobs || peak.Load() > most {
		t.Errorf("%d of %d done, %d at once", done.Load(), jobs, peak.Load())
	}
}

// One that takes long keeps nobody but itself; only when all do is there a wait,
// and it ends with the caller's patience.
func TestALongJobHoldsNobodyBackUntilAllAreBusy(t *testing.T) {
	c := crew.New(2)
	held, freed := make(chan struct{}), make(chan struct{})
	long := func() { <-held }
	for range 2 {
		if err := c.Do(context.Background(), long); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Do(ctx, func() { t.Error("the job of somebody who gave up was done") }); !errors.Is(err, context.Canceled) {
		t.Errorf("with all hands busy: %v", err)
	}
	close(held)
	if err := c.Do(context.Background(), func() { close(freed) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-freed:
	case <-time.After(10 * time.Second):
		t.Error("nobody takes the next job")
	}
}
