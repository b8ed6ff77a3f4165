package enrollweb

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

const (
	noStore = "no-store"
	forEver = "public, max-age=31536000, immutable"
	strict  = "default-src 'none'; img-src 'self' data:; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

// protects holds an answer to all the protecting headers, with the policy and the
// cache that its class has.
func protects(t *testing.T, class string, head http.Header, policy, cache string) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
		"Strict-Transport-Security":    "max-age=31536000",
		"Cache-Control":                cache,
	} {
		if got := head.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s = %q, want %q", class, name, got, want)
		}
	}
}

// nonceOf is the nonce of a page's script, or "".
func nonceOf(body string) string {
	if m := regexp.MustCompile(` nonce="([^"]+)"`).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// Every class of answer, errors included, carries every protecting header.
func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	nonces := map[string]bool{}
	elsewhere := func(do func(other *browser)) {
		other := &browser{t: t, h: b.h, cookies: map[string]*http.Cookie{}, lang: "en"}
		do(other)
		b.res, b.body = other.res, other.body
	}
	for class, do := range map[string]func(){
		"page":      func() { b.get("/home").says(200) },
		"redirect":  func() { b.post("/setup/begin").says(303) },
		"back":      func() { b.get("/back").says(303) },
		"not found": func() { b.get("/favicon.ico").says(404, "There is no such page") },
		"method":    func() { b.send(http.MethodPut, "/home").says(405) },
		"refused": func() {
			elsewhere(func(o *browser) { o.get("/").post("/sign-in", "name", "a", "password", "wrong").says(422) })
		},
		"forged":   func() { b.post("/sign-out", "form", "x").says(403) },
		"too late": func() { elsewhere(func(o *browser) { o.get("/enroll?ticket=old").post("/enroll").says(410) }) },
		"too long": func() { b.post("/passwords/new", "label", strings.Repeat("a", 16<<10)).says(413) },
		"too often": func() {
			elsewhere(func(o *browser) { o.get("/").post("/sign-in", "name", "a", "password", "slow").says(429) })
		},
		"other kind": func() {
			b.edit = func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
			b.post("/sign-out").says(415)
			b.edit = nil
		},
		"unreadable": func() {
			b.edit = func(r *http.Request) { r.Body = http.NoBody; r.URL.RawQuery = "a=%" }
			b.post("/sign-out").says(400)
			b.edit = nil
		},
		"disturbed": func() {
			w.fail["View"] = account.ErrUnavailable
			b.get("/home").says(503, "has a problem")
			delete(w.fail, "View")
		},
		"profile": func() {
			b.make("iphone").post("/passwords/profile", "secret", made).says(200)
			if b.res.Header.Get("Content-Type") != recipe.AppleType {
				t.Errorf("the profile is %s", b.res.Header.Get("Content-Type"))
			}
		},
		"file of codes": func() {
			b.get("/codes").post("/codes").says(200, "k7m20")
			b.post("/codes/file", "code", "k7m20-9qxvd-hz4t0").says(200)
			if !strings.HasPrefix(b.res.Header.Get("Content-Disposition"), "attachment") {
				t.Error("the codes are no file")
			}
		},
	} {
		b.get("/home")
		do()
		policy := strict
		if nonce := nonceOf(b.body); nonce != "" {
			policy += "; script-src 'nonce-" + nonce + "'; connect-src 'self'"
			if nonces[nonce] {
				t.Errorf("%s: a nonce a second time", class)
			}
			nonces[nonce] = true
		}
		protects(t, class, b.res.Header, policy, noStore)
	}
	if len(nonces) < 10 {
		t.Errorf("only %d pages had a nonce", len(nonces))
	}
}

// The files that pages are made of may be kept; a logo, which somebody else drew,
// may nothing but be looked at.
func TestHeadersOfFiles(t *testing.T) {
	cfg := newWorld().config()
	cfg.Brand.Logo = []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
	page := b.get("/").says(200).body
	for pattern, policy := range map[string]string{
		`/style-[0-9a-f]{16}\.css`: strict, `/script-[0-9a-f]{16}\.js`: strict,
		`/logo-[0-9a-f]{16}\.svg`: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
	} {
		path := regexp.MustCompile(pattern).FindString(page)
		protects(t, pattern, b.get(path).says(200).res.Header, policy, forEver)
		protects(t, pattern+" by POST", b.send(http.MethodPost, path).says(405).res.Header, strict, noStore)
	}
}

