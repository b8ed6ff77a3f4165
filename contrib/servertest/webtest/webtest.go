// Package webtest is for the recipes of web servers that keep browsers without a
// visit away from a web application: the application behind them, a browser in
// front of them, and the proof that each passes.
//
// It is no recipe and knows no web server. Only tests of recipes may import it.
package webtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// Origin is the web application of the recipes.
const Origin = "https://app.example.org"

// Options are those of the site: its check socket answers for the application.
func Options(user string) servertest.Options {
	return servertest.Options{Peers: []string{user}, HTTP: fmt.Sprintf("origins = [%q]", Origin)}
}

// Application is a web application that tells whom it takes the browser for; it
// returns where it listens.
func Application(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own-401" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = fmt.Fprintf(w, "%s %s as %q of %q by %q", r.Method, r.URL.RequestURI(), r.Header["X-Remote-User"], r.Header["X-Remote-Groups"], r.Header["X_remote_user"])
	}))
	t.Cleanup(app.Close)
	return app.Listener.Addr().String()
}

// Browser is somebody's browser: it keeps cookies, and goes where it is led. TLS
// would be done by the web server, with the operator's certificate.
type Browser struct {
	t      *testing.T
	client http.Client
	// stay does not go on from a page that would; next is where it leads.
	stay bool
	next string
	// At, Status, Header and Body are of the last answer.
	At     *url.URL
	Status int
	Header http.Header
	Body   string
}

// New opens a browser for which the application's host is at the address.
func New(t *testing.T, s *servertest.Site, address string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, host string) (net.Conn, error) {
		switch host {
		case "app.example.org:443":
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		case strings.TrimPrefix(servertest.PageURL, "https://") + ":443":
			return (&net.Dialer{}).DialContext(ctx, "unix", s.Dir+"/page.sock")
		default:
			return nil, fmt.Errorf("the browser was led to %s", host)
		}
	}
	return &Browser{t: t, client: http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DialTLSContext: dial, DialContext: dial}}}
}

// Get opens an address of the application; pairs are headers on top.
func (b *Browser) Get(path string, pairs ...string) *Browser {
	b.t.Helper()
	return b.send(http.MethodGet, Origin+path, "", pairs...)
}

func (b *Browser) send(method, address, body string, pairs ...string) *Browser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.At, b.Status, b.Header, b.Body = res.Request.URL, res.StatusCode, res.Header, string(text)
	if _, next, ok := strings.Cut(b.Header.Get("Refresh"), "url="); ok {
		to, err := b.At.Parse(next)
		if err != nil {
			b.t.Fatal(err)
		}
		if b.next = to.RequestURI(); !b.stay {
			return b.send(http.MethodGet, to.String(), "")
		}
	}
	return b
}

// fresh forgets the cookies of the application's host, not those of the page.
func (b *Browser) fresh() *Browser {
	app := &url.URL{Scheme: "https", Host: "app.example.org", Path: "/"}
	for _, k := range b.client.Jar.Cookies(app) {
		b.client.Jar.SetCookies(app, []*http.Cookie{{Name: k.Name, Path: "/", MaxAge: -1}})
	}
	return b
}

// SignIn fills in the page's forms, to which the browser has been led.
func (b *Browser) SignIn(s *servertest.Site, name string) *Browser {
	b.t.Helper()
	b.Says(200, `name="password"`)
	b.submit("/sign-in", url.Values{"name": {name}, "password": {s.Person(name).Password}})
	b.Says(200, `name="code"`)
	return b.submit("/code", url.Values{"code": {s.Code(name)}})
}

// submit sends a form of the page with its hidden fields.
func (b *Browser) submit(action string, fields url.Values) *Browser {
	b.t.Helper()
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(b.Body, -1) {
		fields.Set(m[1], m[2])
	}
	return b.send(http.MethodPost, servertest.PageURL+action, fields.Encode())
}

// SignOut does so on the page.
func (b *Browser) SignOut() {
	b.t.Helper()
	b.send(http.MethodGet, servertest.PageURL+"/home", "").Says(200, `action="/sign-out"`)
	b.submit("/sign-out", url.Values{}).Says(200, "signed out")
}

// Says expects a status and a part of the text.
func (b *Browser) Says(status int, part string) *Browser {
	b.t.Helper()
	if b.Status != status || !strings.Contains(b.Body, part) {
		b.t.Fatalf("at %s: told %d %s, want %d and %s", b.At, b.Status, b.Body, status, part)
	}
	return b
}

// asked is a request that is not led anywhere, for what is told at once.
func (b *Browser) asked(method, path string, pairs ...string) *http.Response {
	b.t.Helper()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { b.client.CheckRedirect = nil }()
	r, err := http.NewRequestWithContext(b.t.Context(), method, Origin+path, strings.NewReader("two doors"))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		b.t.Fatal(err)
	}
	return res
}
