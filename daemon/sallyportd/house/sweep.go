package house

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// sweepable is the store as the sweeper sees it.
type sweepable interface {
	Sweep(ctx context.Context, now time.Time) error
	Swept(ctx context.Context) (time.Time, error)
}

// sweepSlack is how far ahead the clock may be without harm: what is swept has
// been of no use for a day.
const sweepSlack = 24 * time.Hour

// sweeper removes what has had its time, and nothing because a clock is wrong.
//
// The time by which the store was last swept is known to have been. Since then
// the clock may have moved by what the daemon has seen tick, twice over, and a
// day: that is enough for a machine that was switched off over night, and lets
// one that was off for longer go on after as long again. A clock that jumped
// further ahead finds nothing swept until somebody has had that much time to set
// it right.
type sweeper struct {
	store sweepable
	// now is the wall clock; see wall.
	now func() time.Time
	// safe says whether the clock has held still.
	safe func() bool
	// ticked is how long the daemon has run, whatever the clock says.
	ticked func() time.Duration
	log    *slog.Logger

	// last is the time of the last sweep, and at where ticked then was.
	last time.Time
	at   time.Duration
}

// wall is the wall clock alone: where two times hold what ticked as well, Go
// takes the difference of that, in which no jump shows.
func (s *sweeper) wall() time.Time { return s.now().Round(0) }

// recall reads when the store was last swept, before the clock can jump. A
// store that was never used is counted from now.
func (s *sweeper) recall(ctx context.Context) error {
	last, err := s.store.Swept(ctx)
	if err != nil {
		return fmt.Errorf("before sweeping: %w", err)
	}
	s.last, s.at = last, s.ticked()
	if last.IsZero() {
		s.last = s.wall()
	}
	return nil
}

// sweep sweeps once, or says why not.
func (s *sweeper) sweep(ctx context.Context) error {
	if s.last.IsZero() {
		if err := s.recall(ctx); err != nil {
			return err
		}
	}
	now, ticked := s.wall(), s.ticked()
	if !s.safe() {
		s.log.Warn("nothing is swept: the clock jumped and has not settled")
		return nil
	}
	if now.Sub(s.last) > 2*(ticked-s.at)+sweepSlack {
		s.log.Warn("nothing is swept: the clock is far ahead of the last sweep; if it is right, this ends by itself",
			"clock", now.UTC(), "last_sweep", s.last.UTC(), "running_since_then", (ticked - s.at).Round(time.Second).String())
		return nil
	}
	if err := s.store.Sweep(ctx, now); err != nil {
		return err
	}
	s.at = ticked
	if now.After(s.last) {
		s.last = now
	}
	return nil
}
