package listen

import (
	"net"
	"net/netip"
	"testing"
)

// from is a connection that seems to come from somewhere.
type from struct {
	net.Conn
	addr   net.Addr
	closed bool
}

func (f *from) RemoteAddr() net.Addr { return f.addr }
func (f *from) Close() error         { f.closed = true; return nil }

// queue is a listener that hands out what it holds.
type queue struct{ conns []net.Conn }

func (q *queue) Accept() (net.Conn, error) {
	if len(q.conns) == 0 {
		return nil, net.ErrClosed
	}
	c := q.conns[0]
	q.conns = q.conns[1:]
	return c, nil
}
func (q *queue) Close() error   { return nil }
func (q *queue) Addr() net.Addr { return nil }

func conns(addr string, n int) []net.Conn {
	var out []net.Conn
	for range n {
		out = append(out, &from{addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 4711))})
	}
	return out
}

func accepted(t *testing.T, l net.Listener) (open []net.Conn) {
	t.Helper()
	for {
		c, err := l.Accept()
		if err != nil {
			return open
		}
		open = append(open, c)
	}
}

func TestNoSourceHoardsTheConnections(t *testing.T) {
	exempt := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name string
		in   []net.Conn
		want int
	}{
		{"one address", conns("192.0.2.7", 10), 3},
		{"its IPv6 form", append(conns("192.0.2.7", 3), conns("::ffff:192.0.2.7", 3)...), 3},
		{"neighbours in IPv4", append(conns("192.0.2.7", 3), conns("192.0.2.8", 3)...), 6},
		{"neighbours in one /64", append(conns("2001:db8::1", 3), conns("2001:db8::2", 3)...), 3},
		{"two /64", append(conns("2001:db8::1", 3), conns("2001:db8:0:1::1", 3)...), 6},
		{"a proxy", conns("10.1.2.3", 10), 10},
		{"loopback", append(conns("127.0.0.1", 5), conns("::1", 5)...), 10},
		{"a Unix socket", []net.Conn{&from{addr: &net.UnixAddr{}}, &from{addr: &net.UnixAddr{}}, &from{addr: &net.UnixAddr{}}, &from{addr: &net.UnixAddr{}}}, 4},
	} {
		in := append([]net.Conn(nil), c.in...)
		if got := len(accepted(t, Fair(&queue{c.in}, 3, exempt))); got != c.want {
			t.Errorf("%s: %d connections, want %d", c.name, got, c.want)
		}
		closed := 0
		for _, conn := range in {
			if conn.(*from).closed {
				closed++
			}
		}
		if closed != len(in)-c.want {
			t.Errorf("%s: %d were closed, want %d", c.name, closed, len(in)-c.want)
		}
	}
}

func TestAClosedConnectionFreesItsPlaceOnce(t *testing.T) {
	q := &queue{conns("192.0.2.7", 2)}
	l := Fair(q, 2, nil)
	open := accepted(t, l)
	for range 3 {
		if err := open[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	q.conns = conns("192.0.2.7", 2)
	again := accepted(t, l)
	if len(again) != 1 {
		t.Errorf("%d connections for one free place", len(again))
	}
	for _, c := range append(again, open[1]) {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.(*fair).open); n != 0 {
		t.Errorf("%d sources are remembered that hold nothing", n)
	}
}
