// Package handed takes over the sockets that systemd opened before the daemon
// started, so that whoever comes while one daemon ends and the next begins waits
// instead of being refused.
//
// It opens no socket, and bounds and admits nobody: package listen does that, over
// a socket from here as over one of its own. Only the mains call it, once, before
// they open the sockets that systemd did not hand over.
package handed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are those that nobody has asked for yet. A nil Sockets holds none.
type Sockets struct {
	mu   sync.Mutex
	left []socket
}

// socket is one of them, by FileDescriptorName=. What is no stream socket has no
// listener, and says why.
type socket struct {
	name     string
	listener net.Listener
	err      error
}

// Take takes over what systemd passed. It may be called once a process; the
// environment that told of them is cleared, so that no plugin takes them for its
// own. Two sockets of one name are an error.
func Take() (*Sockets, error) {
	s := &Sockets{}
	for _, f := range activation.Files(true) {
		if slices.ContainsFunc(s.left, func(other socket) bool { return other.name == f.Name() }) {
			return nil, fmt.Errorf("systemd passed two sockets named %q: give each .socket unit its own FileDescriptorName=", f.Name())
		}
		s.left = append(s.left, open(f))
	}
	return s, nil
}

func open(f *os.File) socket {
	defer f.Close() //nolint // the listener has a descriptor of its own
	l, err := net.FileListener(f)
	if err != nil {
		return socket{f.Name(), nil, fmt.Errorf("taking over socket %q from systemd: %w", f.Name(), err)}
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the file is systemd's
	}
	return socket{f.Name(), l, nil}
}

// Named hands out the Unix socket of that name; nil where systemd passed none.
func (s *Sockets) Named(name string) (net.Listener, error) {
	l, err := s.take(func(o socket) bool { return o.name == name })
	if l == nil || err != nil {
		return nil, err
	}
	if _, ok := l.(*net.UnixListener); !ok {
		return nil, errors.Join(fmt.Errorf("socket %q from systemd is no Unix stream socket: use ListenStream= with a path", name), l.Close())
	}
	return l, nil
}

// At hands out the socket at an address, "host:port" or the path of a Unix socket;
// nil where systemd passed none there. Without a host, a port of all addresses is
// meant.
func (s *Sockets) At(address string) net.Listener {
	l, _ := s.take(func(o socket) bool { return o.err == nil && at(o.listener.Addr(), address) }) // so there is no error
	return l
}

func at(addr net.Addr, address string) bool {
	switch a := addr.(type) {
	case *net.UnixAddr:
		return a.Name == address
	case *net.TCPAddr:
		want, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || want.Port != a.Port {
			return false
		}
		return want.IP.Equal(a.IP) || want.IP == nil && a.IP.IsUnspecified()
	default:
		return false
	}
}

func (s *Sockets) take(this func(socket) bool) (net.Listener, error) {
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.left, this)
	if i < 0 {
		return nil, nil
	}
	found := s.left[i]
	s.left = slices.Delete(s.left, i, i+1)
	return found.listener, found.err
}

// Left names the sockets that nobody has asked for, each with its address: most
// likely unit and config do not say the same, so a daemon should say it aloud at
// start.
func (s *Sockets) Left() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, o := range s.left {
		if o.err != nil {
			names = append(names, o.name)
			continue
		}
		names = append(names, fmt.Sprintf("%s (%s)", o.name, o.listener.Addr()))
	}
	return names
}
