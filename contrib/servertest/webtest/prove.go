package webtest

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// Prove is what every recipe has to pass; address is where the web server is.
func Prove(t *testing.T, s *servertest.Site, address string) {
	b := New(t, s, address)
	const wanted, told = "/mail/inbox?folder=1&x=%2F", `GET /mail/inbox?folder=1&x=%2F as ["alice"]`
	// There and back, with whatever the client says about itself beside it.
	b.Get(wanted).SignIn(s, "alice").Says(200, told)
	if b.At.String() != Origin+wanted {
		t.Errorf("the browser is at %s", b.At)
	}
	b.Get("/", "X-Remote-User", "bert", "X_Remote_User", "bert", "X-Sallyport-User", "bert", "X-Sallyport-Origin", "https://evil.example").Says(200, `GET / as ["alice"] of [`)
	if !strings.HasSuffix(b.Body, `by []`) {
		t.Errorf("the application hears a name from the client: %s", b.Body)
	}
	b.Get("/own-401").Says(401, `as ["alice"]`) // the application's own no is its own
	if res := b.asked(http.MethodPost, "/form"); res.StatusCode != http.StatusOK {
		t.Errorf("a form of somebody who is signed in: told %d", res.StatusCode)
	}
	// Another visit needs no password.
	b.fresh().Get(wanted).Says(200, told)
	if b.At.Host != "app.example.org" {
		t.Errorf("the browser is at %s", b.At)
	}
	secrets := nowhere(t, s, b)
	strangers(t, s, address)
	ends(t, s, b)
	outage(t, s, b)
	for _, secret := range secrets {
		if strings.Contains(s.Log(), secret) {
			t.Errorf("the daemon's log holds %s", secret)
		}
	}
}

// nowhere tries what the browser holds as a password, in front of every service,
// and returns it: a visit is good for asking who somebody is, and for nothing else.
func nowhere(t *testing.T, s *servertest.Site, b *Browser) (secrets []string) {
	t.Helper()
	socket := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.HTTP)
	}}}
	for _, k := range b.client.Jar.Cookies(&url.URL{Scheme: "https", Host: "app.example.org", Path: "/"}) {
		secret, _, _ := strings.Cut(k.Value, ".")
		secrets = append(secrets, secret)
		for _, service := range []string{"dav", "ssh"} {
			for _, says := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+secret)), "Bearer " + secret} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sallyport/v1/auth", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header = http.Header{"Authorization": {says}, "X-Sallyport-Service": {service}, "Cookie": {k.String()}}
				res, err := socket.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				if _ = res.Body.Close(); res.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s opens %s: told %d", k.Name, service, res.StatusCode)
				}
			}
		}
	}
	if len(secrets) != 2 {
		t.Errorf("the browser holds %d secrets of the application's host, want 2", len(secrets))
	}
	s.Sallyport("unlock", "alice", "--reason", "the test has guessed")
	return secrets
}

// strangers get nothing, and only people are led away.
func strangers(t *testing.T, s *servertest.Site, address string) {
	b := New(t, s, address)
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"GET", "/", nil, 302}, {"GET", "//evil.example/", nil, 302}, {"GET", "/", []string{"Sec-Fetch-Mode", "navigate"}, 302},
		{"GET", "/", []string{"Sec-Fetch-Mode", "cors"}, 401}, {"POST", "/", nil, 401}, {"PUT", "/", []string{"X-Forwarded-Method", "GET"}, 401},
		{"GET", "/", []string{"X-Remote-User", "alice", "X-Sallyport-User", "alice"}, 302},
		{"GET", "/", []string{"X-Forwarded-Uri", "https://evil.example/", "X-Sallyport-Origin", "https://evil.example"}, 302},
		{"GET", "/.sallyport/enter?code=x", nil, 403}, {"POST", "/.sallyport/enter?code=x", nil, 405},
		{"GET", "/sallyport-session", nil, 404}, {"GET", "/sallyport-sign-in", nil, 404}, {"GET", "/v1/session", nil, 302},
		{"GET", "/.sallyport/enter/../../x", nil, 302}, {"GET", "/.sallyport/", nil, 302},
	} {
		res := b.asked(c.method, c.path, c.headers...)
		if res.StatusCode != c.status && !(c.status == 404 && res.StatusCode == 302) { // only nginx has such addresses
			t.Errorf("%s %s %v: told %d, want %d", c.method, c.path, c.headers, res.StatusCode, c.status)
		}
		if to := res.Header.Get("Location"); res.StatusCode == 302 && !strings.HasPrefix(to, servertest.PageURL+"/?bind=") {
			t.Errorf("%s %s: led to %s", c.method, c.path, to)
		}
	}
	// What the client says of itself reaches our path no more than the others.
	if res := b.asked("GET", "/.sallyport/enter?code=x", "X-Sallyport-Origin", "https://evil.example"); !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the client chose its application: told %d %v", res.StatusCode, res.Header)
	}
	thefts(t, s, address)
}

// thefts are codes in browsers that did not ask for them.
func thefts(t *testing.T, s *servertest.Site, address string) {
	thief, victim := New(t, s, address), New(t, s, address)
	victim.Get("/").SignIn(s, "bert").Says(200, `as ["bert"]`)
	bait := thief.asked("GET", "/").Header.Get("Location")
	// A link that the thief began: the code comes to the victim's browser, which
	// shows something else beside it.
	victim.send(http.MethodGet, bait, "").Says(403, "Noch einmal")
	// A code that the thief has read somewhere, before it was used.
	victim.stay = true
	own := victim.fresh().asked("GET", "/").Header.Get("Location")
	victim.send(http.MethodGet, own, "").Says(200, "/.sallyport/enter?code=")
	if _, code, _ := strings.Cut(victim.next, "code="); len(code) < 43 || strings.Contains(s.Log(), code) {
		t.Errorf("the code %q is short, or in the daemon's log", code)
	}
	if res := thief.asked("GET", victim.next); res.StatusCode != http.StatusForbidden {
		t.Errorf("a code in another browser: told %d", res.StatusCode)
	}
	// It is used up by that.
	if res := victim.asked("GET", victim.next); res.StatusCode != http.StatusForbidden {
		t.Errorf("a code that somebody has tried: told %d", res.StatusCode)
	}
	thief.Get("/").Says(200, `name="password"`)
}

// ends are the ways in which a visit ends, each at the next request.
func ends(t *testing.T, s *servertest.Site, b *Browser) {
	b.SignOut()
	if res := b.asked("GET", "/"); res.StatusCode != http.StatusFound {
		t.Errorf("after the sign-out: told %d", res.StatusCode)
	}
	b.Get("/").SignIn(s, "carla").Says(200, `as ["carla"]`)
	s.Sallyport("sessions", "carla", "--end", "--reason", "the test says so")
	if res := b.asked("GET", "/"); res.StatusCode != http.StatusFound {
		t.Errorf("after support ended the sessions: told %d", res.StatusCode)
	}
}

// outage is "later" for everybody, and ends no visit.
func outage(t *testing.T, s *servertest.Site, b *Browser) {
	b.Get("/").SignIn(s, "alice").Says(200, `as ["alice"]`)
	s.Stop()
	for _, path := range []string{"/", "/.sallyport/enter?code=x"} {
		if res := b.asked("GET", path); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || len(res.Cookies()) > 0 {
			t.Errorf("%s without the daemon: told %d %v", path, res.StatusCode, res.Header)
		}
	}
	s.Restart()
	b.Get("/").Says(200, `as ["alice"]`)
}
