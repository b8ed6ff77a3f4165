// Package patience bounds how long an attempt is worked on, whatever its caller
// does meanwhile.
//
// It reads no clock but the one behind contexts. It belongs to package check,
// which alone may call it.
package patience

import (
	"context"
	"time"
)

const (
	// longest is the most time that an attempt takes; front ends give up after
	// 20 s.
	longest = 15 * time.Second
	// last is what remains then to take back what was counted.
	last = 3 * time.Second
)

// Work is the context to work on. A caller that hangs up does not end it: what
// was begun is finished and stays counted, or hanging up early would be a way
// to try without being counted. The caller's deadline holds; without one, or
// with one far away, a quarter of a minute does, so that a part that hangs does
// not keep every attempt for ever. The CancelFunc must be called.
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
