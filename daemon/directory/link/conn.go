package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/bergate"
	"github.com/sallyport/sallyport/daemon/directory/exchange"
)

// Application tags of the answers that are waited for (RFC 4511).
const (
	tagBindResponse    = 1
	tagSearchEntry     = 4
	tagSearchDone      = 5
	tagSearchReference = 19
)

// Conn is one connection to one server, used by one operation at a time: for
// searches, which the library reads from its start on, or for binds.
type Conn struct {
	ldap    *ldap.Conn // nil where it is for binds
	gate    *bergate.Conn
	tcp     syscall.RawConn
	binds   int64 // how many were sent
	timeout time.Duration
	observe func(op string, took time.Duration, err error)
	now     func() time.Time
	// broken is set once an operation ended without an answer.
	broken bool
}

// dial opens a connection. Nothing but the StartTLS request is sent before the
// server has proven its name, where TLS is asked for.
func (s *Server) dial(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.URL, err)
	}
	tcp, err := raw.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", s.URL, err), raw.Close())
	}
	wire := raw
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	if s.StartTLS {
		err = exchange.StartTLS(raw)
	}
	if err == nil && s.TLS != nil {
		client := tls.Client(raw, s.TLS)
		if err, wire = client.HandshakeContext(ctx), client; err == nil {
			s.proved(client.ConnectionState().PeerCertificates)
		}
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("securing the connection to %s: %w", s.URL, err)
	}
	return &Conn{gate: bergate.Wrap(wire), tcp: tcp, timeout: s.Timeout, observe: s.Observe, now: s.Now}, nil
}

// forSearches hands the connection to the library: nobody else may read on it
// from then on.
func (c *Conn) forSearches(secure bool) {
	c.ldap = ldap.NewConn(c.gate, secure)
	// The second line of defence: guard closes the socket well before.
	c.ldap.SetTimeout(c.timeout + time.Second)
	c.ldap.Start()
}

// sever ends the connection at once. The socket goes first: the library's own
// Close waits for its writer, and a stalled peer would hold that up.
func (c *Conn) sever() {
	_ = c.gate.Close()
	if c.ldap != nil {
		_ = c.ldap.Close()
	}
}

// alive tells whether an idle connection is of use, as far as can be known.
func (c *Conn) alive() bool {
	if c.broken || c.ldap != nil {
		return !c.broken && !c.ldap.IsClosing()
	}
	open := false
	// Nobody reads on it: where the server has closed it, the end is to be seen.
	err := c.tcp.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		open = n > 0 || errors.Is(err, syscall.EAGAIN)
		return true
	})
	return open && err == nil
}

// guard runs one operation within the time of one operation: at its end the
// socket closes, whatever the peer is doing. Only answers of these kinds pass.
func (c *Conn) guard(ctx context.Context, op string, run func() error, tags ...uint) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.gate.Close() })
	defer stop()
	start := c.now()
	c.gate.Expect(tags...)
	err := run()
	c.gate.Expect()
	fault := err
	if answered(err) {
		fault = nil
	}
	if fault != nil {
		c.broken = true
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
	c.observe(op, c.now().Sub(start), fault)
	return err
}

// bind asks whether the password is right.
func (c *Conn) bind(ctx context.Context, dn string, password account.Secret) (state bool, err error) {
	c.binds = c.binds%math.MaxInt32 + 1 // ids end there (RFC 4511 section 4.1.1.1)
	err = c.guard(ctx, "bind", func() (err error) {
		state, err = exchange.Bind(c.gate, c.binds, dn, password)
		return err
	}, tagBindResponse)
	return state, err
}

// Query is one search.
type Query struct {
	// Base is the DN that the search starts from, Scope ldap.ScopeBaseObject
	// or ldap.ScopeWholeSubtree.
	Base  string
	Scope int
	// Limit is the largest number of entries wanted; more is an error.
	Limit      int
	Filter     Filter
	Attributes []string
}

// request is the one place where a search is made; limit 0 is none.
func (q Query) request(limit int, controls ...ldap.Control) *ldap.SearchRequest {
	return ldap.NewSearchRequest(q.Base, q.Scope, ldap.NeverDerefAliases, limit, 0, false, q.Filter.text, q.Attributes, controls)
}

// Search runs a query. Referrals are never followed. Entries come back with an
// error, too, where there were more than the limit.
func (c *Conn) Search(ctx context.Context, q Query) ([]*ldap.Entry, error) {
	request := q.request(q.Limit)
	request.EnforceSizeLimit = true
	var result *ldap.SearchResult
	err := c.guard(ctx, "search", func() (err error) {
		result, err = c.ldap.Search(request)
		return err
	}, tagSearchEntry, tagSearchDone, tagSearchReference)
	err = codeOnly(err)
	if result == nil {
		return nil, err
	}
	return result.Entries, err
}
