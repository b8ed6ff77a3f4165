package httpcheck_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/http1"
	"github.com/sallyport/sallyport/daemon/listen/listentest"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/plugins/factor"
)

// byName answers each name as the name says, and remembers who was asked for.
type byName struct {
	mu    sync.Mutex
	names []string
}

func (b *byName) Check(_ context.Context, a account.Attempt) account.Answer {
	b.mu.Lock()
	b.names = append(b.names, a.Name)
	b.mu.Unlock()
	switch {
	case strings.HasPrefix(a.Name, "good") && a.Password == "right":
		return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "i", Name: a.Name}}
	case strings.HasPrefix(a.Name, "outage"):
		return account.Answer{Reason: account.DirectoryUnavailable}
	case strings.HasPrefix(a.Name, "throttled"):
		return account.Answer{Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: time.Second}
	default:
		return account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	}
}

func (b *byName) Ready(context.Context) error { return nil }

func (b *byName) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.names...)
}

// server is the front end with its deadlines, not yet served.
func (b *byName) server(t *testing.T) *stream.Server {
	t.Helper()
	return http1.New(b.limits(t))
}

// limits are those of the front end.
func (b *byName) limits(t *testing.T) http1.Config {
	t.Helper()
	h, err := httpcheck.New(httpcheck.Config{Checker: b, Health: b, Text: said(t), Services: []string{"dav", "web"}, DefaultService: "dav"})
	if err != nil {
		t.Fatal(err)
	}
	return httpcheck.Limits(h, nil)
}

