package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
)

// Fail implements store.Store.
func (s *Store) Fail(ctx context.Context, t account.Try) (int64, time.Duration, error) {
	var number int64
	var wait time.Duration
	err := s.observed("fail", func() error {
		if t.Allow == nil {
			return store.Unavailable("counting a try", errors.New("nobody says whether it is allowed"))
		}
		f := &fail{Try: t}
		if err := s.writer.Submit(ctx, f.run); err != nil {
			return err // the writer may still be at f
		}
		number, wait = f.number, f.wait
		return nil
	})
	return number, wait, err
}

type fail struct {
	account.Try
	number int64
	wait   time.Duration
}

func (f *fail) run(b *batch) error {
	earlier, err := b.tries.Since(f.Bucket, f.Since)
	if err != nil {
		return err
	}
	if f.wait, err = f.allow(earlier); err != nil {
		return group.Refuse(err)
	}
	if f.wait <= 0 {
		f.number, err = b.tries.Add(f.Bucket, f.At)
	}
	return err
}

// allow asks the rule; one that panics must not take the writer with it.
func (f *fail) allow(earlier []time.Time) (wait time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = store.Unavailable("counting a try", fmt.Errorf("the rule failed: %v", p))
		}
	}()
	return f.Allow(earlier), nil
}
