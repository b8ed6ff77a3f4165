package stream

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen"
)

// Conn is a connection whose deadlines are lengths of time, and whose reads end
// with its server.
type Conn struct {
	net.Conn
	stopped *atomic.Bool
}

// ReadWithin gives reads that long from now on.
func (c *Conn) ReadWithin(d time.Duration) {
	_ = c.SetReadDeadline(time.Now().Add(d)) // fails only on a closed connection, as the read will
	if c.stopped.Load() {
		c.hurry()
	}
}

// WriteWithin gives writes that long from now on.
func (c *Conn) WriteWithin(d time.Duration) {
	_ = c.SetWriteDeadline(time.Now().Add(d)) // as above
}

// CloseWrite says that no more will be written, while reads go on. Where the kind of
// connection has no such half, errors.ErrUnsupported is returned.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hurry ends whatever reads.
func (c *Conn) hurry() { _ = c.SetReadDeadline(time.Unix(1, 0)) }

// Peer is the process at the other end; its UID is -1 where the kernel does not
// say.
func (c *Conn) Peer() account.Peer {
	p, _ := listen.PeerOfConn(c.Conn)
	return p.Peer
}