// serveOn serves until the test ends.
func serveOn(t *testing.T, srv *stream.Server, l net.Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(srv.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
}

// socket serves on a real socket.
func socket(t *testing.T, srv *stream.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := listen.Unix(listen.Config{Path: dir + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, srv, l)
	return dir + "/s"
}

func dialUnix(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// authOf and checkOf are requests of the two kinds.
func authOf(name, password string) string {
	return "GET /v1/auth HTTP/1.1\r\nHost: x\r\n" + strings.ReplaceAll(basic(name+":"+password), "\n", "\r\n") + "\r\n"
}

func checkOf(name, password string) string {
	return postOf(fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
}

func postOf(body string) string {
	return fmt.Sprintf("POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func chunked(body string) string {
	return fmt.Sprintf("POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// piped is one of several requests on a connection.
type piped struct {
	request string
	status  int
	asked   string // the name that the checker is asked for; empty where it is not
}

// kinds are requests of all sorts that leave the connection as it was. Their
// names carry a number, so that no answer can pass for another.
func kinds(i int) []piped {
	n := func(kind string) string { return fmt.Sprintf("%s%d", kind, i) }
	return []piped{
		{authOf(n("good-a"), "right"), 204, n("good-a")},
		{checkOf(n("good-c"), "right"), 200, n("good-c")},
		{authOf(n("bad-a"), "wrong"), 401, n("bad-a")},
		{checkOf(n("bad-c"), "wrong"), 401, n("bad-c")},
		{authOf(n("good-a"), "wrong"), 401, n("good-a")},
		{authOf(n("outage-a"), "right"), 503, n("outage-a")},
		{checkOf(n("outage-c"), "right"), 503, n("outage-c")},
		{authOf(n("throttled-a"), "right"), 429, n("throttled-a")},
		{checkOf(n("throttled-c"), "right"), 429, n("throttled-c")},
		{chunked(`{"username":"` + n("good-k") + `","password":"right"}`), 200, n("good-k")},
		{"GET /v1/auth HTTP/1.1\r\nHost: x\r\n\r\n", 401, ""},
		{"GET /v1/auth HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !\r\n\r\n", 400, ""},
		{"GET /v1/auth HTTP/1.1\r\nHost: x\r\nX-Sallyport-Service: ssh\r\n\r\n", 403, ""},
		{"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"GET /v1/check HTTP/1.1\r\nHost: x\r\n\r\n", 405, ""},
		{"GET /v1/health/ready HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		{postOf(""), 400, ""},
		{postOf("{"), 400, ""},
		{postOf(`{"username":"a","username":"b","password":"x"}`), 400, ""},
		{postOf(`{"service":"ssh","username":"a","password":"x"}`), 403, ""},
		{chunked(`[]`), 400, ""},
	}
}

// Requests that come at once on one connection are answered in their order, and
// each is judged for itself: a wrong one harms no other.
func TestRequestsOnOneConnectionAreJudgedEachForItself(t *testing.T) {
	var all []piped
	for i := range kinds(0) {
		// Each kind comes behind each other kind.
		of := kinds(i)
		for j := range of {
			all = append(all, of[j], of[(j+i)%len(of)])
		}
	}
	for name, size := range map[string]int{"at once": 1 << 20, "byte by byte": 1} {
		t.Run(name, func(t *testing.T) {
			b, l := &byName{}, listentest.New()
			serveOn(t, b.server(t), l)
			var text strings.Builder
			var names []string
			for _, p := range all {
				text.WriteString(p.request)
				if p.asked != "" {
					names = append(names, p.asked)
				}
			}
			c := l.Dial(t)
			go write(c, text.String(), size)
			in := bufio.NewReader(c)
			for i, p := range all {
				if got := receive(t, in); got.status != p.status || got.closes || got.user != "" && got.user != p.asked {
					t.Fatalf("answer %d, to %q: %+v, want %d", i, p.request, got, p.status)
				}
			}
			if got := b.asked(); strings.Join(got, " ") != strings.Join(names, " ") {
				t.Errorf("asked for %v\nwant %v", got, names)
			}
		})
	}
}

// write sends the text in pieces. What cannot be sent is missed by whoever waits
// for the answers.
func write(c net.Conn, text string, size int) {
	for text != "" {
		n := min(size, len(text))
		if _, err := io.WriteString(c, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

// answer is what a client is told.
type answer struct {
	status int
	user   string // the login, where it is let in
	closes bool
}

// receive reads one answer, which has to be a whole one.
func receive(t *testing.T, in *bufio.Reader) answer {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("reading an answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading an answer: %v", err)
	}
	got := answer{status: res.StatusCode, user: res.Header.Get("X-Sallyport-User"), closes: res.Close}
	if res.StatusCode == http.StatusOK {
		var reply struct{ User struct{ Name string } }
		if err := json.Unmarshal(body, &reply); err != nil {
			t.Fatalf("the answer %q: %v", body, err)
		}
		got.user = reply.User.Name
	}
	return got
}

// A request whose end cannot be told, or of which something is left unread, ends
// the connection behind its own answer: what was whole before it is answered, and
// what follows is nobody's question, for it may be a part of it.
func TestWhatFollowsARequestThatIsNotReadToItsEndIsNotJudged(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"no HTTP":             {"good morning\r\n\r\n", 400},
		"two lengths":         {"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}\r\n", 400},
		"a length of letters": {"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n{}", 400},
		"a broken chunk":      {"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
		"a body too long":     {postOf(`{"username":"` + strings.Repeat("x", httpcheck.MaxBody) + `","password":"x"}`), 400},
		"a body unasked for":  {"GET /v1/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 401},
		"an unread body":      {"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 404},
		"the wrong kind":      {"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400},
	} {
		t.Run(name, func(t *testing.T) {
			b := &byName{}
			conn := dialUnix(t, socket(t, b.server(t)))
			go write(conn, authOf("good-1", "right")+checkOf("bad-2", "wrong")+c.request+authOf("good-3", "right")+checkOf("good-4", "right"), 1<<20)
			in := bufio.NewReader(conn)
			for _, want := range []answer{{204, "good-1", false}, {401, "", false}, {c.status, "", true}} {
				if got := receive(t, in); got != want {
					t.Errorf("told %+v, want %+v", got, want)
				}
			}
			if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("instead of the end: %q, %v", rest, err)
			}
			if got := strings.Join(b.asked(), " "); got != "good-1 bad-2" {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

// A client that never reads its answer is cut when the time for writing it is
// over, twenty seconds after its request; others are served all the while, and
// what it sent behind that request is not judged.
func TestAnAnswerThatNobodyReadsHoldsTwentySeconds(t *testing.T) {
	for name, request := range map[string]string{
		"auth": authOf("good-1", "right"), "check": checkOf("good-1", "right"), "refused": postOf("{"), "nowhere": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := &byName{}, listentest.New()
				serveOn(t, b.server(t), l)
				begun, deaf := time.Now(), l.Dial(t)
				cut := make(chan time.Duration, 1)
				go func() {
					write(deaf, request+strings.Repeat(checkOf("good-2", "right"), 100), 1<<20)
					cut <- time.Since(begun)
				}()
				for range 19 {
					<-time.After(time.Second)
					other := l.Dial(t)
					go write(other, authOf("good-3", "right"), 1<<20)
					if got := receive(t, bufio.NewReader(other)); got.user != "good-3" {
						t.Errorf("somebody else is told %+v", got)
					}
					_ = other.Close()
				}
				select {
				case took := <-cut:
					if took != 20*time.Second {
						t.Errorf("cut after %s", took)
					}
				case <-time.After(time.Hour):
					t.Error("connected for ever")
					_ = deaf.Close()
				}
				if asked := strings.Join(b.asked(), " "); strings.Contains(asked, "good-2") {
					t.Errorf("asked for %s", asked)
				}
			})
		})
	}
}

// On a real socket many answers have room before anybody has to read one. A
// client that asks on and on and reads none of them is cut as soon as there is no
// more room; here that takes half a second in place of twenty.
func TestWhoNeverReadsOnARealSocketIsCut(t *testing.T) {
	b := &byName{}
	limits := b.limits(t)
	limits.WriteTimeout = 500 * time.Millisecond
	path := socket(t, http1.New(limits))
	for name, request := range map[string]string{"auth": authOf("bad", "wrong"), "check": checkOf("bad", "wrong")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deaf, cut := dialUnix(t, path), make(chan struct{})
			go func() {
				defer close(cut)
				for {
					if _, err := io.WriteString(deaf, request); err != nil {
						if errors.Is(err, os.ErrDeadlineExceeded) {
							t.Error("it is still connected")
						}
						return
					}
				}
			}()
			for served, done := 0, false; !done || served < 10; served++ {
				other := dialUnix(t, path)
				go write(other, checkOf("good-3", "right"), 1<<20)
				if got := receive(t, bufio.NewReader(other)); got.user != "good-3" {
					t.Errorf("somebody else is told %+v", got)
				}
				_ = other.Close()
				select {
				case <-cut:
					done = true
				default:
				}
			}
		})
	}
}
