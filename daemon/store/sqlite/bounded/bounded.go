// Package bounded keeps reading from the database to its deadline: a file on a
// disk that hangs keeps to none, and whoever asks must get an answer all the
// same.
//
// It is not for writing, which has a goroutine of its own, nor for what is in
// memory. It belongs to package sqlite, which alone may call it.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// most bounds the readers; on a disk that hangs they are all stuck, and no more
// are made.
const most = 256

var errClosed = errors.New("the store is closed")

// Readers are goroutines that read for others, each made when it is first
// needed. They stay: one that is new has to grow its stack. The zero value is
// not usable.
type Readers struct {
	made   atomic.Int64
	jobs   chan func()
	closed chan struct{}
	once   sync.Once
}

// New returns readers, none of them made yet.
func New() *Readers { return &Readers{jobs: make(chan func()), closed: make(chan struct{})} }

// Read lets one of the readers read, and gives up when the context ends: the
// read then goes on by itself, and what it comes to is lost. What it panics
// with, Read panics with.
func Read[T any](ctx context.Context, r *Readers, read func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		result T
		err    error
		panics error
	}
	var none T
	done := make(chan outcome, 1)
	err := r.do(ctx, func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.panics = fmt.Errorf("reading: %v\n%s", p, debug.Stack())
			}
			done <- o
		}()
		o.result, o.err = read(ctx)
	})
	if err != nil {
		return none, err
	}
	select {
	case o := <-done:
		if o.panics != nil {
			panic(o.panics)
		}
		return o.result, o.err
	case <-ctx.Done():
		return none, fmt.Errorf("waiting for the database: %w", ctx.Err())
	}
}

func (r *Readers) do(ctx context.Context, job func()) error {
	select {
	case r.jobs <- job:
		return nil
	default:
	}
	if r.made.Add(1) <= most {
		go r.work(job)
		return nil
	}
	r.made.Add(-1)
	select {
	case r.jobs <- job:
		return nil
	case <-r.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("waiting for a reader of the database: %w", ctx.Err())
	}
}

func (r *Readers) work(job func()) {
	for {
		job()
		select {
		case job = <-r.jobs:
		case <-r.closed:
			return
		}
	}
}

// Close ends the readers, those that are busy once they are not. It may be
// called twice.
func (r *Readers) Close() { r.once.Do(func() { close(r.closed) }) }