// Programs that ask for an app password get the same headers, whatever becomes of
// it, and never a cookie.
func TestHeadersOfTheLoginFlow(t *testing.T) {
	w := asking()
	b := signedIn(t, w)
	p := b.program()
	ticket, link := p.ask()
	const form, object, poll = "application/x-www-form-urlencoded", "application/json", "https://login.example.org/login/v2/poll"
	often := false
	check := func(want int, rec *httptest.ResponseRecorder) {
		t.Helper()
		class := fmt.Sprintf("login flow, %d", want)
		often = often || want == 429
		if rec.Code != want || rec.Header().Get("Content-Type") != object || len(rec.Header().Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d, %v", class, rec.Code, rec.Header())
		}
		protects(t, class, rec.Header(), strict, noStore)
	}
	check(200, p.send("POST", "https://login.example.org/index.php/login/v2", "", ""))
	check(404, p.poll(ticket))
	check(400, p.send("POST", poll, object, "{"))
	check(413, p.send("POST", poll, form, "token="+strings.Repeat("x", 5000)))
	check(415, p.send("POST", poll, "text/plain", "token=x"))
	w.fail["FetchFlow"] = account.ErrUnavailable
	check(503, p.poll(ticket))
	delete(w.fail, "FetchFlow")
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant").post("/login/v2/grant", "label", "x", "mine", "yes").leads("/login/v2/done")
	check(200, p.poll(ticket))
	for range 30 {
		if last := p.send("POST", "https://login.example.org/index.php/login/v2", "", ""); last.Code != 200 {
			check(429, last)
			break
		}
	}
	if !often {
		t.Error("no program was told to wait")
	}
	gone := b.get(link).says(410)
	protects(t, "login flow, 410", gone.res.Header, strict+"; script-src 'nonce-"+nonceOf(gone.body)+"'; connect-src 'self'", noStore)
}

// Where no page can be drawn there is still one: in the person's language, with
// whom to call, and with nothing that needs a script or a style.
func TestThePageThatCannotBeDrawn(t *testing.T) {
	for lang, want := range map[string][]string{
		"de": {`<html lang="de">`, "Das liegt nicht an Ihnen.", "Rufen Sie uns an: +49 30 123 456, Mo–Fr 8–18 Uhr", "hilfe@example.org", "<h1>Diese Seite lässt sich"},
		"en": {`<html lang="en">`, "It is not you.", "Call us: +49 30 123 456, Mo–Fr 8–18 Uhr", "hilfe@example.org", "<h1>This page cannot be shown"},
	} {
		b := open(t, newWorld())
		b.lang = lang
		b.h.(*handler).routes["/broken"] = visit.Route{Level: guard.Pre, Get: func(v *visit.Visit) {
			v.Support.Mail += "<&>"
			v.Show(http.StatusOK, "confirm", look.Page{Title: "confirm.title"}) // there is no key to draw
		}}
		b.get("/broken").says(500, want...)
		protects(t, "undrawn", b.res.Header, strict, noStore)
		if b.res.Header.Get("Content-Type") != "text/html; charset=utf-8" || b.res.Header.Get("Content-Language") != lang {
			t.Errorf("%v", b.res.Header)
		}
		if strings.Contains(b.body, "internal error") || strings.Contains(b.body, "<&>") || nonceOf(b.body) != "" {
			t.Errorf("it is\n%s", b.body)
		}
	}
}

// Over plain HTTP, which only the demo may, no browser is told to insist on TLS.
func TestHeadersOfTheDemo(t *testing.T) {
	h, err := New(insecure(newWorld()))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
	if b.get("/"); b.res.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over plain http")
	}
	if c := b.cookies["sallyport-pre"]; c == nil || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("demo cookie = %v", c)
	}
}
