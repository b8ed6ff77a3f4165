package httpcheck_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/enrollweb/words"
	"github.com/sallyport/sallyport/plugins/factor"
)

// fake answers what it is told to and remembers what it was asked.
type fake struct {
	mu     sync.Mutex
	answer account.Answer
	asked  []account.Attempt
	sick   error
}

func (f *fake) Check(_ context.Context, a account.Attempt) account.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, a)
	return f.answer
}

func (f *fake) Ready(context.Context) error { return f.sick }

func (f *fake) last(t *testing.T) account.Attempt {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("the checker was not asked")
	}
	return f.asked[len(f.asked)-1]
}

// said are the sentences that the daemon hands to its front ends.
func said(t testing.TB) func(account.Reason) account.Text {
	t.Helper()
	text, err := words.Reasons("", "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func alice() account.Answer {
	return account.Answer{Verdict: factor.Accept, Reason: account.OK, Scope: []string{"dav"},
		Subject: account.Subject{ID: "a-1", Name: "alice", DisplayName: "Alice Müller",
			Mail: "alice@example.org", Groups: []string{"staff", "Sales, EU"}}}
}

// serve starts the front end on a real socket and returns a way to dial it.
func serve(t testing.TB, f *fake, change func(*httpcheck.Config)) string {
	t.Helper()
	cfg := httpcheck.Config{Checker: f, Health: f, Text: said(t), Services: []string{"dav", "web"}, PageURL: "https://page.example.org/"}
	if change != nil {
		change(&cfg)
	}
	h, err := httpcheck.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	srv := httpcheck.Server(h, slog.New(slog.DiscardHandler))
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); os.RemoveAll(dir) })
	return path
}

func client(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
}

// say sends a request as it stands, line ends mended, and returns the answer.
func say(t *testing.T, path, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	head, body, _ := strings.Cut(request, "\n\n")
	if _, err := io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, strings.TrimSpace(string(b))
}

