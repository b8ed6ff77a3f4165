package sabredav

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// daemon stands in for the daemon: it answers as it is told and keeps what it
// was asked.
type daemon struct {
	path string

	mu    sync.Mutex
	reply string // the whole answer; empty means none, ever
	asked []*http.Request
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{path: t.TempDir() + "/s"}
	l, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: d}}
	srv.Start()
	t.Cleanup(srv.Close)
	return d
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	reply := d.reply
	d.asked = append(d.asked, r)
	d.mu.Unlock()
	if reply == "" {
		<-r.Context().Done()
		return
	}
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, reply)
	_ = c.Close()
}

// say sets the answer and forgets what was asked.
func (d *daemon) say(reply string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reply, d.asked = reply, nil
}

func (d *daemon) last() *http.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) != 1 {
		return nil
	}
	return d.asked[0]
}

// question is what testdata/ask.php reads, answer what it prints.
type question struct {
	Times    int               `json:"times"`
	Shape    int               `json:"shape"`
	Socket   string            `json:"socket"`
	Service  string            `json:"service"`
	User     []byte            `json:"user"`
	Password []byte            `json:"password"`
	Server   map[string]string `json:"server"`
}

type answer struct {
	Principal, Welcome, Error, Warning string
	Code                               int
	Seconds                            float64
	Headers                            any
}

func needPHP(t *testing.T) string {
	t.Helper()
	return run.Need(t, "php", "php-cli php-mbstring php-sabre-dav")
}

