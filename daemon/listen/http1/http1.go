// Package http1 serves HTTP/1 on local sockets at the price of the work itself:
// one read, one write and no other goroutine for a request.
//
// Requests are read by net/http, and so are headers written; between the two are
// the few things that a server on a Unix socket needs: deadlines, limits, kept
// connections, and an end behind whatever was not read to its end. It is not for
// networks and not for browsers, knows no TLS, no HTTP/2, no streaming and no
// hijacking, does not look at the Host, of which there has to be one (RFC 9112
// section 3.2), and holds an answer until it is whole. Front ends for local programs
// may use it.
//
// Decided against: net/http's own server, which looks after a peer that may hang
// up with a second goroutine and two more reads a request, a fifth of a check,
// while a check goes on without its peer anyway; fasthttp, whose parser is another
// one than net/http's and forgives more.
package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// Config is what a server is made of; all of it is required.
type Config struct {
	// Handler may read the body to its end or leave it; the connection ends where
	// something is left. Its answer is held until it returns, and should be small.
	Handler http.Handler
	// ReadTimeout bounds the time from the first byte of a request to its last, and
	// from the connection to its first request; WriteTimeout that of the answer, and
	// IdleTimeout the time between two requests.
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// MaxHeader is in bytes, the request line included.
	MaxHeader int
	// Log hears of panics.
	Log *slog.Logger
}

// New returns a server that has not begun.
func New(cfg Config) *stream.Server { return stream.New(cfg.serve) }

// slack is what may be read along with a head of what follows it, in bytes.
const slack = 4096

// maxRest is how much is taken of what a peer sends behind its last answer, in bytes.
const maxRest = 256 << 10

// connection is one, with what its requests share.
type connection struct {
	*stream.Conn
	cfg *Config
	in  *bufio.Reader
	raw limited
	out answer
}

// serve answers the requests of one connection in their order.
func (cfg *Config) serve(ctx context.Context, conn *stream.Conn) {
	c := &connection{Conn: conn, cfg: cfg, raw: limited{from: conn, left: -1}}
	c.in = bufio.NewReaderSize(&c.raw, slack)
	ctx = listen.ConnContext(ctx, conn.Conn)
	defer func() {
		if v := recover(); v != nil {
			cfg.Log.Error("answering a request panicked", "stack", string(debug.Stack())) // the value may hold a secret
		}
	}()
	wait := cfg.ReadTimeout
	for c.next(ctx, wait) {
		wait = cfg.IdleTimeout
	}
}

// next answers one request, and tells whether another may follow.
func (c *connection) next(ctx context.Context, wait time.Duration) bool {
	c.ReadWithin(wait)
	if _, err := c.in.Peek(1); err != nil {
		return false
	}
	c.ReadWithin(c.cfg.ReadTimeout)
	c.raw.left = c.cfg.MaxHeader + slack - c.in.Buffered()
	r, err := http.ReadRequest(c.in)
	c.raw.left = -1
	switch {
	case err != nil && errors.Is(c.raw.err, errTooLarge):
		return c.reject(http.StatusRequestHeaderFieldsTooLarge)
	case err != nil && c.raw.err != nil:
		return false // it hung up, or took too long
	case err == nil && r.ProtoMajor != 1:
		return c.reject(http.StatusHTTPVersionNotSupported)
	case err != nil || !sound(r):
		return c.reject(http.StatusBadRequest)
	}
	body := &remains{ReadCloser: r.Body, ended: r.Body == http.NoBody}
	if expects := r.Header.Get("Expect"); expects != "" {
		if !strings.EqualFold(expects, "100-continue") {
			return c.reject(http.StatusExpectationFailed)
		}
		if r.ProtoAtLeast(1, 1) && !body.ended {
			body.announce = c.goOn
		}
	}
	if !body.ended {
		r.Body = body
	}
	c.out.begin(r)
	c.cfg.Handler.ServeHTTP(&c.out, r.WithContext(ctx))
	if !body.ended {
		c.out.closes = true
	}
	return c.send(r.Close && body.ended)
}

// sound tells of a request that it has what net/http's own server asks for beyond
// what reading asks for.
func sound(r *http.Request) bool {
	if r.ProtoAtLeast(1, 1) && r.Host == "" || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return false
			}
		}
	}
	return true
}

// reject answers what is no request, or none that can be served: the last answer
// of the connection.
func (c *connection) reject(status int) bool {
	c.out.begin(&http.Request{ProtoMajor: 1, ProtoMinor: 1, Close: true})
	c.out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.out.WriteHeader(status)
	_, _ = io.WriteString(&c.out, http.StatusText(status)+"\n") // into memory
	return c.send(false)
}

// send writes the whole answer, and tells whether the connection goes on. Where it
// does not, and the peer may not have ended, what still comes is taken until the peer
// has seen the end, up to a size and to the time of the request: who writes where
// nobody reads learns of that, and not of the answer (RFC 9112 section 9.6).
func (c *connection) send(ended bool) bool {
	c.WriteWithin(c.cfg.WriteTimeout)
	_, err := c.Write(c.out.whole(time.Now()))
	if err != nil || !c.out.closes {
		return err == nil
	}
	if !ended && c.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.in, maxRest)
	}
	return false
}

// goOn asks for the body of a client that waits until it is.
func (c *connection) goOn() {
	c.WriteWithin(c.cfg.WriteTimeout)
	_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n") // who cannot be told sends none
}
