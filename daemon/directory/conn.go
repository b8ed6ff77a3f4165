package directory

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

// conn is one connection to one server, used by one operation at a time.
type conn struct {
	ldap *ldap.Conn
	gate *bergate.Conn
}

// endpoint is all that is needed to reach a server.
type endpoint struct {
	url      string
	address  string
	tls      *tls.Config // nil: plain, on loopback only
	startTLS bool
	timeout  time.Duration
}

// dial opens a connection. Nothing but the StartTLS request is sent before the
// server has proven its name, where TLS is asked for.
func (e endpoint) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", e.url, err)
	}
	wire := raw
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	if e.startTLS {
		err = askStartTLS(raw)
	}
	if err == nil && e.tls != nil {
		client := tls.Client(raw, e.tls)
		err, wire = client.HandshakeContext(ctx), client
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("securing the connection to %s: %w", e.url, err)
	}
	gate := bergate.Wrap(wire)
	c := &conn{ldap: ldap.NewConn(gate, e.tls != nil), gate: gate}
	c.ldap.SetTimeout(e.timeout)
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
func (c *conn) sever() {
	_ = c.gate.Close()
	_ = c.ldap.Close()
}

func (c *conn) alive() bool { return !c.ldap.IsClosing() }

// guard runs one operation within its context: at its end the socket closes,
// whatever the peer is doing. Answers of other kinds than these do not pass.
func (c *conn) guard(ctx context.Context, op func() error, tags ...uint) error {
	stop := context.AfterFunc(ctx, func() { _ = c.gate.Close() })
	defer stop()
	c.gate.Expect(tags...)
	err := op()
	c.gate.Expect()
	if ctx.Err() != nil && !answered(err) && err != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// bind asks whether the password is right.
func (c *conn) bind(ctx context.Context, dn string, password account.Secret) (*ldap.SimpleBindResult, error) {
	request := ldap.NewSimpleBindRequest(dn, password.Reveal(), []ldap.Control{ldap.NewControlBeheraPasswordPolicy()})
	var result *ldap.SimpleBindResult
	err := c.guard(ctx, func() (err error) {
		result, err = c.ldap.SimpleBind(request)
		return err
	}, tagBindResponse)
	return result, err
}

// query is one search.
type query struct {
	base       string
	scope      int
	limit      int
	filter     filter
	attributes []string
}

// search runs a query. Referrals come back as what they are, results of no
// use: they are never followed.
func (c *conn) search(ctx context.Context, q query) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(q.base, q.scope, ldap.NeverDerefAliases, q.limit, 0, false, q.filter.text, q.attributes, nil)
	request.EnforceSizeLimit = true
	var result *ldap.SearchResult
	err := c.guard(ctx, func() (err error) {
		result, err = c.ldap.Search(request)
		return err
	}, tagSearchEntry, tagSearchDone, tagSearchReference)
	if result == nil {
		return nil, err
	}
	return result.Entries, err
}
