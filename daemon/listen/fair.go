package listen

import (
	"net"
	"net/netip"
	"sync"

	"github.com/sallyport/sallyport/daemon/account"
)

// Fair lets no household or office (IPv4 /32, IPv6 /64) hold more than most
// connections of a listener, so that one that hoards them shuts nobody out.
// Loopback and the exempt networks, which are proxies, are not counted. What is
// over the bound is closed at once.
func Fair(l net.Listener, most int, exempt []netip.Prefix) net.Listener {
	return &fair{Listener: l, most: most, exempt: exempt, open: map[netip.Prefix]int{}}
}

type fair struct {
	net.Listener
	most   int
	exempt []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// Accept returns the next connection of a source that may have one more.
func (f *fair) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source, counted := f.source(c.RemoteAddr())
		if !counted {
			return c, nil
		}
		if f.take(source) {
			return &fairConn{Conn: c, give: func() { f.give(source) }}, nil
		}
		c.Close() //nolint // it was never used
	}
}

// source is what the connection counts for; false if it is not counted.
func (f *fair) source(remote net.Addr) (netip.Prefix, bool) {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.IsLoopback() {
		return netip.Prefix{}, false
	}
	for _, p := range f.exempt {
		if p.Contains(addr) {
			return netip.Prefix{}, false
		}
	}
	source := account.Client{Addr: addr}.Network()
	return source, source.IsValid()
}

func (f *fair) take(source netip.Prefix) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[source] >= f.most {
		return false
	}
	f.open[source]++
	return true
}

func (f *fair) give(source netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[source]--; f.open[source] == 0 {
		delete(f.open, source)
	}
}

// fairConn gives its place back once.
type fairConn struct {
	net.Conn
	once sync.Once
	give func()
}

// Close closes the connection and frees its place.
func (c *fairConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.give)
	return err
}
