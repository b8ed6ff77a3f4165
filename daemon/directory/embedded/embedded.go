// Package embedded is the directory of the demo: a small LDAP server that
// serves one LDIF file, read-only, on loopback.
//
// It is for demos only. It has no TLS, no access control but that it never
// hands out a password, and no lock-out; so it refuses to listen anywhere but
// on loopback. It knows simple binds and searches (RFC 4511), as the rest of
// package directory uses them, and says unwillingToPerform to all else. Only
// the mains may start it.
//
// Decided against: the server library gldap. It chooses how to listen, reads
// messages of any size and hands on filters as text, so that the larger part
// would have had to be written anyway.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

const (
	maxRequest     = 64 << 10
	maxConnections = 256
	idleFor        = 10 * time.Minute
	writeWithin    = 10 * time.Second
)

// Config says what to serve, and where.
type Config struct {
	// Addr is a loopback address and port, for example "127.0.0.1:3389".
	Addr string
	// LDIF is read to its end by Start (RFC 2849, content records only).
	// Passwords are plain text or {SSHA}. Entries without an entryUUID get one
	// that depends on their DN only.
	LDIF io.Reader
	// Log takes faults of connections; nil discards them.
	Log *slog.Logger
}

// Server is a running directory.
type Server struct {
	tree     *tree
	listener net.Listener
	log      *slog.Logger
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	done  bool
}

// Start reads the LDIF and listens. It refuses an address that is not on
// loopback, and entries that it cannot serve.
func Start(cfg Config) (*Server, error) {
	addr, err := netip.ParseAddrPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("demo directory: address: %w", err)
	}
	if !addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("demo directory: %s is not on loopback; it has no TLS and is for demos only", addr)
	}
	tree, err := parse(cfg.LDIF)
	if err != nil {
		return nil, fmt.Errorf("demo directory: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("demo directory: %w", err)
	}
	s := &Server{tree: tree, listener: listener, log: cfg.Log, conns: make(map[net.Conn]struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.serving.Go(s.accept)
	return s, nil
}

// URL is where the directory is served, for example "ldap://127.0.0.1:3389".
func (s *Server) URL() string { return "ldap://" + s.listener.Addr().String() }

// Close stops listening and ends all connections.
func (s *Server) Close() error {
	s.mu.Lock()
	s.done = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.serving.Wait()
	if err != nil {
		return fmt.Errorf("closing the demo directory: %w", err)
	}
	return nil
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("demo directory: accepting", "error", err)
			return
		}
		if !s.admit(c) {
			_ = c.Close()
			continue
		}
		s.serving.Go(func() {
			defer s.dismiss(c)
			if err := s.serve(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.log.Debug("demo directory: a connection ended", "error", err)
			}
		})
	}
}

