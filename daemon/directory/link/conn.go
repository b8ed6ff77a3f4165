package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

// Application tags of the answers that are waited for (RFC 4511).
const (
	tagBindResponse    = 1
	tagSearchEntry     = 4
	tagSearchDone      = 5
	tagSearchReference = 19
)

// Conn is one connection to one server, used by one operation at a time.
type Conn struct {
	ldap    *ldap.Conn
	gate    *bergate.Conn
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
	wire := raw
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	if s.StartTLS {
		err = askStartTLS(raw)
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
	gate := bergate.Wrap(wire)
	c := &Conn{ldap: ldap.NewConn(gate, s.TLS != nil), gate: gate, timeout: s.Timeout, observe: s.Observe, now: s.Now}
	// The second line of defence: guard closes the socket well before.
	c.ldap.SetTimeout(s.Timeout + time.Second)
	c.ldap.Start()
	return c, nil
}

// askStartTLS does the one exchange before TLS (RFC 4511 section 4.14) by hand:
// the library reads ahead, and would take a byte sent early and in the clear
// for a part of what TLS protects. Here it lands in the handshake and breaks it.
func askStartTLS(raw net.Conn) error {
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	packet.AppendChild(request)
	if _, err := raw.Write(packet.Bytes()); err != nil {
		return fmt.Errorf("asking for StartTLS: %w", err)
	}
	message, err := bergate.ReadMessage(raw, 4096)
	if err != nil {
		return fmt.Errorf("waiting for StartTLS: %w", err)
	}
	reply, err := ber.DecodePacketErr(message)
	if err != nil || len(reply.Children) < 2 || reply.Children[1].Tag != ldap.ApplicationExtendedResponse ||
		reply.Children[0].Value != int64(1) {
		return errors.New("StartTLS was answered by something else")
	}
	if err := ldap.GetLDAPError(reply); err != nil {
		return fmt.Errorf("StartTLS refused: %w", err)
	}
	return nil
}

// sever ends the connection at once. The socket goes first: the library's own
// Close waits for its writer, and a stalled peer would hold that up.
func (c *Conn) sever() {
	_ = c.gate.Close()
	_ = c.ldap.Close()
}

func (c *Conn) alive() bool { return !c.broken && !c.ldap.IsClosing() }

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
func (c *Conn) bind(ctx context.Context, dn string, password account.Secret) (*ldap.SimpleBindResult, error) {
	request := ldap.NewSimpleBindRequest(dn, password.Reveal(), []ldap.Control{ldap.NewControlBeheraPasswordPolicy()})
	var result *ldap.SimpleBindResult
	err := c.guard(ctx, "bind", func() (err error) {
		result, err = c.ldap.SimpleBind(request)
		return err
	}, tagBindResponse)
	return result, err
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
