// Package post hands one mail to a mail server, encrypted unless the server is
// on this machine, and says what became of it.
//
// It writes no letters, keeps no mail and never tries twice: package notify,
// which alone may call it, does all of that. It is the one door of go-mail,
// which builds the message and speaks SMTP.
package post

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// The ways in which a mail is not taken that the server decided upon this mail.
// Everything else that goes wrong concerns all mail, and is worth another try.
var (
	// ErrRefused means that this recipient will never be taken.
	ErrRefused = errors.New("the mail server refuses the recipient for good")
	// ErrDoubtful means that it may be only this mail or this recipient that is
	// not taken now.
	ErrDoubtful = errors.New("the mail server does not take this mail")
)

// patience bounds one mail, from the connection to the last answer.
const patience = 40 * time.Second

// Server is where mail is handed in.
type Server struct {
	// Host and Port are where it listens.
	Host string
	Port int
	// Implicit has TLS from the first byte (RFC 8314), and no STARTTLS.
	Implicit bool
	// Plain leaves the connection as it is; it is for this machine only.
	Plain bool
	// Roots are the authorities to trust; nil means those of the system.
	Roots *x509.CertPool
	// User and Password are given where User is not empty.
	User, Password string
}

// String prints the server without its password.
func (s Server) String() string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }

// GoString prints the same as String, for %#v.
func (s Server) GoString() string { return s.String() }

// Mail is one message.
type Mail struct {
	From, To mail.Address
	Subject  string
	Text     string
	HTML     string
	// ID is the Message-ID without its brackets: the same for the same mail, so
	// that one that arrives twice can be known.
	ID   string
	Date time.Time
}

// Address reads a bare address that any mail server can take: ASCII, nothing
// quoted, no comment.
func Address(s string) (string, bool) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > 254 || strings.ContainsFunc(s, odd) || strings.HasPrefix(s, "-") {
		return "", false
	}
	if _, err := mail.ParseAddress(s); err != nil {
		return "", false
	}
	return s, true
}

// odd is what has a meaning of its own in some header or command, or none.
func odd(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[\]%!|`, r)
}

// Send hands the mail in. Nil means that the server has taken it.
func (s Server) Send(ctx context.Context, m Mail) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	message, err := build(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	line := &line{}
	if s.Implicit {
		line.tls = s.tls()
	}
	client, err := gomail.NewClient(s.Host, s.options(line)...)
	if err != nil {
		return fmt.Errorf("preparing to ask %s: %w", s, err)
	}
	defer line.cut()
	// The library watches the context only while it connects.
	defer context.AfterFunc(ctx, line.cut)()
	err = client.DialAndSendWithContext(ctx, message)
	if err == nil || message.IsDelivered() {
		return nil // what fails after the mail was taken says nothing about it
	}
	var send *gomail.SendError
	if errors.As(err, &send) {
		return judge(send)
	}
	return fmt.Errorf("asking the mail server %s: %w", s, err)
}

func (s Server) options(l *line) []gomail.Option {
	out := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(patience), gomail.WithDialContextFunc(l.dial),
		gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithoutNoop(),
		// All addresses are ASCII: nobody on the way needs to know the extension.
		gomail.WithoutSMTPUTF8(),
		gomail.WithTLSConfig(s.tls()),
	}
	if s.Implicit {
		// What line.dial returns speaks TLS, or is an error. This has the library
		// find that out, and want no STARTTLS; its WithSSL is for its own dialer, and
		// it would take ours for plain, and give no password.
		out = append(out, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if s.Plain {
		out = append(out, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.User != "" {
		out = append(out, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	return out
}

func (s Server) tls() *tls.Config {
	return &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
}

func build(m Mail) (*gomail.Msg, error) {
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(&m.From)
	out.ToMailAddress(&m.To)
	for _, a := range []string{m.From.Address, m.To.Address} {
		if _, ok := Address(a); !ok {
			return nil, errors.New("an address that no server would understand")
		}
	}
	if len(out.GetTo()) != 1 || len(out.GetFrom()) != 1 {
		return nil, errors.New("an address that cannot be written")
	}
	out.Subject(m.Subject)
	out.SetMessageIDWithValue(m.ID)
	out.SetDateWithValue(m.Date)
	// RFC 3834: no vacation program answers this.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return out, nil
}

// judge says what a refusal means. The text of the server is left out: it may
// name the recipient, and this goes to the log.
func judge(e *gomail.SendError) error {
	code, extended := e.ErrorCode(), e.EnhancedStatusCode()
	what := fmt.Errorf("%s: %s", e.Reason, strings.TrimSpace(fmt.Sprintf("%d %s", code, extended)))
	_, about, _ := strings.Cut(extended, ".")
	// RFC 3463: x.1 is about the address, x.2 about the mailbox.
	personal := strings.HasPrefix(about, "1.") || strings.HasPrefix(about, "2.")
	atRecipient := e.Reason == gomail.ErrSMTPRcptTo
	switch {
	case code >= 500 && atRecipient && (personal || extended == "" && code >= 550 && code <= 553):
		return fmt.Errorf("%w: %w", ErrRefused, what)
	case atRecipient && (code >= 500 || code >= 400 && personal),
		code >= 500 && (e.Reason == gomail.ErrSMTPData || e.Reason == gomail.ErrSMTPDataClose):
		return fmt.Errorf("%w: %w", ErrDoubtful, what)
	case code == 0:
		return fmt.Errorf("the connection to the mail server broke at %s", e.Reason)
	default:
		return fmt.Errorf("the mail server takes no mail: %w", what)
	}
}

// line is the one connection of a mail. The library leaves it open where the
// server refuses the greeting, the encryption or the password.
type line struct {
	// tls, if set, is what the connection begins with.
	tls  *tls.Config
	mu   sync.Mutex
	conn net.Conn
	over bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := l.keep(conn); err != nil || l.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, l.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("beginning with TLS: %w", err)
	}
	return secure, nil
}

// keep lets cut close the connection.
func (l *line) keep(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	if l.over {
		return errors.Join(net.ErrClosed, conn.Close())
	}
	return nil
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.Close() // closed already, or nothing is left to be told
	}
}
