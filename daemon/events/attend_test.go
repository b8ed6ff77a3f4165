package events

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
)

// slow takes its time with every act.
type slow struct {
	listener
	takes time.Duration
}

func (s *slow) After(ctx context.Context, e hook.Event) error {
	select {
	case <-time.After(s.takes):
		return s.listener.After(ctx, e)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A hook that takes the place of another of its name hears what that one has not
// heard, and nothing twice: what the former was being told it hears to its end.
func TestAttendTellsNothingTwice(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		former, next, added := &slow{takes: 10 * time.Second}, &listener{}, &listener{}
		w, b := newWorldWith(Config{Cursor: Files{dir}, Hooks: []Named{{Name: "mail", Hook: former}}})
		w.happen(5)
		stop := start(t, b)
		<-time.After(15 * time.Second) // in the middle of the second
		left := b.Attend([]Named{{Name: "mail", Hook: next}, {Name: "added", Hook: added}}, nil)
		synctest.Wait()
		if len(next.got()) != 0 {
			t.Errorf("the next was told %v while the former was still being told", next.got())
		}
		<-left
		synctest.Wait()
		if got := former.got(); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("the former heard %v", got)
		}
		if got := next.got(); !slices.Equal(got, []int64{3, 4, 5}) {
			t.Errorf("the next heard %v", got)
		}
		if got := added.got(); !slices.Equal(got, upTo(5)) {
			t.Errorf("the added heard %v", got)
		}
		b.Attend(nil, nil)
		w.happen(1)
		b.Record(w.audit[5])
		<-time.After(time.Minute)
		if got := next.got(); len(got) != 3 {
			t.Errorf("a hook that nobody attends to heard %v", got)
		}
		stop()
	})
}

// The bus passes for alive while it runs, and for nothing else.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := newWorld()
		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return b.Alive(ctx)
		}
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before it runs: %v", err)
		}
		stop := start(t, b)
		if err := ask(); err != nil {
			t.Errorf("while it runs: %v", err)
		}
		stop()
		if err := ask(); err == nil {
			t.Error("alive after its end")
		}
	})
}
