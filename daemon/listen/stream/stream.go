// Package stream serves the connections of local programs: one goroutine for each,
// and an end that lets what is under way finish. A goroutine that is done stays a
// while for the next connection: one that is new has to grow its stack first, which
// was a tenth of a check where each has its own connection.
//
// It knows no protocol. A front end brings a Handler, the main brings the
// listener and stops the Server, which has the three methods of an http.Server
// that the main uses.
package stream

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// Handler serves one connection until it is done with it; the connection is
// closed when the handler returns. When the server is shut down, whatever reads
// gets an error at once, so that a handler that waits for a request ends, and
// one that works on a request answers it first. The context is never cancelled.
type Handler func(ctx context.Context, c *Conn)

// mostIdle is how many goroutines wait for a connection at most: more than are
// done within the moment that it takes to accept the next.
const mostIdle = 64

// Server serves connections. It is safe for concurrent use.
type Server struct {
	handle  Handler
	stopped atomic.Bool
	done    chan struct{} // closed when it is stopped
	next    chan *Conn    // to a goroutine that is idle
	idle    atomic.Int64

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	busy      sync.WaitGroup
}

// New returns a server that has not begun.
func New(handle Handler) *Server {
	return &Server{
		handle: handle, done: make(chan struct{}), next: make(chan *Conn),
		listeners: map[net.Listener]struct{}{}, conns: map[*Conn]struct{}{},
	}
}

// Serve accepts connections until the listener fails or the server is stopped;
// the latter is no error.
func (s *Server) Serve(l net.Listener) error {
	if !s.begin(func() { s.listeners[l] = struct{}{} }) {
		return l.Close()
	}
	for {
		accepted, err := l.Accept()
		switch {
		case err != nil && s.stopped.Load():
			return nil
		case err != nil:
			return err
		}
		c := &Conn{Conn: accepted, stopped: &s.stopped}
		if !s.begin(func() { s.conns[c] = struct{}{}; s.busy.Add(1) }) {
			return c.Close()
		}
		select {
		case s.next <- c:
		default:
			go s.work(c)
		}
	}
}

// work serves one connection after the other, as long as there are any.
func (s *Server) work(c *Conn) {
	for c != nil {
		s.serve(c)
		c = s.await()
	}
}

// await returns the next connection, or nil if nobody need wait for one.
func (s *Server) await() *Conn {
	defer s.idle.Add(-1)
	if s.idle.Add(1) > mostIdle {
		return nil
	}
	select {
	case c := <-s.next:
		return c
	case <-s.done:
		return nil
	}
}

func (s *Server) serve(c *Conn) {
	defer s.busy.Done()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		_ = c.Close() // the peer has its answer, or none
	}()
	s.handle(context.Background(), c)
}

// begin notes something, unless the server has been stopped.
func (s *Server) begin(note func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Load() {
		return false
	}
	note()
	return true
}

// Shutdown stops listening and waits for the handlers, at most until the
// context ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stop()
	done := make(chan struct{})
	go func() {
		s.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// Close stops listening and cuts every connection.
func (s *Server) Close() error {
	err := s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if e := c.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped.Swap(true) {
		close(s.done)
	}
	for c := range s.conns {
		c.hurry()
	}
	var err error
	for l := range s.listeners {
		if e := l.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	clear(s.listeners)
	return err
}
