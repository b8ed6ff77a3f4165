// Package listentest is a listener without a socket, for tests of time limits in
// a bubble of testing/synctest: there the clock moves only while everybody waits,
// and nobody can be seen to wait on a real socket.
//
// It is no double of a Unix socket: there are no peers, no half-closed
// connections, and nothing is buffered, so a write returns when all of it has
// been read. Only tests may import it.
package listentest

import (
	"net"
	"sync"
	"testing"
)

// Pipes is a listener whose connections are the ends of pipes.
type Pipes struct {
	next chan net.Conn
	done chan struct{}
	once sync.Once
}

// New returns a listener that somebody has to serve.
func New() *Pipes { return &Pipes{next: make(chan net.Conn), done: make(chan struct{})} }

// Dial connects, as soon as the listener accepts. The connection is closed with
// the test.
func (p *Pipes) Dial(t testing.TB) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	select {
	case p.next <- there:
	case <-p.done:
		t.Fatal("connecting: nobody listens")
	}
	t.Cleanup(func() { _ = here.Close() })
	return here
}

// Accept is that of a net.Listener, as are the other two.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener, not its connections.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// Addr has nothing to say.
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{} }