func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || len(s.conns) >= maxConnections {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) dismiss(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// serve answers one connection's requests, one after the other.
func (s *Server) serve(c net.Conn) error {
	for {
		idle := time.AfterFunc(idleFor, func() { _ = c.Close() })
		message, err := bergate.ReadMessage(c, maxRequest)
		idle.Stop()
		if err != nil {
			return err
		}
		request, err := ber.DecodePacketErr(message)
		if err != nil || len(request.Children) < 2 {
			return fmt.Errorf("reading a request: %w", bergate.ErrMalformed)
		}
		id, err := ber.ParseInt64(request.Children[0].ByteValue)
		if err != nil || request.Children[1].ClassType != ber.ClassApplication {
			return fmt.Errorf("reading a request: %w", bergate.ErrMalformed)
		}
		if request.Children[1].Tag == ldap.ApplicationUnbindRequest {
			return nil
		}
		var out []byte
		for _, reply := range s.answer(request) {
			envelope := ber.NewSequence("")
			envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
			envelope.AppendChild(reply)
			out = append(out, envelope.Bytes()...)
		}
		stuck := time.AfterFunc(writeWithin, func() { _ = c.Close() })
		_, err = c.Write(out)
		stuck.Stop()
		if err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// answer returns the messages that answer a request; none for Abandon.
func (s *Server) answer(request *ber.Packet) []*ber.Packet {
	op := request.Children[1]
	critical := len(request.Children) > 2 && hasCritical(request.Children[2])
	switch op.Tag {
	case ldap.ApplicationBindRequest:
		if critical {
			return []*ber.Packet{result(ldap.ApplicationBindResponse, ldap.LDAPResultUnavailableCriticalExtension)}
		}
		return []*ber.Packet{result(ldap.ApplicationBindResponse, s.bind(op))}
	case ldap.ApplicationSearchRequest:
		if critical {
			return []*ber.Packet{result(ldap.ApplicationSearchResultDone, ldap.LDAPResultUnavailableCriticalExtension)}
		}
		entries, code := s.search(op)
		return append(entries, result(ldap.ApplicationSearchResultDone, code))
	case ldap.ApplicationAbandonRequest:
		return nil
	case ldap.ApplicationDelRequest, ldap.ApplicationAddRequest, ldap.ApplicationModifyRequest,
		ldap.ApplicationModifyDNRequest, ldap.ApplicationCompareRequest, ldap.ApplicationExtendedRequest:
		// In RFC 4511 each of these is answered by the tag that follows.
		return []*ber.Packet{result(op.Tag+1, ldap.LDAPResultUnwillingToPerform)}
	}
	return []*ber.Packet{result(ldap.ApplicationExtendedResponse, ldap.LDAPResultProtocolError)}
}

func hasCritical(controls *ber.Packet) bool {
	for _, control := range controls.Children {
		if len(control.Children) > 1 && control.Children[1].Tag == ber.TagBoolean &&
			control.Children[1].ClassType == ber.ClassUniversal && len(control.Children[1].ByteValue) == 1 &&
			control.Children[1].ByteValue[0] != 0 {
			return true
		}
	}
	return false
}

func (s *Server) bind(op *ber.Packet) uint16 {
	if len(op.Children) != 3 {
		return ldap.LDAPResultProtocolError
	}
	dn, credentials := octets(op.Children[1]), op.Children[2]
	if credentials.ClassType != ber.ClassContext || credentials.Tag != 0 {
		return ldap.LDAPResultAuthMethodNotSupported
	}
	password := octets(credentials)
	switch {
	case dn == "" && password == "":
		return ldap.LDAPResultSuccess
	case dn == "" || password == "":
		return ldap.LDAPResultUnwillingToPerform
	case s.tree.right(dn, password):
		return ldap.LDAPResultSuccess
	}
	return ldap.LDAPResultInvalidCredentials
}

// search reads a SearchRequest (RFC 4511 section 4.5.1).
func (s *Server) search(op *ber.Packet) ([]*ber.Packet, uint16) {
	if len(op.Children) != 8 {
		return nil, ldap.LDAPResultProtocolError
	}
	scope, err := ber.ParseInt64(op.Children[1].ByteValue)
	limit, err2 := ber.ParseInt64(op.Children[3].ByteValue)
	if errors.Join(err, err2) != nil || scope < 0 || scope > 2 || limit < 0 {
		return nil, ldap.LDAPResultProtocolError
	}
	wanted := make([]string, 0, len(op.Children[7].Children))
	for _, name := range op.Children[7].Children {
		wanted = append(wanted, octets(name))
	}
	found, ok := s.tree.find(octets(op.Children[0]), int(scope), op.Children[6])
	if !ok {
		return nil, ldap.LDAPResultNoSuchObject
	}
	var replies []*ber.Packet
	for _, e := range found {
		if limit > 0 && len(replies) == int(limit) {
			return replies, ldap.LDAPResultSizeLimitExceeded
		}
		replies = append(replies, e.packet(wanted))
	}
	return replies, ldap.LDAPResultSuccess
}

func result(tag ber.Tag, code uint16) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, uint64(code), ""))
	p.AppendChild(text(""))
	p.AppendChild(text(""))
	return p
}

func text(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

// octets is an element's content; the decoder keeps ByteValue for universal tags only.
func octets(p *ber.Packet) string { return p.Data.String() }
