// Package saslauthd is the front end for programs that use Cyrus SASL with
// pwcheck_method saslauthd: Cyrus httpd, Postfix, lighttpd and many more. They
// send a name and a password over a Unix socket and read "OK" or "NO".
//
// It is bytes in, bytes out: it decides nothing and keeps nothing, and every
// question becomes one account.Attempt. The protocol has no word for "try
// later": a connection that is closed without an answer is the only thing that
// its clients take for that, so an outage is told that way. The main wires it to
// the engine and to a listener of package listen.
//
// The protocol is that of saslauthd/ipc_unix.c and lib/checkpw.c of Cyrus SASL.
package saslauthd

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	frontEnd = "saslauthd"

	// readTimeout is how long a client may take to send its request.
	readTimeout = 10 * time.Second
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
	// Strict demands the canonical spelling of a login: the protocol cannot
	// return it, so the client goes on with what was typed.
	Strict bool
	// Domains are realms that belong to the login: "alice" with one of them is
	// asked as "alice@realm". They are compared without regard to case.
	Domains []string
	// IgnoreRealms are realms that mean nothing, such as the HTTP realm that
	// lighttpd sends. A realm that is in neither list is not looked up, and is
	// refused where spelling is strict: the client would take alice@elsewhere
	// for somebody else than alice.
	IgnoreRealms []string
	// Log hears of requests that could not be read; nil means nobody.
	Log *slog.Logger
}

type handler struct{ Config }

// New returns the handler of one connection, which carries one request.
func New(cfg Config) (stream.Handler, error) {
	if cfg.Checker == nil {
		return nil, errors.New("saslauthd: no checker")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{cfg}
	buffers := &sync.Pool{New: func() any { return new([maxRequest + 1]byte) }}
	return func(ctx context.Context, c *stream.Conn) {
		buf := buffers.Get().(*[maxRequest + 1]byte)
		n := h.serve(ctx, c, buf[:])
		clear(buf[:n]) // the bytes hold a password; the next one must not find it
		buffers.Put(buf)
	}, nil
}

// serve answers one request and returns how many bytes of buf it used.
func (h *handler) serve(ctx context.Context, c *stream.Conn, buf []byte) int {
	c.ReadWithin(readTimeout)
	q, n, err := readRequest(c, buf)
	switch {
	case errors.Is(err, errRefused):
		h.Log.Debug("refused", "front_end", frontEnd, "error", err)
		h.reply(c, "NO "+string(account.Malformed))
		return n
	case err != nil:
		h.Log.Debug("closed without an answer", "front_end", frontEnd, "error", err)
		return n
	}
	if text := h.ask(ctx, c, q); text != "" {
		h.reply(c, text)
	}
	return n
}

// ask puts the request to the engine. The answer is "" where nobody could tell.
func (h *handler) ask(ctx context.Context, c *stream.Conn, q request) string {
	service, ok := h.Services.Of(q.service)
	if !ok {
		h.Log.Warn("refused", "front_end", frontEnd, "reason", account.NotAllowed, "error", "this service may not be asked on this socket")
		return "NO " + string(account.NotAllowed)
	}
	a := account.Attempt{
		Service: service, FrontEnd: frontEnd, Name: q.login, Password: account.Secret(q.password), OneField: true,
		Client: account.Client{Addr: clientAddr(q.client)}, Peer: c.Peer(),
	}
	h.spell(&a, q.realm)
	ans := h.Checker.Check(ctx, a)
	switch {
	case ans.Verdict == factor.Accept && ans.Usable():
		return "OK"
	case ans.Verdict == factor.Deny:
		return "NO " + string(ans.Reason.Outward())
	default:
		return ""
	}
}

// spell puts login and realm together again, which libsasl has taken apart at
// the last "@".
func (h *handler) spell(a *account.Attempt, realm string) {
	typed := a.Name
	switch {
	case realm == "" || containsFold(h.IgnoreRealms, realm):
	case containsFold(h.Domains, realm):
		typed = a.Name + "@" + realm
		a.Name = typed
	default:
		typed = a.Name + "@" + realm
	}
	if h.Strict {
		a.Spelled = typed
	}
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, s) })
}

// clientAddr reads "address;port", the form of libsasl. What cannot be read is
// unknown: it is a note for throttle and audit, not a credential.
func clientAddr(s string) netip.Addr {
	host, _, _ := strings.Cut(s, ";")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// reply sends a counted text; the connection is closed behind it. The few bytes
// fit into an empty socket, so nobody who does not read keeps this waiting, and
// what is in the socket reaches the client also where something of its own is
// left unread here: a fifth string that came late.
func (h *handler) reply(c *stream.Conn, text string) {
	if _, err := c.Write(append([]byte{byte(len(text) >> 8), byte(len(text))}, text...)); err != nil {
		h.Log.Debug("the client did not take its answer", "front_end", frontEnd, "error", err)
	}
}
