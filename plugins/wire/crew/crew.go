// Package crew runs short jobs on goroutines that stay: a new goroutine for each
// would grow its stack anew every time, which cost a tenth of a plugin's work.
//
// It is no queue: a job that finds nobody free waits with its caller. It belongs
// to package wire, which alone may call it.
package crew

import (
	"context"
	"sync/atomic"
)

// Crew is a bounded number of goroutines, each made when it is first needed. It
// is safe for concurrent use.
type Crew struct {
	most  int64
	hands atomic.Int64
	jobs  chan func()
}

// New returns a crew of at most so many, none of them made yet.
func New(most int) *Crew { return &Crew{most: int64(most), jobs: make(chan func())} }

// Do hands the job to somebody and returns. If all are busy it waits, at most
// until the context ends.
func (c *Crew) Do(ctx context.Context, job func()) error {
	select {
	case c.jobs <- job:
		return nil
	default:
	}
	if n := c.hands.Add(1); n <= c.most {
		go c.work(job)
		return nil
	}
	c.hands.Add(-1)
	select {
	case c.jobs <- job:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Crew) work(job func()) {
	for {
		job()
		job = <-c.jobs
	}
}
