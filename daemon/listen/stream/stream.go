// Package stream serves protocols that are not HTTP: one goroutine for each
// connection, and an end that lets what is under way finish.
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

// Server serves connections. It is safe for concurrent use.
type Server struct {
	handle  Handler
	stopped atomic.Bool

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	busy      sync.WaitGroup
}

// New returns a server that has not begun.
func New(handle Handler) *Server {
	return &Server{handle: handle, listeners: map[net.Listener]struct{}{}, conns: map[*Conn]struct{}{}}
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
		go s.serve(c)
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
	s.stopped.Store(true)
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
