package http1

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen"
)

// book is a handler that reads every body to its end and notes what it was asked.
type book struct {
	mu   sync.Mutex
	seen []string
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<12))
	b.mu.Lock()
	b.seen = append(b.seen, fmt.Sprintf("%s %s %s %q %v length %d close %v body %q whole %v",
		r.Method, r.RequestURI, r.Proto, r.Host, r.Header, r.ContentLength, r.Close, body, err == nil))
	n := len(b.seen)
	b.mu.Unlock()
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case strings.Contains(r.URL.Path, "empty"):
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("X-Number", fmt.Sprint(n))
		_, _ = fmt.Fprintf(w, "answer %d", n)
	}
}

func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = nil
}

// reply is what a client was told.
type reply struct {
	status       int
	proto        string
	number, body string
	closes       bool
}

// talk sends all of the bytes, ends its half, and returns what came back.
func talk(t testing.TB, path string, sent []byte) (all []reply) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint // it was read to its end
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		_, _ = c.Write(sent) // the other side may have had enough
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	in := bufio.NewReader(c)
	for {
		method := http.MethodGet
		if strings.HasPrefix(string(sent), http.MethodHead) {
			method = http.MethodHead
		}
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return all
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return all
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		all = append(all, reply{res.StatusCode, res.Proto, res.Header.Get("X-Number"), string(body), res.Close})
	}
}

// pair are this server and net/http's, on sockets of their own.
type pair struct {
	ours, theirs         book
	oursPath, theirsPath string
}

func newPair(t testing.TB) *pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{oursPath: filepath.Join(dir, "o"), theirsPath: filepath.Join(dir, "t")}
	mine := New(Config{Handler: &p.ours, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second,
		MaxHeader: 8 << 10, Log: slog.New(slog.DiscardHandler)})
	std := &http.Server{Handler: &p.theirs, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	for path, serve := range map[string]func(net.Listener) error{p.oursPath: mine.Serve, p.theirsPath: std.Serve} {
		l, err := listen.Unix(listen.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = serve(l) }()
	}
	t.Cleanup(func() {
		_, _ = mine.Close(), std.Close()
		_ = os.RemoveAll(dir)
	})
	return p
}

// compare sends the same to both. Ours may refuse what theirs takes, and then ends
// the connection; it never takes what theirs refuses, or reads it otherwise.
func (p *pair) compare(t testing.TB, sent []byte) (same bool) {
	t.Helper()
	p.ours.forget()
	p.theirs.forget()
	ours, theirs := talk(t, p.oursPath, sent), talk(t, p.theirsPath, sent)
	p.ours.mu.Lock()
	defer p.ours.mu.Unlock()
	p.theirs.mu.Lock()
	defer p.theirs.mu.Unlock()
	if n := len(theirs); n > 0 && strings.Contains(theirs[n-1].body, "Host header") {
		return true // two Host lines, or none beside a whole address: nobody here reads them
	}
	if len(p.ours.seen) > len(p.theirs.seen) {
		t.Fatalf("%q: taken for %q, by net/http for %q (%v)", sent, p.ours.seen, p.theirs.seen, theirs)
	}
	for i, seen := range p.ours.seen {
		if seen != p.theirs.seen[i] {
			t.Fatalf("%q: request %d is\n%s, by net/http\n%s", sent, i, seen, p.theirs.seen[i])
		}
		if i < len(ours) && i < len(theirs) && (ours[i].status != theirs[i].status || ours[i].body != theirs[i].body || ours[i].number != theirs[i].number || ours[i].proto != theirs[i].proto) {
			t.Fatalf("%q: answer %d is %+v, of net/http %+v", sent, i, ours[i], theirs[i])
		}
	}
	for i, r := range ours {
		if last := i == len(ours)-1; r.closes && !last || i >= len(p.ours.seen) && (!last || !r.closes || r.status < 400) {
			t.Fatalf("%q: answers %+v after %d requests", sent, ours, len(p.ours.seen))
		}
	}
	return len(p.ours.seen) == len(p.theirs.seen)
}

func get(rest string) string { return "GET / HTTP/1.1\r\nHost: x\r\n" + rest + "\r\n" }

// talks are conversations, whole and broken.
func talks() []string {
	post := func(rest string) string { return "POST /p HTTP/1.1\r\nHost: x\r\n" + rest }
	return []string{
		get(""), get("") + get("A: b\r\n") + get(""), get("Connection: close\r\n") + get(""),
		"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get(""),
		"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n" + get(""),
		post("Content-Length: 3\r\n\r\nabc") + get(""), post("Content-Length: 0\r\n\r\n") + get(""),
		post("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") + get(""),
		post("Transfer-Encoding: chunked\r\nTrailer: T\r\n\r\n1;x=y\r\na\r\n0\r\nT: u\r\n\r\n") + get(""),
		post("Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc") + get(""),
		post("Content-Length: 5000\r\n\r\n"+strings.Repeat("x", 5000)) + get(""),
		get("X-Long: " + strings.Repeat("x", 4<<10) + "\r\n"),
		"GET http://y/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT y:1 HTTP/1.1\r\nHost: y:1\r\n\r\n", get("A:b\r\nA: c\r\nCookie: d\r\n"),
		// broken
		"", "\r\n", "good morning\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /", get("")[:20],
		"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
		get("A b: c\r\n"), get(": c\r\n"), get("A : c\r\n"), get("A: c\x00\r\n"), get("A: c\x7f\r\n"), get("A\r\n"), get(" folded\r\n"), get("A: b\r\n folded\r\n"),
		get("A: b\rC: d\r\n"), get("A: b\nC: d\n"), get("\xc3\xa4: b\r\n"), get("A: \xc3\xa4\r\n"),
		post("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), post("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
		post("Content-Length: -1\r\n\r\n"), post("Content-Length: +3\r\n\r\nabc"), post("Content-Length: 3, 3\r\n\r\nabc"),
		post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") + get(""),
		post("Transfer-Encoding: chunked, gzip\r\n\r\n"), post("Transfer-Encoding: gzip\r\n\r\n"), post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		post("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"), post("Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), post("Transfer-Encoding: chunked\r\n\r\n3\r\nab"),
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get(""), post("Content-Length: 9\r\n\r\nabc"),
		post("Expect: magic\r\nContent-Length: 3\r\n\r\nabc") + get(""), get("X-Long: " + strings.Repeat("x", 64<<10) + "\r\n"),
		strings.Repeat("x", 64<<10), get(strings.Repeat("A: b\r\n", 5000)),
	}
}

// What net/http's server takes is taken, and read in the same way; it hands the
// start of an HTTP/2 connection to its handler, and that is refused.
func TestLikeNetHTTP(t *testing.T) {
	p := newPair(t)
	for _, sent := range talks() {
		if same := p.compare(t, []byte(sent)); same == strings.HasPrefix(sent, "PRI ") {
			t.Errorf("%.80q: as many requests as net/http sees: %t", sent, same)
		}
	}
}

// Nothing is taken that net/http refuses, nor read otherwise.
func FuzzLikeNetHTTP(f *testing.F) {
	for _, sent := range talks() {
		f.Add([]byte(sent))
	}
	p := newPair(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) <= 1<<12 {
			p.compare(t, sent)
		}
	})
}
