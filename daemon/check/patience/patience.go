// Package patience bounds how long an attempt is worked on, whatever its caller
// does meanwhile, and with that how long anybody waits for an answer.
//
// It reads no clock but the one behind contexts. It belongs to package check,
// which alone may call it.
//
// Decided against: a goroutine of its own for each attempt, which could be left
// behind by a part that keeps to no deadline. It cost a tenth of a check; the
// parts keep to their deadlines instead, and the one that cannot, the store on a
// disk that hangs, sees to it itself.
package patience

import (
	"context"
	"time"
)

const (
	// Whole is the most time that an answer takes, the grid of refusals included.
	Whole = 4 * time.Second
	// longest is what of it an attempt is worked on.
	longest = 3 * time.Second
	// last is what remains then to take back what was counted.
	last = 700 * time.Millisecond
)

// Work is the context to work on. A caller that hangs up does not end it: what
// was begun is finished and stays counted, or hanging up early would be a way
// to try without being counted. The caller's deadline holds; without one, or
// with one far away, a part that hangs has three seconds. The CancelFunc must
// be called.
func Work(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	end, ok := ctx.Deadline()
	if !ok {
		return work, cancel
	}
	sooner, stop := context.WithDeadline(work, end)
	return sooner, func() { stop(); cancel() }
}

// Last is the context for taking back what was counted, when the time of the
// attempt may be what ended it. The CancelFunc must be called.
func Last(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), last)
}

// Leave is when a refusal leaves: on the next point of the grid since it was
// begun, so that how long the work took does not show, but never later than an
// answer may.
func Leave(begun time.Time, took, grid time.Duration) time.Time {
	points := max(1, (took+grid-1)/grid)
	return begun.Add(min(points*grid, Whole))
}
