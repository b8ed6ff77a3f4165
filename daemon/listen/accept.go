package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	minBackOff = 5 * time.Millisecond
	maxBackOff = 250 * time.Millisecond
	// maxBarred are told at a time that they may not connect.
	maxBarred = 32
)

// listener adds to a socket what the kernel does not: a bound, manners when
// descriptors run out, and the peer's name.
type listener struct {
	net.Listener
	slots   chan struct{}
	allow   atomic.Pointer[Allow]
	refused func(Peer)
	logins  logins
	// barred has a place for each of those who are told so; nil: nobody is.
	barred chan struct{}

	// path and info are those of the file that Close removes.
	path string
	info fs.FileInfo

	once sync.Once
	done chan struct{}

	// accepting is how many calls of Accept there are.
	accepting atomic.Int64
	mu        sync.Mutex
	// open are the connections that have not been closed.
	open map[*conn]struct{}
}

// Accept waits for a slot, then for a connection. Lack of descriptors or
// memory passes: it waits and tries again by itself, at first after 5 ms, then
// after at most 250 ms, so that no caller can make a busy loop of it.
func (l *listener) Accept() (net.Conn, error) {
	l.accepting.Add(1)
	defer l.accepting.Add(-1)
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	wait := minBackOff
	for {
		inner, err := l.Listener.Accept()
		switch {
		case err == nil:
			if c := l.welcome(inner); c != nil {
				return c, nil
			}
			wait = minBackOff
		case !passing(err):
			<-l.slots
			return nil, err
		default:
			if !l.pause(wait) {
				<-l.slots
				return nil, net.ErrClosed
			}
			wait = min(2*wait, maxBackOff)
		}
	}
}

// welcome identifies the peer and sends strangers away; then it returns nil.
func (l *listener) welcome(inner net.Conn) net.Conn {
	p := tcpPeer()
	if u, ok := inner.(*net.UnixConn); ok {
		var err error
		if p, err = credentials(u); err != nil {
			inner.Close()
			return nil
		}
	}
	p.Login = l.logins.of(p.UID)
	if allow := l.allow.Load(); allow != nil && !allow.Empty() && !allow.Has(p) {
		select {
		case l.barred <- struct{}{}:
			p.Barred = true
		default:
			inner.Close()
		}
		if l.refused != nil {
			l.refused(p)
		}
		if !p.Barred {
			return nil
		}
	}
	c := &conn{Conn: inner, peer: p, ending: ending{born: time.Now()}}
	c.release = func() { l.leave(c) }
	l.note(c)
	return c
}

// leave gives back the places that a connection had.
func (l *listener) leave(c *conn) {
	l.forget(c)
	if c.peer.Barred {
		<-l.barred
	}
	<-l.slots
}

// Admit changes who may connect to a socket that Unix has opened; an empty list
// means whoever the file mode lets. Connections that are open stay.
func Admit(l net.Listener, allow Allow) {
	if l, ok := l.(*listener); ok {
		l.allow.Store(&allow)
	}
}

func (l *listener) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// Close stops listening and removes the socket file, if it is still the one
// that was made here: a successor's file stays.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.done)
		if l.path != "" {
			if now, e := os.Lstat(l.path); e == nil && os.SameFile(now, l.info) {
				os.Remove(l.path)
			}
		}
		err = l.Listener.Close()
	})
	return err
}

// passing tells whether an error of accept goes away by itself.
func passing(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// conn is a connection that knows its peer and gives its slot back once.
type conn struct {
	net.Conn
	ending
	peer    Peer
	once    sync.Once
	closed  atomic.Bool
	release func()
}

// Close closes the connection and frees its slot.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.closed.Store(true)
		c.move(time.Time{})
		c.release()
	})
	return err
}

// CloseWrite ends the sending half, for protocols that answer and then wait
// for the peer to close; net/http uses it, too.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
