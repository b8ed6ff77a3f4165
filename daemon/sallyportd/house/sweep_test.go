package house

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// swept is a store that notes when it was swept.
type swept struct {
	last  time.Time
	calls []time.Time
	err   error
}

func (s *swept) Sweep(_ context.Context, now time.Time) error {
	if s.err != nil {
		return s.err
	}
	s.calls, s.last = append(s.calls, now), now
	return nil
}

func (s *swept) Swept(context.Context) (time.Time, error) { return s.last, s.err }

// hours is a machine whose wall clock and ticking clock are moved by hand.
type hours struct {
	wall   time.Time
	ticked time.Duration
	unsafe bool
}

func (h *hours) pass(d time.Duration) { h.wall, h.ticked = h.wall.Add(d), h.ticked+d }

func (h *hours) sweeper(s sweepable) *sweeper {
	return &sweeper{
		store: s, log: slog.New(slog.DiscardHandler), now: func() time.Time { return h.wall },
		safe: func() bool { return !h.unsafe }, ticked: func() time.Duration { return h.ticked },
	}
}

// TestSweepsByTheHour: as it should be, every sweep goes through, after a night
// without power, too.
func TestSweepsByTheHour(t *testing.T) {
	h, s := &hours{wall: time.Unix(1_900_000_000, 0)}, &swept{}
	sweeper := h.sweeper(s)
	begin := func() {
		if err := sweeper.recall(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	for range 30 * 24 {
		h.pass(time.Hour)
		if err := sweeper.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.wall, h.ticked = h.wall.Add(20*time.Hour), 0 // off over night
	sweeper = h.sweeper(s)
	begin()
	h.pass(time.Hour)
	if err := sweeper.sweep(t.Context()); err != nil || len(s.calls) != 30*24+1 {
		t.Errorf("%d sweeps, %v", len(s.calls), err)
	}
}

// TestAMachineThatWasOffSweepsAgain after as long as it was off.
func TestAMachineThatWasOffSweepsAgain(t *testing.T) {
	h := &hours{wall: time.Unix(1_900_000_000, 0)}
	s := &swept{last: h.wall}
	h.wall = h.wall.Add(10 * 24 * time.Hour)
	sweeper := h.sweeper(s)
	for hour := 1; len(s.calls) == 0; hour++ {
		h.pass(time.Hour)
		if err := sweeper.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.calls) > 0 && hour < 8*24 || hour > 10*24 {
			t.Fatalf("off for 10 days: %d sweeps after %d hours", len(s.calls), hour)
		}
	}
}

// TestAJumpSweepsNothing: neither while the clock is not safe, nor after it has
// settled where it jumped to, nor after a new start there. Set right, all goes on.
func TestAJumpSweepsNothing(t *testing.T) {
	for _, by := range []time.Duration{30 * time.Hour, 40 * 24 * time.Hour, 20 * 365 * 24 * time.Hour} {
		h := &hours{wall: time.Unix(1_900_000_000, 0)}
		s := &swept{}
		sweeper := h.sweeper(s)
		if err := sweeper.recall(t.Context()); err != nil {
			t.Fatal(err)
		}
		sweep := func(want int, what string) {
			t.Helper()
			h.pass(time.Hour)
			if err := sweeper.sweep(t.Context()); err != nil || len(s.calls) != want {
				t.Errorf("ahead by %v, %s: %d sweeps, %v; want %d", by, what, len(s.calls), err, want)
			}
		}
		sweep(1, "before")
		for range 60 * 24 { // running for long earns no longer jump
			h.pass(time.Hour)
			if err := sweeper.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.calls = s.calls[:1]
		h.wall = h.wall.Add(by)
		h.unsafe = true
		sweep(1, "not settled")
		h.unsafe = false
		sweep(1, "settled")
		h.ticked = 0
		sweeper = h.sweeper(s)
		sweep(1, "started anew")
		h.wall = h.wall.Add(-by)
		sweep(2, "set right")
		sweep(3, "an hour later")
		h.wall = time.Unix(0, 0) // no battery
		sweep(4, "in 1970")
		h.wall = time.Unix(1_900_000_000, 0).Add(61 * 24 * time.Hour)
		sweep(5, "set right again")
	}
}

// TestAClockThatHasNotSettledSweepsNothing, however small its jump.
func TestAClockThatHasNotSettledSweepsNothing(t *testing.T) {
	h, s := &hours{wall: time.Unix(1_900_000_000, 0), unsafe: true}, &swept{}
	sweeper := h.sweeper(s)
	for h.unsafe = true; ; h.unsafe = false {
		h.pass(time.Hour)
		if err := sweeper.sweep(t.Context()); err != nil || (len(s.calls) > 0) == h.unsafe {
			t.Errorf("not settled %v: %d sweeps, %v", h.unsafe, len(s.calls), err)
		}
		if !h.unsafe {
			return
		}
	}
}

// TestAStoreThatDoesNotAnswerIsAskedAgain: it is no reason to sweep without
// knowing when that was last done.
func TestAStoreThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	h := &hours{wall: time.Unix(1_900_000_000, 0)}
	s := &swept{last: h.wall.Add(-1000 * time.Hour), err: errors.New("away")}
	sweeper := h.sweeper(s)
	h.pass(time.Hour)
	if sweeper.recall(t.Context()) == nil || sweeper.sweep(t.Context()) == nil {
		t.Error("an error was kept back")
	}
	s.err = nil
	if err := sweeper.sweep(t.Context()); err != nil || len(s.calls) != 0 {
		t.Errorf("%d sweeps, %v: the last was 1000 hours ago", len(s.calls), err)
	}
}
