package enrollweb

import (
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

func b64(s string) string          { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
func urlQuery(s string) string     { return url.QueryEscape(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func count(did []string, s string) (n int) {
	for _, d := range did {
		if d == s {
			n++
		}
	}
	return n
}

// repeat sends the last form a second time with the cookies of now, as a reload
// or the back button does.
func (b *browser) repeat(path string, fields map[string]string, pairs ...string) *browser {
	b.t.Helper()
	b.fields = fields
	return b.post(path, pairs...)
}

// Reload, back button and double click at each step leave nothing half done
// and nothing done twice.
func TestEachFormTwice(t *testing.T) {
	t.Run("sign-in", func(t *testing.T) {
		b := open(t, newWorld()).get("/")
		form := b.fields
		b.post("/sign-in", "name", "alice", "password", "right").leads("/code")
		b.repeat("/sign-in", form, "name", "alice", "password", "right").says(403, "Please try again")
		b.get("/code").post("/code", "code", "123456").leads("/home")
	})
	t.Run("code", func(t *testing.T) {
		b := open(t, newWorld()).get("/")
		b.post("/sign-in", "name", "alice", "password", "right").leads("/code")
		form := b.fields
		b.post("/code", "code", "123456").leads("/home")
		b.repeat("/code", form, "code", "123456").leads("/home").says(200, "Alice Ahrens")
	})
	t.Run("begin", func(t *testing.T) {
		w := newWorld()
		b := settingUp(t, w)
		b.post("/setup/begin").leads("/setup").says(200, "JBSW")
	})
	t.Run("confirm", func(t *testing.T) {
		w := newWorld()
		b := settingUp(t, w)
		form := b.fields
		b.post("/setup/confirm", "code", "123456").says(200, "k7m20")
		b.repeat("/setup/confirm", form, "code", "123456").leads("/home").says(200, "Alice Ahrens")
		b.get("/setup").leads("/home")
		if n := count(w.did, "Confirm"); n != 1 {
			t.Errorf("confirmed %d times", n)
		}
	})
	t.Run("app password", func(t *testing.T) {
		w := newWorld()
		b := signedIn(t, w).get("/passwords/new")
		form := b.fields
		b.post("/passwords/new", "program", "mac").says(200, "k7m2")
		b.repeat("/passwords/new", form, "program", "mac").leads("/home?note=once").says(200, "done already", "Mac")
		if n := count(w.did, "Issue"); n != 1 {
			t.Errorf("issued %d times", n)
		}
		w.fail["Issue"] = account.ErrUnavailable
		b.get("/passwords/new")
		form = b.fields
		b.post("/passwords/new", "program", "mac").says(503)
		delete(w.fail, "Issue")
		b.repeat("/passwords/new", form, "program", "mac").says(200, "k7m2")
	})
	t.Run("emergency codes", func(t *testing.T) {
		w := newWorld()
		b := signedIn(t, w).get("/codes")
		form := b.fields
		b.post("/codes").says(200, "k7m20")
		b.repeat("/codes", form).leads("/home?note=once")
		if n := count(w.did, "Codes"); n != 1 {
			t.Errorf("made %d sheets", n)
		}
		b.get("/codes").post("/codes").post("/codes/kept").leads("/codes?note=unkept").says(200, "You did not confirm", "Make new emergency codes") // they are gone for good
		if b.get("/codes"); strings.Contains(b.body, "You did not confirm") {
			t.Error("it is said to somebody who comes by themselves")
		}
	})
	t.Run("remove", func(t *testing.T) {
		w := newWorld()
		b := signedIn(t, w).get("/passwords/new")
		b.post("/passwords/new", "program", "mac").get("/passwords/remove?id=p1").says(200)
		form := b.fields
		b.post("/passwords/remove").leads("/home?note=removed")
		b.repeat("/passwords/remove", form).leads("/home?note=removed")
		b.get("/passwords/remove?id=p1").leads("/home?note=removed")
		b.repeat("/passwords/remove", form, "id", "d1").leads("/home?note=removed")
		if n := count(w.did, "Revoke"); n != 1 {
			t.Errorf("revoked %d times", n)
		}
	})
	t.Run("sign out", func(t *testing.T) {
		b := signedIn(t, newWorld())
		form := b.fields
		b.post("/sign-out").leads("/?bye=1")
		b.repeat("/sign-out", form).leads("/?over=1").says(200, "You are no longer signed in")
	})
}

// A session that is over leads to the sign-in with a sentence that helps, from
// every step, by GET and by POST, and leaves no cookie behind.
func TestSessionOverAtEachStep(t *testing.T) {
	setup := []string{"/setup", "/setup/invite", "/setup/begin", "/setup/confirm"}
	full := []string{"/home", "/phone", "/phone/begin", "/phone/confirm", "/passwords/new", "/passwords/remove", "/codes", "/codes/kept", "/sign-out"}
	for _, path := range slices.Concat(setup, full) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			rt := routes(Config{})[path]
			if (method == http.MethodPost && rt.Post == nil) || strings.HasPrefix(path, "/setup/") && method == http.MethodGet {
				continue
			}
			w := newWorld()
			var b *browser
			if slices.Contains(setup, path) {
				b = settingUp(t, w)
			} else {
				b = signedIn(t, w)
			}
			clear(w.sessions)
			b.send(method, path, "code", "123456", "program", "mac", "kept", "yes")
			b.follow().says(200, "You are no longer signed in", "Sign in")
			if next := hiddenField(b.body, "next"); next != visit.Next(url.Values{"next": {path}}) && next != "/phone" && next != "/phone/add" {
				t.Errorf("%s %s: after signing in it goes on to %q", method, path, next)
			}
			if b.cookie("pending") != "" || b.cookie("session") != "" {
				t.Errorf("%s %s: a dead session stays in the browser", method, path)
			}
		}
	}
}

// An outage anywhere is a 503 that changes nothing. Its button leads to where the
// person was, with the same session and the same key.
func TestOutageAtEachStep(t *testing.T) {
	for _, tc := range []struct {
		fails, path string
		setup       bool
		then        string
	}{
		{"View", "/setup", true, "JBSW"}, {"Begin", "/setup/begin", true, "JBSW"}, {"Confirm", "/setup/confirm", true, "JBSW"},
		{"Invite", "/setup/invite", true, "JBSW"}, {"View", "/home", false, "Alice Ahrens"}, {"Issue", "/passwords/new", false, "New app password"},
		{"Codes", "/codes", false, "Make new emergency codes"}, {"Begin", "/phone/begin", false, "Connect another phone"}, {"End", "/sign-out", false, "Alice Ahrens"},
	} {
		w := newWorld()
		var b *browser
		if tc.setup {
			b = settingUp(t, w)
		} else {
			b = signedIn(t, w)
		}
		w.fail[tc.fails] = account.ErrUnavailable
		if form := b.fields; routes(Config{})[tc.path].Post != nil {
			b.repeat(tc.path, form, "code", "123456", "program", "mac")
		} else {
			b.get(tc.path)
		}
		b.says(503, "has a problem")
		if b.res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", tc.path)
		}
		delete(w.fail, tc.fails)
		b.press("Try again").says(200, tc.then)
		sessions := 0
		w.edit(func(*enroll.View) { sessions++ })
		if sessions != 1 || len(w.attempts) > 2 {
			t.Errorf("%s: a second session, or a second sign-in", tc.path)
		}
	}
}

// press follows the page's own link with these words, and where that leads.
func (b *browser) press(words string) *browser {
	b.t.Helper()
	m := regexp.MustCompile(`href="([^"]*)"[^>]*>` + regexp.QuoteMeta(words) + `</a>`).FindStringSubmatch(b.body)
	if m == nil {
		b.t.Fatalf("there is no link %q:\n%s", words, b.body)
	}
	return b.get(html.UnescapeString(m[1])).follow()
}

// follow goes where redirections lead.
func (b *browser) follow() *browser {
	b.t.Helper()
	for range 4 {
		if b.res.StatusCode != http.StatusSeeOther {
			break
		}
		b.get(b.res.Header.Get("Location"))
	}
	return b
}

func TestFewEmergencyCodesAreSaid(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	for left, says := range map[int]string{0: "no emergency code left", 1: "only one", 2: "only 2 emergency codes", 3: "3 emergency codes"} {
		for _, v := range w.sessions {
			v.CodesLeft = left
		}
		b.get("/home").says(200, says)
		if warned := strings.Contains(b.body, `class="cost"`); warned != (left <= 2) {
			t.Errorf("%d left: warned %v", left, warned)
		}
	}
	for _, v := range w.sessions {
		v.CodesLeft = -1
	}
	if b.get("/home"); strings.Contains(b.body, "mergency") {
		t.Error("emergency codes are offered where there are none")
	}
}

// The page loads nothing but its own stylesheet and script, has no script inside,
// and fits in 60 KB with its stylesheet.
func TestOwnFilesOnlyAndSmall(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	pages := []string{b.body, b.post("/setup/confirm", "code", "123456").body, b.get("/home").body, b.get("/passwords/new").body, b.get("/?over=1").body}
	css := b.get(hrefOfStyle(b.body)).says(200).body
	for i, body := range pages {
		low := regexp.MustCompile(`<script src="/script-[0-9a-f]{16}\.js" nonce="[\w-]{32}" defer></script>`).ReplaceAllString(strings.ToLower(body), "")
		for _, never := range []string{"<script", "javascript:", " onclick", " onload", " style=", "zgotmplz", "http://", "https://"} {
			if strings.Contains(strings.ReplaceAll(low, "http://www.w3.org/2000/svg", ""), never) {
				t.Errorf("page %d holds %q", i, never)
			}
		}
		if n := len(body) + len(css); n > 60<<10 {
			t.Errorf("page %d and its stylesheet weigh %d bytes", i, n)
		}
	}
}

func hrefOfStyle(body string) string {
	_, rest, _ := strings.Cut(body, `rel="stylesheet" href="`)
	href, _, _ := strings.Cut(rest, `"`)
	return href
}

// Where the operator has fixed the language, neither the browser nor a link nor
// a cookie from before changes it, and no page offers to.
func TestOneLanguageForEverybody(t *testing.T) {
	for lang, other := range map[string]string{"de": "en", "en": "de"} {
		w := newWorld()
		cfg := w.config()
		cfg.Lang = lang
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/?lang=" + other, "/nowhere"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Accept-Language", other)
			r.AddCookie(&http.Cookie{Name: "__Host-lang", Value: other})
			r.AddCookie(&http.Cookie{Name: "lang", Value: other})
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			body := rec.Body.String()
			if !strings.Contains(body, `<html lang="`+lang+`">`) || rec.Header().Get("Content-Language") != lang {
				t.Errorf("%s for %s: not in %s:\n%s", path, other, lang, body)
			}
			if strings.Contains(body, "hreflang") || strings.Contains(strings.Join(rec.Header()["Set-Cookie"], " "), "lang=") {
				t.Errorf("%s: there is a switch to %s, or a cookie for it:\n%s", path, other, body)
			}
		}
	}
}

