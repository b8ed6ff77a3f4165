package browser

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	wiki = "https://wiki.example.org"
	demo = "http://127.0.0.1:7000"
)

// page is what stands behind the door: one code, one visit.
type page struct {
	proof string // what the page was told
	err   error
	who   account.Subject
}

func visitSecret() account.Secret {
	return account.Secret(base64.RawURLEncoding.EncodeToString([]byte("a visit of thirty-two bytes, no?")))
}

func (p *page) Enter(_ context.Context, origin string, code, secret account.Secret) (account.Secret, error) {
	if p.err != nil {
		return "", p.err
	}
	if len(code) > 128 {
		return visitSecret(), nil // it must not come so far
	}
	if sum := sha256.Sum256([]byte(secret.Reveal())); code != "good" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.proof {
		return "", account.ErrNotFound
	}
	return visitSecret(), nil
}

func (p *page) See(_ context.Context, _ string, v account.Secret) (account.Subject, error) {
	if p.err != nil {
		return account.Subject{}, p.err
	}
	if v != visitSecret() {
		return account.Subject{}, account.ErrNotFound
	}
	return p.who, nil
}

// counter stands for randomness: every read differs.
type counter byte

func (c *counter) Read(p []byte) (int, error) {
	*c++
	for i := range p {
		p[i] = byte(*c)
	}
	return len(p), nil
}

// client is a browser at the application, with the web server in between.
type client struct {
	t       *testing.T
	door    *Door
	page    *page
	cookies map[string]*http.Cookie
	res     *http.Response
	body    string
}

