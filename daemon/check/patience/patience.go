// Package patience bounds how long an attempt is worked on, whatever its caller
// does meanwhile, so that every answer is there within four seconds.
//
// It reads no clock but the one behind contexts. It belongs to package check,
// which alone may call it.
//
// The figure is that of the least patient program that asks: Radicale gives up
// after five seconds and then tells the person that the password is wrong;
// libsasl waits for ever, and so does whoever waits for it.
package patience

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	// whole is the most time that an answer takes, the grid of refusals included.
	whole = 4 * time.Second
	// longest is what of it an attempt is worked on.
	longest = 3 * time.Second
	// last is what remains then to take back what was counted.
	last = 700 * time.Millisecond
	// enough is when a part that keeps to no deadline is waited for no more.
	enough = longest + last + 100*time.Millisecond
)

// Answer is the context within which the answer is given, whatever still waits.
// It ends with the caller's. The CancelFunc must be called.
func Answer(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, whole)
}

// Do does the work on a context of its own. It is false where the work is given
// up, because a part of it keeps to no deadline (a file on a disk that hangs);
// that then goes on by itself, and what it comes to is lost. What it panics
// with, Do panics with.
func Do[T any](ctx context.Context, work func(context.Context) T) (T, bool) {
	type outcome struct {
		result T
		panics error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.panics = fmt.Errorf("working on an attempt: %v\n%s", p, debug.Stack())
			}
			done <- o
		}()
		ctx, cancel := during(ctx)
		defer cancel()
		o.result = work(ctx)
	}()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), enough)
	defer cancel()
	select {
	case o := <-done:
		if o.panics != nil {
			panic(o.panics)
		}
		return o.result, true
	case <-limit.Done():
		var none T
		return none, false
	}
}

// during is the context to work on. A caller that hangs up does not end it: what
// was begun is finished and stays counted, or hanging up early would be a way
// to try without being counted. The caller's deadline holds; without one, or
// with one far away, a part that hangs has three seconds. The CancelFunc must
// be called.
func during(ctx context.Context) (context.Context, context.CancelFunc) {
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
