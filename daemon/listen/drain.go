package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// fresh is how old a connection may be on which somebody is only just about to
// ask. Older ones are kept for later.
const fresh = time.Second

// Drain stops accepting and lets every Unix connection end without losing a
// request: from one moment on the peer cannot send, and what it has sent until
// then is still read and answered. A peer that keeps its connection for later
// meets the end of it before it has sent a byte; one that has just connected has
// a second to ask. It returns when all connections have ended, or with the
// context's error. TCP has no such moment: there it waits for what is under way, and
// for those that have just connected, and leaves the others alone.
//
// An http.Server needs ConnState of this package for it. Over TCP it has to end kept
// connections itself meanwhile (SetKeepAlivesEnabled). Its Shutdown comes after: it
// drops without an answer what it reads from then on.
func Drain(ctx context.Context, l net.Listener) error {
	d, ok := l.(interface {
		drain(ctx context.Context) error
	})
	if !ok {
		return l.Close()
	}
	return d.drain(ctx)
}

func (f *fair) drain(ctx context.Context) error { return Drain(ctx, f.Listener) }

func (l *listener) drain(ctx context.Context) error {
	err := l.Close()
	tick := time.NewTicker(fresh / 50)
	defer tick.Stop()
	// One that was accepted at the last moment counts as well.
	for l.accepting.Load() > 0 || l.hush(time.Now().Add(-fresh)) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

// hush ends what peers may send on Unix connections older than that, and returns how
// many connections are to be waited for.
func (l *listener) hush(born time.Time) (left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		old := c.born.Before(born)
		u, ok := c.Conn.(*net.UnixConn)
		if ok && old && !c.hushed.Swap(true) {
			_ = u.CloseRead() // fails only where it has ended already
		}
		if ok || !old || c.busy.Load() {
			left++
		}
	}
	return left
}

// note keeps an open connection in mind, until it is closed.
func (l *listener) note(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*conn]struct{}{}
	}
	l.open[c] = struct{}{}
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// ConnState is for http.Server, which takes the end of what a peer sends for a
// peer that has gone, and cancels the request that it works on. A connection with
// a request under way keeps that end to itself.
func ConnState(c net.Conn, state http.ConnState) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	if f, ok := c.(*fairConn); ok {
		c = f.Conn
	}
	if c, ok := c.(*conn); ok {
		c.busy.Store(state == http.StateActive)
	}
}

// ending is what a connection needs to end well.
type ending struct {
	born time.Time
	// hushed says that the peer cannot send any more, busy that a request is
	// under way.
	hushed, busy atomic.Bool

	mu sync.Mutex
	// deadline is that of reads; moved is closed when it changes or the connection
	// is closed.
	deadline time.Time
	moved    chan struct{}
}

// Read reads, and waits where the end is not to be heard of yet.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 && errors.Is(err, io.EOF) && c.hushed.Load() && c.busy.Load() {
		return 0, c.wait()
	}
	return n, err
}

// wait returns when a read would have met its deadline, or the connection is
// closed.
func (c *conn) wait() error {
	for !c.closed.Load() {
		c.mu.Lock()
		left, moved := time.Hour, c.moved
		if !c.deadline.IsZero() {
			left = time.Until(c.deadline)
		}
		if moved == nil {
			moved = make(chan struct{})
			c.moved = moved
		}
		c.mu.Unlock()
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case <-moved:
		case <-timer.C:
		}
		timer.Stop()
	}
	return net.ErrClosed
}

// SetReadDeadline sets the deadline of reads, also of one that waits.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.move(t)
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets the deadline of reads and writes.
func (c *conn) SetDeadline(t time.Time) error {
	c.move(t)
	return c.Conn.SetDeadline(t)
}

func (c *conn) move(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}
