// Package bounded keeps reading from the database to its deadline: a file on a
// disk that hangs keeps to none, and whoever asks must get an answer all the
// same.
//
// It is not for writing, which has a goroutine of its own, nor for what is in
// memory. It belongs to package sqlite, which alone may call it.
package bounded

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Read reads in a goroutine of its own, and gives up when the context ends: the
// read then goes on by itself, and what it comes to is lost. What it panics
// with, Read panics with.
func Read[T any](ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		result T
		err    error
		panics error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.panics = fmt.Errorf("reading: %v\n%s", p, debug.Stack())
			}
			done <- o
		}()
		o.result, o.err = read(ctx)
	}()
	select {
	case o := <-done:
		if o.panics != nil {
			panic(o.panics)
		}
		return o.result, o.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("waiting for the database: %w", ctx.Err())
	}
}