func ask(t *testing.T, q question) answer {
	t.Helper()
	q.Times = 1
	answers, err := asks(needPHP(t), q)
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// asks asks the same as often as it says.
func asks(php string, q question) ([]answer, error) {
	if q.Service == "" {
		q.Service = "dav"
	}
	if q.Server == nil {
		q.Server = map[string]string{"REMOTE_ADDR": "192.0.2.7"}
	}
	told, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	out, err := run.Run(run.Command{Path: php, Args: []string{"-d", "display_errors=1", "-d", "zend.exception_ignore_args=0", "-d", "zend.exception_string_param_max_len=100",
		"testdata/ask.php"}, Dir: ".", Stdin: string(told)})
	if err != nil {
		return nil, err
	}
	answers := make([]answer, q.Times)
	in := json.NewDecoder(strings.NewReader(out))
	for i := range answers {
		if err := in.Decode(&answers[i]); err != nil {
			return nil, fmt.Errorf("%w: %s", err, run.Tail(out))
		}
	}
	return answers, nil
}

// shapes runs a test with the sabre/dav that Debian has, and with the shape of 4.x.
func shapes(t *testing.T, test func(t *testing.T, d *daemon, q question)) {
	for _, file := range []string{"SabreAuth.php", "testdata/ask.php", "testdata/shape4.php"} {
		if _, err := os.ReadFile(file); err != nil { // so that go test knows when they change
			t.Fatal(err)
		}
	}
	for _, shape := range []int{1, 4} {
		t.Run(fmt.Sprint("shape ", shape), func(t *testing.T) {
			t.Parallel() // some wait
			d := newDaemon(t)
			test(t, d, question{Shape: shape, Socket: d.path, User: []byte("alice"), Password: []byte("secret")})
		})
	}
}

func yes(login string) string {
	return "HTTP/1.1 204 No Content\r\nX-Sallyport-User: " + login + "\r\n\r\n"
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestYesIsTheCanonicalLogin(t *testing.T) {
	shapes(t, func(t *testing.T, d *daemon, q question) {
		for _, c := range []struct{ typed, password, canonical, principal, sent string }{
			{"alice", "secret", "alice", "principals/alice", basic("alice", "secret")},
			{"alice", "a:b c", "alice", "principals/alice", basic("alice", "a:b c")},
			{"Alice", "secret", "alice", "", basic("Alice", "secret")},
			{"alice", "secret", "alice2", "", basic("alice", "secret")},
			{"müller", "ß", "müller", "principals/müller", basic("müller", "ß")},
			{"m\xfcller", "\xdf", "müller", "principals/müller", basic("müller", "ß")},
			{"alice", "\xdf", "alice", "principals/alice", basic("alice", "ß")},
			// One reading of the whole, as the daemon reads it: never half and half.
			{"müller", "\xdf", "müller", "", basic("mÃ¼ller", "ß")},
		} {
			d.say(yes(c.canonical))
			q.User, q.Password = []byte(c.typed), []byte(c.password)
			a := ask(t, q)
			wantWelcome := strings.TrimPrefix(c.principal, "principals/")
			if a.Principal != c.principal || a.Welcome != wantWelcome || a.Warning != "" || (a.Code == 401) != (c.principal == "") {
				t.Errorf("%q %q: %+v, want %q", c.typed, c.password, a, c.principal)
			}
			if r := d.last(); r == nil || r.Method != "GET" || r.URL.Path != "/v1/auth" || r.Header.Get("Authorization") != c.sent {
				t.Errorf("%q %q: asked %+v", c.typed, c.password, r)
			}
		}
	})
}

func TestNobodyIsAskedAbout(t *testing.T) {
	shapes(t, func(t *testing.T, d *daemon, q question) {
		for _, typed := range []string{"", "alice:x", "alice/calendar-proxy-write", "/"} {
			d.say(yes(typed))
			q.User = []byte(typed)
			if a := ask(t, q); a.Code != 401 || a.Principal != "" || a.Welcome != "" || d.last() != nil {
				t.Errorf("%q: %+v", typed, a)
			}
		}
		for _, service := range []string{"dav\r\nX-Forwarded-For: 192.0.2.1", "dav ", "DAV", "\n"} {
			q.Service = service
			if a := ask(t, q); a.Code != -1 {
				t.Errorf("service %q: %+v", service, a)
			}
		}
	})
}

func TestNoIsNo(t *testing.T) {
	shapes(t, func(t *testing.T, d *daemon, q question) {
		d.say("HTTP/1.1 401 Unauthorized\r\nX-Sallyport-User: alice\r\nContent-Length: 0\r\n\r\n")
		if a := ask(t, q); a.Code != 401 || a.Principal != "" || a.Welcome != "" {
			t.Errorf("%+v", a)
		}
	})
}

func TestAnythingElseIsAnOutage(t *testing.T) {
	shapes(t, func(t *testing.T, d *daemon, q question) {
		replies := []string{"\r\n", "nonsense\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", yes("")}
		for _, status := range []int{200, 302, 400, 403, 404, 429, 500, 503} {
			replies = append(replies, fmt.Sprintf("HTTP/1.1 %d X\r\nX-Sallyport-User: alice\r\nLocation: /v1/other\r\nContent-Length: 0\r\n\r\n", status))
		}
		outage := func(a answer, what string) {
			t.Helper()
			if a.Code != 503 || a.Principal != "" || a.Welcome != "" || fmt.Sprint(a.Headers) != "map[Retry-After:30]" {
				t.Errorf("%q: %+v", what, a)
			}
			if strings.Contains(a.Error, "secret") || strings.Contains(a.Error, base64.StdEncoding.EncodeToString([]byte("alice:secret"))[:12]) || a.Error == "" {
				t.Errorf("%q: the exception says %s", what, a.Error)
			}
		}
		for _, reply := range replies {
			d.say(reply)
			outage(ask(t, q), reply)
			if d.last() == nil {
				t.Errorf("%q: asked not once", reply)
			}
		}
		d.say("")
		a := ask(t, q)
		outage(a, "silence")
		if a.Seconds < 3.9 || a.Seconds > 4.9 {
			t.Errorf("waited %.1f s for silence", a.Seconds)
		}
		q.Socket += ".none"
		outage(ask(t, q), "no socket")
	})
}

func TestNobodyWritesHeaders(t *testing.T) {
	shapes(t, func(t *testing.T, d *daemon, q question) {
		for _, c := range []struct{ remote, agent, wantRemote, wantAgent string }{
			{"192.0.2.7", "DAVx5/4.3", "192.0.2.7", "DAVx5/4.3"},
			{"2001:db8::7", "", "2001:db8::7", ""},
			{"", "x", "", "x"},
			{"unix:", "x\r\nX-Sallyport-Service: web", "", ""},
			{"192.0.2.7, 192.0.2.8", "x\x00", "", ""},
			{"192.0.2.7\r\nX-Sallyport-Service: web", strings.Repeat("x", 300), "", ""},
			{"192.0.2.7\n", " x", "", ""},
		} {
			d.say(yes("alice"))
			q.Server = map[string]string{"REMOTE_ADDR": c.remote, "HTTP_USER_AGENT": c.agent, "HTTP_X_FORWARDED_FOR": "192.0.2.99", "HTTP_X_SALLYPORT_SERVICE": "ssh"}
			q.Service = "files"
			a, r := ask(t, q), d.last()
			if a.Principal != "principals/alice" || r == nil {
				t.Errorf("%+v: %+v", c, a)
				continue
			}
			for name, want := range map[string]string{"X-Forwarded-For": c.wantRemote, "User-Agent": c.wantAgent, "X-Sallyport-Service": "files"} {
				if got := strings.Join(r.Header.Values(name), "|"); got != want {
					t.Errorf("%+v: %s is %q, want %q", c, name, got, want)
				}
			}
		}
	})
}
