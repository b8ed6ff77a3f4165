// Package dovecotauth is the front end for programs that ask a Dovecot whether
// a login is good: Radicale, Postfix, Exim, and Dovecot's own library. They keep
// a connection to a Unix socket and send requests with numbers, as many at once
// as they like.
//
// It is bytes in, bytes out: it decides nothing, and every request becomes one
// account.Attempt. It speaks the client side of the authentication protocol,
// version 1.2, with the mechanisms PLAIN and LOGIN; the master side, by which
// Dovecot's own mail processes look up homes and quotas, is not here. The main
// wires it to the engine and to a listener of package listen.
//
// The protocol is that of docs/developers/design/auth_protocol.md of Dovecot;
// what its clients make of it was measured.
package dovecotauth

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

const (
	frontEnd = "dovecot"

	// maxLine is the most bytes of a line, as in Dovecot.
	maxLine = 16384
	// maxOpen bounds the requests of a connection that have no answer yet.
	maxOpen = 1024
	// maxChecks bounds those of them that are being judged at the same time;
	// further ones wait for their turn.
	maxChecks = 64
	// answerWithin is how long a request waits and is worked on. Then nobody can
	// tell; what is left of the 4 s that an answer may take is for taking back
	// what was counted.
	answerWithin = 3 * time.Second

	// handshakeTimeout is how long a client may take to introduce itself.
	handshakeTimeout = 10 * time.Second
	// idleTimeout outlives the pauses of mail servers, which keep a connection.
	idleTimeout = 30 * time.Minute
	// writeTimeout is how long a client may leave its answers unread.
	writeTimeout = 4 * time.Second
)

// Checker decides. Anything but an accept lets nobody in.
type Checker interface {
	Check(ctx context.Context, a account.Attempt) account.Answer
}

// Config is what the front end needs.
type Config struct {
	Checker Checker
	// Services says what the protocol's own service field means here.
	Services servicemap.Map
	// Strict demands the canonical spelling of a login: most clients of this
	// protocol go on with what was typed, although the answer names the login.
	Strict bool
	// PageURL is where people make app passwords; where only one helps, the
	// reason of a refusal names it. Empty leaves it out.
	PageURL string
	// Text says a reason to people.
	Text func(account.Reason) account.Text
	// German chooses the language of reasons, which mail servers show to the
	// remote user; English otherwise. Either way they are plain ASCII.
	German bool
	// PID is the daemon's process id.
	PID int
	// Rand makes the cookie of each connection.
	Rand io.Reader
	// Log hears of peers that break the protocol; nil means nobody.
	Log *slog.Logger
}

// Front answers by one config.
type Front struct{ Config }

// New makes a front end, or says what it lacks.
func New(cfg Config) (*Front, error) {
	if cfg.Checker == nil || cfg.Rand == nil || cfg.Text == nil {
		return nil, errors.New("dovecotauth: no checker, no source of randomness or no words for people")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Front{cfg}, nil
}

// Handler returns the handler of one connection whose front end may change under
// it, because clients keep connections for days: each request is judged by the one
// of that moment. The function that comes with it is called after the answer.
func Handler(now func() (f *Front, leave func())) stream.Handler {
	h := &handler{now: now}
	return func(ctx context.Context, c *stream.Conn) {
		f := h.front()
		greeting, err := f.greeting(h.conns.Add(1))
		if err != nil {
			f.Log.Error("greeting a client", "front_end", frontEnd, "error", err)
			return
		}
		s := newSession(h, c)
		s.out.send(greeting)
		if err := s.serve(ctx); err != nil {
			h.front().Log.Warn("closed the connection of a client that breaks the protocol", "front_end", frontEnd, "uid", c.Peer().UID, "error", err)
		}
	}
}

type handler struct {
	now   func() (*Front, func())
	conns atomic.Uint32
}

// front is the one of this moment, for what takes no time.
func (h *handler) front() *Front {
	f, leave := h.now()
	leave()
	return f
}

// greeting is the server's half of the handshake. It goes out at once and in
// one write, because Exim and Radicale wait for it and Radicale reads it with a
// single call of 1,024 bytes. MECH comes before SPID: Postfix and Exim take the
// other order for a socket that is not for them. Minor version 2 suits clients
// that speak first as well as those that wait.
func (f *Front) greeting(conn uint32) ([]byte, error) {
	cookie := make([]byte, 16)
	if _, err := io.ReadFull(f.Rand, cookie); err != nil {
		return nil, fmt.Errorf("making a cookie: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n")
	fmt.Fprintf(&b, "SPID\t%d\nCUID\t%d\nCOOKIE\t%s\nDONE\n", f.PID, conn, hex.EncodeToString(cookie))
	return b.Bytes(), nil
}

// reason is what the remote user may read about a refusal: plain ASCII on one
// line, and the same for all that a stranger must not tell apart.
func (f *Front) reason(r account.Reason) string {
	text := f.Text(r.Outward()).EN
	if f.German {
		text = f.Text(r.Outward()).DE
	}
	if r.AtPage() && f.PageURL != "" {
		text += " " + f.PageURL
	}
	return ascii(text)
}

// ascii writes umlauts as two letters, and signs of print as those of a keyboard:
// an answer of SMTP has no others. What else an operator's own text holds leaves a
// question mark.
func ascii(s string) string {
	s = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss",
		"„", `"`, "“", `"`, "”", `"`, "‚", "'", "‘", "'", "’", "'", "–", "-", "—", "-", "…", "...", "\u00a0", " ").Replace(s)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