// The operator chooses how German addresses people; the language stays the
// browser's choice.
func TestFormOfAddress(t *testing.T) {
	for german, want := range map[string]string{"": "Ihr normales Passwort", "sie": "Ihr normales Passwort", "du": "Dein normales Passwort"} {
		cfg := newWorld().config()
		cfg.German = german
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for lang, want := range map[string]string{"de": want, "en": "Your normal password"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept-Language", lang)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if body := rec.Body.String(); !strings.Contains(body, `<html lang="`+lang+`">`) || !strings.Contains(body, want) {
				t.Errorf("german = %q: the %s page does not say %q:\n%s", german, lang, want, body)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	for accept, want := range map[string]string{"de-AT,de;q=0.9": "de", "en-GB": "en", "fr, en;q=0.5": "en", "fr": "de", "": "de", ";;;": "de"} {
		b := open(t, newWorld())
		b.lang = accept
		b.get("/").says(200, `<html lang="`+want+`">`)
	}
	b := open(t, newWorld())
	b.get("/?lang=de").says(200, `<html lang="de">`, `href="/?lang=en"`)
	b.get("/").says(200, `<html lang="de">`)
	// No other host of the domain can plant this cookie, and a planted one under
	// the bare name is not read.
	if c := b.cookies["__Host-lang"]; c == nil || !c.Secure || c.Path != "/" || c.Domain != "" || b.cookies["lang"] != nil {
		t.Errorf("the language is remembered in %v", b.cookies)
	}
	planted := open(t, newWorld())
	planted.cookies["lang"] = &http.Cookie{Name: "lang", Value: "de"}
	planted.get("/").says(200, `<html lang="en">`)
	b.get("/?lang=xx").says(200, `<html lang="de">`)
	w := newWorld()
	b = signedIn(t, w)
	b.lang = "de"
	b.get("/home").says(200, "23. September 2026", "heute, 08:15 Uhr", "Guten Tag, Alice Ahrens")
}
