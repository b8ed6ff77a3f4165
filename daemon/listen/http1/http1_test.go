package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/listentest"
)

// limits are short where a test waits for them.
func limits(h http.HandlerFunc) Config {
	return Config{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 90 * time.Second,
		MaxHeader: 8 << 10, Log: slog.New(slog.DiscardHandler)}
}

// serve serves on a real socket until the test ends.
func serve(t *testing.T, cfg Config) (string, net.Listener) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	s, done := New(cfg), make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-done); err != nil && !errors.Is(err, net.ErrClosed) { // closed by a drain
			t.Error(err)
		}
	})
	return path, l
}

// raw sends the text and returns all that comes until the end.
func raw(t *testing.T, path, sent string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint // it was read to its end
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%q: %v after %q", sent, err, said)
	}
	return string(said)
}

const last = "Connection: close\r\n"

// An answer is one head and one body, whatever its handler writes into it.
func TestAnswers(t *testing.T) {
	path, _ := serve(t, limits(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch r.URL.Path {
		case "/split":
			h["X-Name"] = []string{"a\r\nX-Other: b\r\n\r\nHTTP/1.1 200 OK"}
		case "/odd":
			h["Content-Length"], h["Date"], h["A b"] = []string{"99"}, []string{"now"}, []string{"c"}
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "body"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("a body of 204: %v", err)
			}
			return
		case "/ends":
			h.Set("Connection", "Close")
		}
		_, _ = io.WriteString(w, "bo")
		_, _ = io.WriteString(w, "dy")
	}))
	for _, c := range []struct{ sent, head, tail string }{
		{"GET / HTTP/1.1\r\nHost: x\r\n" + last, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: ", last + "\r\nbody"},
		{"GET / HTTP/1.0\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nDate: ", last + "\r\nbody"},
		{"HEAD / HTTP/1.1\r\nHost: x\r\n" + last, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: ", last + "\r\n"},
		{"GET /none HTTP/1.1\r\nHost: x\r\n" + last, "HTTP/1.1 204 No Content\r\nDate: ", last + "\r\n"},
		{"GET /split HTTP/1.1\r\nHost: x\r\n" + last, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Name: a  X-Other: b    HTTP/1.1 200 OK\r\nDate: ", last + "\r\nbody"},
		{"GET /odd HTTP/1.1\r\nHost: x\r\n" + last, "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 4\r\nDate: ", last + "\r\nbody"},
		{"GET /ends HTTP/1.1\r\nHost: x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: ", last + "\r\nbody"},
	} {
		said := raw(t, path, c.sent+"\r\n")
		date, ok := strings.CutPrefix(said, c.head)
		date, whole := strings.CutSuffix(date, " GMT\r\n"+c.tail)
		if _, err := time.Parse(http.TimeFormat, date+" GMT"); !ok || !whole || err != nil {
			t.Errorf("%q: %q", c.sent, said)
		}
	}
	said := raw(t, path, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
	if strings.Count(said, "HTTP/1.0 200 OK") != 2 || strings.Count(said, "Connection: keep-alive\r\n\r\nbody") != 1 || !strings.HasSuffix(said, last+"\r\nbody") {
		t.Errorf("an older client that keeps its connection: %q", said)
	}
}

// What cannot be served is answered with its status, and ends the connection.
func TestWhatIsRejected(t *testing.T) {
	path, _ := serve(t, limits(func(http.ResponseWriter, *http.Request) { t.Error("the handler was asked") }))
	for sent, status := range map[string]string{
		"good morning\r\n\r\n":                                "400 Bad Request",
		"GET / HTTP/1.1\r\n\r\n":                              "400 Bad Request",
		"PRI * HTTP/2.0\r\n\r\n":                              "505 HTTP Version Not Supported",
		get("Expect: magic\r\n"):                              "417 Expectation Failed",
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 64<<10): "431 Request Header Fields Too Large",
		strings.Repeat("x", 64<<10):                           "431 Request Header Fields Too Large",
	} {
		said := raw(t, path, sent+get(""))
		if !strings.HasPrefix(said, "HTTP/1.1 "+status+"\r\n") || !strings.Contains(said, last) || strings.Count(said, "HTTP/1.1") != 1 {
			t.Errorf("%.40q: %q", sent, said)
		}
	}
}

// Who is still sending when the answer is there can go on, and reads it.
func TestWhoIsStillSendingReadsTheAnswer(t *testing.T) {
	path, _ := serve(t, limits(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ends" {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "answer")
	}))
	rest := strings.Repeat("x", 1<<10)
	for name, c := range map[string]struct{ head, status string }{
		"body":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 131072\r\n\r\n", "200 OK"},
		"chunked": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK"},
		"ends":    {"GET /ends HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK"},
		"broken":  {"good morning\r\n", "400 Bad Request"},
		"long":    {"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 16<<10), "431 Request Header Fields Too Large"},
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = io.WriteString(conn, c.head)
		said, end := io.ReadAll(conn) // to the server's end
		for range 128 {
			_, e := io.WriteString(conn, rest)
			err = errors.Join(err, e)
		}
		if err != nil || end != nil || !strings.HasPrefix(string(said), "HTTP/1.1 "+c.status+"\r\n") {
			t.Errorf("%s: sending: %v, reading: %q, %v", name, err, said, end)
		}
		_ = conn.Close()
	}
}

// That is for as long as a request may take, and not for as much as somebody sends.
func TestNobodySendsForEver(t *testing.T) {
	cfg := limits(func(http.ResponseWriter, *http.Request) {})
	path, _ := serve(t, cfg)
	dial := func(path string) net.Conn {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // half of what a request may take
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn := dial(path)
	for sent, b := 0, make([]byte, 1<<10); ; sent += len(b) {
		if _, err := conn.Write(b); errors.Is(err, syscall.EPIPE) && sent <= 1<<20 {
			break
		} else if err != nil || sent > 1<<20 {
			t.Fatalf("after %d bytes: %v", sent, err)
		}
	}
	cfg.ReadTimeout = 50 * time.Millisecond
	path, _ = serve(t, cfg)
	raw, err := dial(path).(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		n, err := 0, error(unix.EINTR)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 5000) // until both halves are closed
		}
		if n != 1 || err != nil {
			t.Errorf("who sends nothing is not cut: %v", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// A client that waits to be asked for its body is asked when somebody reads it, and
// only then.
func TestTheBodyIsAskedForWhenItIsRead(t *testing.T) {
	path, _ := serve(t, limits(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			_, _ = io.ReadAll(r.Body)
		}
	}))
	const rest = " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
	if said := raw(t, path, "POST /leave"+rest); !strings.HasPrefix(said, "HTTP/1.1 200") || !strings.Contains(said, last) {
		t.Errorf("left: %q", said)
	}
	said := raw(t, path, "POST /read"+rest+"abcGET / HTTP/1.1\r\nHost: x\r\n"+last+"\r\n")
	if !strings.HasPrefix(said, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") || strings.Count(said, "HTTP/1.1 200") != 2 {
		t.Errorf("read: %q", said)
	}
}

// A handler that panics costs its connection, and nobody else theirs; what it
// panicked with may be a password.
func TestAPanicEndsOneConnection(t *testing.T) {
	var log bytes.Buffer
	cfg := limits(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			panic("geheim")
		}
	})
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	path, _ := serve(t, cfg)
	if said := raw(t, path, "GET /bad HTTP/1.1\r\nHost: x\r\n\r\n"+get("")); said != "" {
		t.Errorf("told %q", said)
	}
	if said := raw(t, path, get(last)); !strings.HasPrefix(said, "HTTP/1.1 200") {
		t.Errorf("somebody else is told %q", said)
	}
	if text := log.String(); strings.Contains(text, "geheim") || !strings.Contains(text, "panicked") || !strings.Contains(text, "http1_test.go") {
		t.Errorf("the log says %s", text)
	}
}

// Who says nothing is cut after ten seconds, who is slow ten seconds after the first
// byte of a request, and who has had an answer may be silent for ninety.
func TestWhoIsCutWhen(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		slow bool
		cut  time.Duration
	}{
		"silent":  {"", false, 10 * time.Second},
		"slow":    {"", true, 10 * time.Second},
		"in head": {"GET / HTTP/1.1\r\n", true, 10 * time.Second},
		"in body": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", true, 10 * time.Second},
		"kept":    {get(""), false, 90 * time.Second},
		"again":   {get("") + "G", true, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listentest.New()
				s := New(limits(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }))
				done := make(chan error, 1)
				go func() { done <- s.Serve(l) }()
				conn, begun := l.Dial(t), time.Now()
				var all sync.WaitGroup
				all.Go(func() {
					_, err := io.WriteString(conn, c.sent)
					for c.slow && err == nil {
						<-time.After(time.Second)
						_, err = io.WriteString(conn, "x")
					}
				})
				_, _ = io.Copy(io.Discard, conn)
				if took := time.Since(begun); took < c.cut || took > c.cut+time.Second {
					t.Errorf("cut after %s", took)
				}
				all.Wait()
				if err := errors.Join(s.Close(), <-done); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// When the socket is drained, what was asked is answered, and whoever keeps a
// connection meets its end before they ask again.
func TestDrainingLosesNoRequest(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	path, l := serve(t, limits(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(asked)
			<-answer
		}
		_, _ = io.WriteString(w, "done")
	}))
	dial := func(sent string) *bufio.Reader {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(c)
	}
	body := func(in *bufio.Reader) string {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	kept, slow := dial(get("")), dial("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"+get(""))
	if got := body(kept); got != "done" {
		t.Fatal(got)
	}
	<-asked
	drained := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drained <- listen.Drain(ctx, l)
	}()
	if rest, err := io.ReadAll(kept); len(rest) > 0 || err != nil {
		t.Errorf("a kept connection: %q, %v", rest, err)
	}
	close(answer)
	if a, b := body(slow), body(slow); a != "done" || b != "done" {
		t.Errorf("under way: %q, %q", a, b)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