func post(t *testing.T, path, body string) (*http.Response, string) {
	t.Helper()
	resp, err := client(path).Post("http://sallyport/v1/check", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp, strings.TrimSpace(string(b))
}

func TestVerdictsOnTheWire(t *testing.T) {
	texts := func(r account.Reason) string {
		return `"text":{"de":"` + said(t)(r).DE + `","en":"` + said(t)(r).EN + `"}`
	}
	cases := []struct {
		name   string
		answer account.Answer
		status int
		retry  string
		body   string
	}{
		{"accept", alice(), 200, "", `{"verdict":"accept","reason":"ok",` + texts(account.OK) +
			`,"user":{"id":"a-1","name":"alice","display_name":"Alice Müller","mail":"alice@example.org","groups":["staff","Sales, EU"]}}`},
		{"deny", account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}, 401, "",
			`{"verdict":"deny","reason":"bad_credentials",` + texts(account.BadCredentials) + `}`},
		{"a denied person is not told of", account.Answer{Verdict: factor.Deny, Reason: account.CodeWrong,
			Subject: account.Subject{ID: "a-1", Name: "alice"}}, 401, "",
			`{"verdict":"deny","reason":"code_wrong",` + texts(account.CodeWrong) + `}`},
		{"throttled", account.Answer{Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: 1500 * time.Millisecond}, 429, "2",
			`{"verdict":"deny","reason":"throttled",` + texts(account.Throttled) + `,"retry_after":2}`},
		{"outage", account.Answer{Reason: account.DirectoryUnavailable}, 503, "5",
			`{"verdict":"unavailable","reason":"directory_unavailable",` + texts(account.DirectoryUnavailable) + `,"retry_after":5}`},
		{"a verdict nobody knows", account.Answer{Verdict: 77, Reason: account.OK, Subject: alice().Subject}, 503, "5",
			`{"verdict":"unavailable","reason":"ok",` + texts(account.OK) + `,"retry_after":5}`},
		{"accept of nobody", account.Answer{Verdict: factor.Accept, Reason: account.OK}, 503, "5",
			`{"verdict":"unavailable","reason":"directory_unavailable",` + texts(account.DirectoryUnavailable) + `,"retry_after":5}`},
		{"not allowed", account.Answer{Verdict: factor.Deny, Reason: account.NotAllowed}, 403, "",
			`{"verdict":"deny","reason":"not_allowed",` + texts(account.NotAllowed) + `}`},
		{"set-up owed", account.Answer{Verdict: factor.Deny, Reason: account.EnrollRequired, Ticket: "t&1"}, 401, "",
			`{"verdict":"deny","reason":"enroll_required",` + texts(account.EnrollRequired) +
				`,"enroll_url":"https://page.example.org/enroll?ticket=t%261"}`},
		{"a ticket for anything else stays here", account.Answer{Verdict: factor.Deny, Reason: account.CodeRequired, Ticket: "t1"}, 401, "",
			`{"verdict":"deny","reason":"code_required",` + texts(account.CodeRequired) + `}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := serve(t, &fake{answer: c.answer}, nil)
			resp, body := post(t, path, `{"service":"dav","username":"alice","password":"x"}`)
			if resp.StatusCode != c.status || resp.Header.Get("Retry-After") != c.retry || body != c.body {
				t.Errorf("got %d, Retry-After %q\n%s\nwant %d, %q\n%s",
					resp.StatusCode, resp.Header.Get("Retry-After"), body, c.status, c.retry, c.body)
			}
			if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers: %v", resp.Header)
			}
			resp, _ = say(t, path, "GET /v1/auth HTTP/1.1\nHost: x\nAuthorization: Basic YTpi\nX-Sallyport-Service: dav\n\n")
			want := c.status
			if want == 200 {
				want = 204
			}
			if resp.StatusCode != want || resp.Header.Get("Retry-After") != c.retry {
				t.Errorf("/v1/auth said %d, Retry-After %q, want %d, %q", resp.StatusCode, resp.Header.Get("Retry-After"), want, c.retry)
			}
		})
	}
}

func TestTheAttemptIsWhatWasAsked(t *testing.T) {
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	post(t, path, `{"service":"web","username":"müller","password":" p\u0000ü ","code":"123456","client":{"ip":"::ffff:192.0.2.7","agent":"DAVx5"}}`)
	got := f.last(t)
	want := account.Attempt{Service: "web", FrontEnd: "http", Name: "müller", Password: " p\x00ü ", Code: "123456",
		Client: account.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "DAVx5"}, Peer: got.Peer}
	if got != want || got.Peer.UID != os.Getuid() || got.Peer.PID != os.Getpid() {
		t.Errorf("asked %#v", got)
	}
}

func TestMalformedQuestionsNeverReachTheChecker(t *testing.T) {
	const good = `{"service":"dav","username":"alice","password":"x"}`
	long := func(n int) string { return strings.Repeat("x", n) }
	cases := []struct{ name, kind, body, sentence string }{
		{"no body", "application/json", "", "not one JSON object"},
		{"form", "application/x-www-form-urlencoded", "username=alice", "Content-Type"},
		{"no content type", "", good, "Content-Type"},
		{"other charset", "application/json; charset=iso-8859-1", good, "Content-Type"},
		{"unknown key", "application/json", `{"service":"dav","username":"a","password":"x","admin":true}`, `unknown key \"admin\"`},
		{"capital key", "application/json", `{"service":"dav","Username":"a","password":"x"}`, "unknown key"},
		{"duplicate key", "application/json", `{"service":"dav","username":"a","username":"b","password":"x"}`, "twice"},
		{"duplicate client", "application/json", `{"username":"a","password":"x","client":{},"client":{}}`, "twice"},
		{"number", "application/json", `{"service":"dav","username":1,"password":"x"}`, "must be a string"},
		{"null", "application/json", `{"service":"dav","username":"a","password":null}`, "must be a string"},
		{"trailing data", "application/json", good + good, "not one JSON object"},
		{"no name", "application/json", `{"service":"dav","password":"x"}`, "username"},
		{"empty name", "application/json", `{"service":"dav","username":"","password":"x"}`, "username"},
		{"no password", "application/json", `{"service":"dav","username":"a"}`, "password"},
		{"NUL in name", "application/json", `{"service":"dav","username":"a\u0000","password":"x"}`, "control"},
		{"C1 in name", "application/json", `{"service":"dav","username":"a\u0085","password":"x"}`, "control"},
		{"line feed in agent", "application/json", `{"username":"a","password":"x","client":{"agent":"a\nb"}}`, "control"},
		{"long name", "application/json", `{"username":"` + long(257) + `","password":"x"}`, "longer than 256"},
		{"long password", "application/json", `{"username":"a","password":"` + long(1025) + `"}`, "longer than 1024"},
		{"long code", "application/json", `{"username":"a","password":"x","code":"` + long(65) + `"}`, "longer than 64"},
		{"long agent", "application/json", `{"username":"a","password":"x","client":{"agent":"` + long(257) + `"}}`, "longer than 256"},
		{"no address", "application/json", `{"username":"a","password":"x","client":{"ip":"localhost"}}`, "one IP address"},
		{"two addresses", "application/json", `{"username":"a","password":"x","client":{"ip":"192.0.2.1,192.0.2.2"}}`, "one IP address"},
		{"address with zone", "application/json", `{"username":"a","password":"x","client":{"ip":"fe80::1%eth0"}}`, "one IP address"},
		{"invalid UTF-8", "application/json", "{\"service\":\"dav\",\"username\":\"m\xfcller\",\"password\":\"x\"}", "UTF-8"},
		{"client is text", "application/json", `{"username":"a","password":"x","client":"192.0.2.1"}`, "must be an object"},
		{"oversize", "application/json", `{"username":"a","password":"` + long(20000) + `"}`, "longer than 16384 bytes"},
	}
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, err := client(path).Post("http://sallyport/v1/check", c.kind, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != 400 || !strings.HasPrefix(string(b), `{"verdict":"deny","reason":"malformed",`) ||
				!strings.Contains(string(b), c.sentence) {
				t.Errorf("%d %s", resp.StatusCode, b)
			}
		})
	}
	if len(f.asked) != 0 {
		t.Errorf("the checker was asked: %v", f.asked)
	}
}

