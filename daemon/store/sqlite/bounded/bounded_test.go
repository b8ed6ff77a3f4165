package bounded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

func TestWhatWasReadIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	got, err := bounded.Read(context.Background(), func(context.Context) (int, error) { return 7, broken })
	if got != 7 || !errors.Is(err, broken) {
		t.Errorf("%d, %v", got, err)
	}
}

// A disk that hangs keeps to no deadline; whoever reads does.
func TestADiskThatHangsHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		got, err := bounded.Read(ctx, func(context.Context) (int, error) { <-hangs; return 7, nil })
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
	_, _ = bounded.Read(context.Background(), func(context.Context) (int, error) { panic("out of order") })
	t.Error("there was no panic")
}
