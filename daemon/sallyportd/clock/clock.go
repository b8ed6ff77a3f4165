// Package clock is the daemon's one clock, and says when not to trust it.
//
// It is not a source of time for anybody else: every part is handed this clock
// by the main, which alone may make one.
package clock

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Jump is how far the wall clock may move against the clock that only
	// ticks before codes are no longer judged by it.
	Jump = 10 * time.Second
	// settled is how long the wall clock must then hold still.
	settled = time.Minute
)

// Clock is the daemon's clock. It trusts the wall clock while that
// agrees with the time since boot: a jump forward would burn codes of the
// future, so nothing is judged until the new time has held for a minute. A
// jump backward opens no used code again, because the store remembers steps.
type Clock struct {
	wall   func() time.Time
	ticked func() time.Duration

	mu sync.Mutex
	// trusted is the wall time at which the ticking clock was zero.
	trusted time.Time
	// rival is the same by the wall clock after a jump, and since when.
	rival time.Time
	since time.Duration
}

// New returns a clock that trusts the wall clock as it is now.
func New() *Clock {
	c := &Clock{wall: time.Now, ticked: sinceBoot}
	c.trusted = c.zero()
	return c
}

// sinceBoot goes on while the machine sleeps, unlike Go's monotonic clock.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("reading CLOCK_BOOTTIME, which every Linux since 2.6.39 has: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// zero is the wall time at which the ticking clock was zero.
func (c *Clock) zero() time.Time { return c.wall().Round(0).Add(-c.ticked()) }

// Now is the wall clock.
func (c *Clock) Now() time.Time { return c.wall() }

// Safe says whether codes may be judged by the wall clock.
func (c *Clock) Safe() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.zero()
	if now.Sub(c.trusted).Abs() <= Jump {
		c.rival = time.Time{}
		return true
	}
	ticked := c.ticked()
	if c.rival.IsZero() || now.Sub(c.rival).Abs() > Jump {
		c.rival, c.since = now, ticked
		return false
	}
	if ticked-c.since < settled {
		return false
	}
	c.trusted, c.rival = now, time.Time{}
	return true
}

// Skew is how far the wall clock has moved against the trusted time.
func (c *Clock) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.zero().Sub(c.trusted)
}

// WaitUntil returns at the given time, or when the context ends.
func (c *Clock) WaitUntil(ctx context.Context, at time.Time) {
	left := at.Sub(c.wall())
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