func TestWhoMayAskWhat(t *testing.T) {
	cases := []struct {
		name, request string
		status        int
	}{
		{"unknown service", "POST /v1/check HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 51\n\n" +
			`{"service":"ssh","username":"alice","password":"x"}`, 403},
		{"no service, no default", "POST /v1/check HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 35\n\n" +
			`{"username":"alice","password":"x"}`, 403},
		{"a web page", "POST /v1/check HTTP/1.1\nHost: x\nOrigin: https://evil.example\nContent-Type: application/json\nContent-Length: 2\n\n{}", 403},
		{"a web page without an origin", "POST /v1/check HTTP/1.1\nHost: x\nOrigin: null\nContent-Length: 2\n\n{}", 403},
		{"method of check", "GET /v1/check HTTP/1.1\nHost: x\n\n", 405},
		{"method of auth", "POST /v1/auth HTTP/1.1\nHost: x\nContent-Length: 0\n\n", 405},
		{"nowhere", "GET / HTTP/1.1\nHost: x\n\n", 404},
		{"a slash too many", "GET /v1/auth/ HTTP/1.1\nHost: x\n\n", 404},
		{"a query", "GET /v1/auth?password=x HTTP/1.1\nHost: x\n\n", 400},
		{"live", "GET /v1/health/live HTTP/1.1\nHost: x\n\n", 200},
		{"ready", "GET /v1/health/ready HTTP/1.1\nHost: x\n\n", 503},
	}
	f := &fake{answer: alice(), sick: errors.New("no directory server answers")}
	path := serve(t, f, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, body := say(t, path, c.request)
			if resp.StatusCode != c.status {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if c.status == 405 && resp.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			if c.status == 503 && resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After header")
			}
		})
	}
	if len(f.asked) != 0 {
		t.Errorf("the checker was asked: %v", f.asked)
	}
}

func TestConfigsThatWouldSurpriseAreRefused(t *testing.T) {
	f := &fake{}
	good := httpcheck.Config{Checker: f, Health: f, Text: said(t), Services: []string{"dav"}}
	for name, spoil := range map[string]func(*httpcheck.Config){
		"no checker":      func(c *httpcheck.Config) { c.Checker = nil },
		"no health":       func(c *httpcheck.Config) { c.Health = nil },
		"no words":        func(c *httpcheck.Config) { c.Text = nil },
		"no services":     func(c *httpcheck.Config) { c.Services = nil },
		"foreign default": func(c *httpcheck.Config) { c.DefaultService = "web" },
		"quoted realm":    func(c *httpcheck.Config) { c.Realm = `a", x="` },
		"proxies":         func(c *httpcheck.Config) { c.Proxies = -1 },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := httpcheck.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := httpcheck.New(good); err != nil {
		t.Error(err)
	}
}

// Who is let in before the day is told how long that will be so, and a web
// application gets the link that it can offer with a "later".
func TestLeaveOnTheWire(t *testing.T) {
	let := func(leave string, days int, ticket account.Secret) account.Answer {
		a := alice()
		a.Leave, a.DaysLeft, a.Ticket = leave, days, ticket
		if days > 0 {
			a.Due = time.Date(2027, 2, 1, 0, 0, 0, 0, time.FixedZone("CET", 3600))
		}
		return a
	}
	for _, c := range []struct {
		answer account.Answer
		tail   string // what follows the person
		header string
	}{
		{let("grace", 12, "t1"), `,"enroll_url":"https://page.example.org/enroll?ticket=t1","leave":"grace","required_from":"2027-02-01","days_left":12}`, "12"},
		{let("bridge", 1, ""), `,"leave":"bridge","required_from":"2027-02-01","days_left":1}`, "1"},
		{let("exempt", 0, "t1"), `,"enroll_url":"https://page.example.org/enroll?ticket=t1","leave":"exempt"}`, ""},
		{let("", 0, "entry"), "}", ""}, // a ticket for anything else stays here
	} {
		path := serve(t, &fake{answer: c.answer}, nil)
		if resp, body := post(t, path, `{"service":"web","username":"alice","password":"x"}`); resp.StatusCode != 200 || !strings.HasSuffix(body, `"Sales, EU"]}`+c.tail) {
			t.Errorf("%+v: %d %s", c.answer, resp.StatusCode, body)
		}
		resp, _ := say(t, path, "GET /v1/auth HTTP/1.1\nHost: x\nX-Sallyport-Service: web\nAuthorization: Basic YWxpY2U6eA==\n\n")
		if resp.StatusCode != 204 || resp.Header.Get("X-Sallyport-Days-Left") != c.header {
			t.Errorf("%+v: %d %v", c.answer, resp.StatusCode, resp.Header)
		}
	}
}