func newClient(t *testing.T) *client {
	t.Helper()
	p := &page{who: account.Subject{ID: "1", Name: "müller", DisplayName: "Max\r\nX: y", Mail: "m@example.org", Groups: []string{"a,b", "c"}}}
	d, err := New(Config{Visits: p, Origins: []string{wiki, demo}, PageURL: "https://login.example.org", Rand: new(counter), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, door: d, page: p, cookies: map[string]*http.Cookie{}}
}

// ask asks what the web server asks; pairs are headers on top.
func (c *client) ask(path string, pairs ...string) *client {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://sallyport"+path, nil)
	r.Header.Set("X-Sallyport-Origin", wiki)
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	for _, k := range c.cookies {
		r.AddCookie(k)
	}
	rec := httptest.NewRecorder()
	if !c.door.Serve(rec, r) {
		c.t.Fatalf("%s is not answered", path)
	}
	c.res, c.body = rec.Result(), rec.Body.String()
	for _, k := range c.res.Cookies() {
		c.cookies[k.Name] = k
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if got := c.res.Header.Get(name); got != want {
			c.t.Errorf("%s: %s %q", path, name, got)
		}
	}
	return c
}

func (c *client) gets(status int, location string) *client {
	c.t.Helper()
	if c.res.StatusCode != status || c.res.Header.Get("Location") != location {
		c.t.Fatalf("%d to %q, want %d to %q", c.res.StatusCode, c.res.Header.Get("Location"), status, location)
	}
	return c
}

// sent expects that the browser is sent to the page, and hears what that is told.
func (c *client) sent() *client {
	c.t.Helper()
	u, err := url.Parse(c.res.Header.Get("Location"))
	if err != nil || c.res.StatusCode != http.StatusFound || u.Host != "login.example.org" || u.Path != "/" || u.Query().Get("return") != wiki+"/" {
		c.t.Fatalf("%d to %v", c.res.StatusCode, u)
	}
	c.page.proof = u.Query().Get("bind")
	return c
}

func TestThereAndBack(t *testing.T) {
	c := newClient(t)
	c.ask("/v1/session").gets(401, "")
	c.ask("/v1/session/sign-in", "X-Forwarded-Uri", "/page?a=b&token=1#x").sent()
	if strings.Contains(c.res.Header.Get("Location"), "token") {
		t.Error("the page is told what the person wanted of the application")
	}
	if k := c.cookies["__Host-sallyport-try"]; k == nil || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.MaxAge != 3600 {
		t.Errorf("cookie %v", k)
	} else if strings.Contains(c.res.Header.Get("Location"), k.Value[:43]) {
		t.Error("the page is told the browser's secret")
	}
	c.ask("/.sallyport/enter?code=good").gets(303, wiki+"/page?a=b&token=1#x")
	if k := c.cookies["__Host-sallyport-visit"]; k == nil || k.Value != visitSecret().Reveal() || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.MaxAge != 0 {
		t.Errorf("cookie %v", k)
	}
	for _, path := range []string{"/v1/session", "/v1/session/sign-in"} {
		c.ask(path).gets(204, "")
		for name, want := range map[string]string{"User": "müller", "Name": "Max  X: y", "Mail": "m@example.org", "Groups": "a%2Cb,c"} {
			if got := c.res.Header.Get("X-Sallyport-" + name); got != want {
				t.Errorf("%s: X-Sallyport-%s: %q", path, name, got)
			}
		}
	}
}

// Two windows are on their way at once, and both arrive.
func TestTwoWindows(t *testing.T) {
	c := newClient(t)
	c.ask("/v1/session/sign-in", "X-Forwarded-Uri", "/1").sent()
	first := c.page.proof
	if c.ask("/v1/session/sign-in", "X-Forwarded-Uri", "/2").sent(); c.page.proof != first {
		t.Error("the second window shut the first one out")
	}
	c.ask("/.sallyport/enter?code=good").gets(303, wiki+"/2")
	other := newClient(t)
	other.door, other.page = c.door, c.page
	if other.ask("/v1/session/sign-in").sent(); other.page.proof == first {
		t.Error("two browsers have one secret")
	}
}

func TestNobodyComesInOtherwise(t *testing.T) {
	enter := func(c *client, code string) *client { return c.ask("/.sallyport/enter" + code) }
	for name, try := range map[string]func(c *client) *client{
		"without a code":        func(c *client) *client { return enter(c, "") },
		"with another code":     func(c *client) *client { return enter(c, "?code=bad") },
		"with a long code":      func(c *client) *client { return enter(c, "?code="+strings.Repeat("x", 129)) },
		"in another browser":    func(c *client) *client { clear(c.cookies); return enter(c, "?code=good") },
		"with another's secret": func(c *client) *client { c.page.proof = "x"; return enter(c, "?code=good") },
		"with a forged cookie": func(c *client) *client {
			c.cookies["__Host-sallyport-try"].Value = "short.Lw"
			return enter(c, "?code=good")
		},
		"with the cookie of plain HTTP": func(c *client) *client {
			k := c.cookies["__Host-sallyport-try"]
			clear(c.cookies)
			k.Name = "sallyport-try"
			c.cookies[k.Name] = k
			return enter(c, "?code=good")
		},
	} {
		c := newClient(t)
		try(c.ask("/v1/session/sign-in").sent()).gets(403, "")
		if c.cookies["__Host-sallyport-visit"] != nil || !strings.Contains(c.body, "Noch einmal") || !strings.Contains(c.body, `href="/"`) {
			t.Errorf("%s: %s", name, c.body)
		}
		if c.res.Header.Get("Refresh") != "" {
			t.Errorf("%s: the browser goes round by itself", name)
		}
	}
	// What looks like a visit and is none, and what has no form of one.
	c := newClient(t)
	for _, value := range []string{"", "x", visitSecret().Reveal() + "x", strings.Repeat("A", 43), visitSecret().Reveal() + ".x", "full." + visitSecret().Reveal()} {
		c.cookies["__Host-sallyport-visit"] = &http.Cookie{Name: "__Host-sallyport-visit", Value: value}
		c.ask("/v1/session").gets(401, "")
	}
	// The cookies of the page mean nothing here, nor does a visit anywhere but in
	// its cookie.
	clear(c.cookies)
	c.cookies["a"] = &http.Cookie{Name: "__Host-sallyport-session", Value: visitSecret().Reveal()}
	c.cookies["b"] = &http.Cookie{Name: "sallyport-visit", Value: visitSecret().Reveal()}
	c.ask("/v1/session", "Authorization", "Bearer "+visitSecret().Reveal()).gets(401, "")
	c.ask("/v1/session?visit="+visitSecret().Reveal(), "X-Sallyport-Visit", visitSecret().Reveal()).gets(401, "")
	// Two cookies of the name: somebody has planted one.
	c.cookies = map[string]*http.Cookie{"1": {Name: "__Host-sallyport-visit", Value: visitSecret().Reveal()}, "2": {Name: "__Host-sallyport-visit", Value: visitSecret().Reveal()}}
	c.ask("/v1/session").gets(401, "")
}

// Where the person wanted to go is of the application, whatever is sent.
func TestNoWayOut(t *testing.T) {
	for address, want := range map[string]string{
		"/a?b=c": "/a?b=c", "/": "/", "": "/", "https://evil.example/": "/", "evil": "/", "@evil.example/": "/", ".evil.example/": "/", ":80/": "/",
		"//evil.example/": "//evil.example/", `/\evil.example`: `/\evil.example`, "/a\r\nX: y": "/", "/a b": "/", "/ü": "/", "/.sallyport/enter?code=1": "/",
		"/" + strings.Repeat("a", 1024): "/",
	} {
		c := newClient(t)
		c.ask("/v1/session/sign-in", "X-Forwarded-Uri", address).sent()
		c.ask("/.sallyport/enter?code=good").gets(303, wiki+want)
		// The same from a cookie that somebody has changed.
		k := c.cookies["__Host-sallyport-try"]
		k.Value = k.Value[:44] + base64.RawURLEncoding.EncodeToString([]byte(address))
		c.ask("/.sallyport/enter?code=good").gets(303, wiki+want)
	}
}

func TestWhoIsSent(t *testing.T) {
	for name, tc := range map[string]struct {
		headers []string
		status  int
	}{
		"an old browser":      {nil, 302},
		"somebody who clicks": {[]string{"X-Forwarded-Method", "GET", "Sec-Fetch-Mode", "navigate"}, 302},
		"a look":              {[]string{"X-Forwarded-Method", "HEAD"}, 302},
		"a form":              {[]string{"X-Forwarded-Method", "POST", "Sec-Fetch-Mode", "navigate"}, 401},
		"a script":            {[]string{"X-Forwarded-Method", "GET", "Sec-Fetch-Mode", "cors"}, 401},
		"an image":            {[]string{"Sec-Fetch-Mode", "no-cors"}, 401},
		"another application": {[]string{"X-Sallyport-Origin", "https://evil.example"}, 403},
		"no application":      {[]string{"X-Sallyport-Origin", ""}, 403},
	} {
		c := newClient(t)
		if c.ask("/v1/session/sign-in", tc.headers...); c.res.StatusCode != tc.status {
			t.Errorf("%s: %d", name, c.res.StatusCode)
		}
		if tc.status != 302 && len(c.cookies) > 0 {
			t.Errorf("%s: got a cookie", name)
		}
	}
}

func TestPlainOrigin(t *testing.T) {
	c := newClient(t)
	c.ask("/v1/session/sign-in", "X-Sallyport-Origin", demo)
	if k := c.cookies["sallyport-try"]; k == nil || k.Secure || !k.HttpOnly {
		t.Errorf("cookies %v", c.cookies)
	}
}

// An outage is never "not signed in", for which a browser would lose its place.
func TestOutage(t *testing.T) {
	c := newClient(t)
	c.ask("/v1/session/sign-in").sent()
	c.ask("/.sallyport/enter?code=good")
	for name, broken := range map[string]func(){
		"away":   func() { c.page.err = account.ErrUnavailable },
		"nobody": func() { c.page.err, c.page.who.Name = nil, "" },
	} {
		broken()
		for _, path := range []string{"/v1/session", "/v1/session/sign-in"} {
			if c.ask(path).gets(503, ""); c.res.Header.Get("Retry-After") == "" || c.res.Header.Get("X-Sallyport-User") != "" {
				t.Errorf("%s: %v", name, c.res.Header)
			}
		}
	}
	c.page.err = account.ErrUnavailable
	c.ask("/.sallyport/enter?code=good").gets(503, "")
}

func TestOtherQuestions(t *testing.T) {
	c := newClient(t)
	for _, path := range []string{"/", "/v1/check", "/v1/auth", "/v1/session/", "/.sallyport/", "/.sallyport/enter/"} {
		if c.door.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)) {
			t.Errorf("%s is answered", path)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodPut} {
		rec := httptest.NewRecorder()
		if c.door.Serve(rec, httptest.NewRequest(method, "/.sallyport/enter?code=good", nil)); rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	if _, err := New(Config{Visits: c.page}); err == nil {
		t.Error("a door for nobody")
	}
	// With one application only, the web server need not name it.
	rec := httptest.NewRecorder()
	if c.door.Serve(rec, httptest.NewRequest(http.MethodGet, "/v1/session/sign-in", nil)); rec.Code != http.StatusForbidden {
		t.Errorf("one of two applications, not named: %d", rec.Code)
	}
	c.door.cfg.Origins = []string{wiki}
	rec = httptest.NewRecorder()
	c.door.Serve(rec, httptest.NewRequest(http.MethodGet, "/v1/session/sign-in", nil))
	if rec.Code != http.StatusFound {
		t.Errorf("one application, not named: %d", rec.Code)
	}
}
