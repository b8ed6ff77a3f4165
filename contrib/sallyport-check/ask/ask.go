// Package ask puts one question to the daemon's check socket: is this name with
// this password good for this service?
//
// It is not an HTTP client: it writes one request (GET /v1/auth, so that a
// password and a code may share one field) and reads the head of one answer,
// which costs less at the start of a short-lived program than the library's
// client. It decides nothing and remembers nothing. Only sallyport-check calls
// it.
package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Limits on what is asked, in bytes; the daemon has the same.
const (
	MaxName     = 256
	MaxPassword = 1024
)

const (
	firstWait   = 50 * time.Millisecond
	longestWait = 500 * time.Millisecond
	// maxClosed bounds the tries that end in a connection closed without an
	// answer: a daemon that goes down does so once, one that does not know the
	// asking user does so always, and writes each into its log.
	maxClosed = 3
)

// Question is what somebody typed, and where.
type Question struct {
	// Service is the service of the daemon's config that is asked for.
	Service string
	// Name and Password are bytes as typed: UTF-8, or else Latin-1.
	Name     string
	Password account.Secret
	// Addr is the client's address; the zero value where it is not known.
	Addr netip.Addr
	// Agent names the asking program in the daemon's audit; plain ASCII.
	Agent string
}

// Answer is what came of a question. The zero value lets nobody in.
type Answer struct {
	Verdict factor.Verdict
	// Login is the canonical login; set with an accept only.
	Login string
	// Why is for the operator: one line without anything that was typed.
	Why string
}

// Daemon is where to ask.
type Daemon struct {
	// Socket is the absolute path of the check socket.
	Socket string
	// Owner is the uid that the daemon must run as, unless that is root. A
	// negative one stands for the rule that trusted tells.
	Owner int
}

// Ask asks until there is an answer or the context ends: a missing socket,
// nobody behind it, a full queue, a connection closed without an answer and the
// daemon's own word that it cannot judge right now all pass in a restart. What
// the daemon cannot have meant is not asked again.
func (d Daemon) Ask(ctx context.Context, q Question) Answer {
	request, err := q.request()
	if err != nil {
		return Answer{Verdict: factor.Deny, Why: err.Error()}
	}
	closed, before := 0, Answer{}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		a, end := d.once(ctx, request)
		if end == late && before.Why != "" {
			return before // what the last whole try has shown says more
		}
		if end == cutOff {
			closed++
		}
		if end == final || end == late || closed == maxClosed || !pause(ctx, wait) {
			return a
		}
		before = a
	}
}

// end says what another try would be good for.
type end uint8

const (
	final  end = iota
	absent     // nobody could be asked, or an outage was told
	cutOff     // the connection was closed without an answer
	late       // the time was up
)

// unless is late where that is the error, and else the end that was given.
func unless(err error, e end) end {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return late
	}
	return e
}

// pause waits; it is false where the time was up before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// once asks one time.
func (d Daemon) once(ctx context.Context, request []byte) (Answer, end) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", d.Socket)
	if err != nil {
		return Answer{Why: d.sentence(err)}, unless(err, absent)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection without one is the caller's wish
	}
	// The question holds a password: first of all, who is there?
	if err := d.trusted(conn.(*net.UnixConn)); err != nil {
		return Answer{Why: err.Error()}, final
	}
	if _, err := conn.Write(request); err != nil {
		return Answer{Why: d.sentence(err)}, unless(err, cutOff)
	}
	r, err := readReply(conn)
	switch {
	case errors.Is(err, errForeign):
		return Answer{Why: d.sentence(err)}, final
	case err != nil:
		return Answer{Why: d.sentence(err)}, unless(err, cutOff)
	case r.status == 503:
		return r.answer(), absent
	}
	return r.answer(), final
}

// sentence says why there is no answer, and what to do.
func (d Daemon) sentence(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no socket at " + d.Socket + ": is the daemon running?"
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("uid %d may not open %s: put that user into the socket's group", os.Getuid(), d.Socket)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "the daemon at " + d.Socket + " did not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("the daemon at %s closed the connection without an answer: is uid %d allowed there?", d.Socket, os.Getuid())
	default:
		return fmt.Sprintf("asking at %s: %v", d.Socket, err)
	}
}
