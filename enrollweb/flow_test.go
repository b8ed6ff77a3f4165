package enrollweb

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// A program asks; the link says who asks, before anybody signs in; after
// password and code the person confirms; the program fetches, once.
func TestAProgramAsksAndFetches(t *testing.T) {
	w := asking()
	b := open(t, w)
	p := b.program()
	ticket, link := p.ask()
	if rec := p.poll(ticket); rec.Code != 404 || strings.TrimSpace(rec.Body.String()) != "[]" {
		t.Errorf("before anything: %d %s", rec.Code, rec.Body)
	}
	b.get(link).says(200, "A program asks for an app password", "Android (DAVx5)", "192.0.2.1", "Calendar and contacts",
		"Only continue if you started this yourself a moment ago on your own device", "Did somebody send you this link?")
	b.post("/login/v2/flow").leads("/?next=/login/v2/grant")
	b.post("/sign-in", "name", "alice", "password", "right").leads("/code?next=/login/v2/grant")
	b.post("/code", "code", "123456").leads("/login/v2/grant").says(200, "Give this program an app password?", "Android (DAVx5)", "192.0.2.1",
		`value="Android (DAVx5)"`, "Only continue if you started this yourself", `name="mine" value="yes" required`)
	if w.asks[0].granted != nil || p.poll(ticket).Code != 404 {
		t.Fatal("signing in alone has granted something")
	}
	b.post("/login/v2/grant", "label", "Fairphone").says(422, "Please confirm that you started this yourself", `value="Fairphone"`)
	b.post("/login/v2/grant", "label", " ", "mine", "yes").says(422, "Please enter a name", `role="alert"`)
	form := b.fields
	b.post("/login/v2/grant", "label", " Fairphone ", "mine", "yes").leads("/login/v2/done").says(200, "“Fairphone” by itself", `href="/login/v2/done?lang=de"`)
	b.get("/login/v2/done?lang=de").says(200, "Fertig", "„Fairphone“", `href="/login/v2/done?lang=en"`)
	b.get("/login/v2/done?lang=en").says(200, "Done")
	if count(w.did, "GrantFlow") != 2 { // one had no name
		t.Errorf("reading it again has granted again: %v", w.did)
	}
	if g := w.asks[0].granted; g == nil || g.Label != "Fairphone" || len(g.Services) != 1 || g.Services[0] != "dav" || g.Life != 0 {
		t.Errorf("granted is %+v", g)
	}
	b.repeat("/login/v2/grant", form, "label", "Fairphone", "mine", "yes").says(410, "answered already")
	b.get("/login/v2/grant").leads("/home")
	for _, forged := range []string{"", "!", base64.RawURLEncoding.EncodeToString([]byte("\xff")), base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("x"), 65))} {
		b.cookies["__Host-sallyport-granted"].Value = forged
		b.get("/login/v2/done").leads("/home")
	}
	b.cookies["__Host-sallyport-granted"].Value = base64.RawURLEncoding.EncodeToString([]byte("<b>"))
	b.get("/login/v2/done").says(200, "&lt;b&gt;")
	rec := p.poll(ticket)
	var got map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 || len(got) != 3 || got["server"] != "https://cloud.example.org" ||
		got["loginName"] != "alice@example.org" || got["appPassword"] != "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp" {
		t.Errorf("%d %s, %v", rec.Code, rec.Body, err)
	}
	if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("X-Content-Type-Options") != "nosniff" || len(rec.Header()["Set-Cookie"]) > 0 {
		t.Errorf("the answer has %v", rec.Header())
	}
	if rec := p.poll(ticket); rec.Code != 404 {
		t.Errorf("a second time: %d", rec.Code)
	}
	b.get(link).says(410, "answered already")
}

// Whoever is signed in already, a moment ago, goes straight to the question; who
// signed in long ago does so again first; whose session is over, too. Nothing is
// granted to any other.
func TestOnlyAFreshSessionGrants(t *testing.T) {
	w := asking()
	b := signedIn(t, w)
	_, link := b.program().ask()
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant").says(200, "Give this program an app password?")
	form := b.fields
	w.edit(func(v *enroll.View) { v.Fresh = false })
	b.get("/login/v2/grant").says(200, "Please sign in again", `href="/?again=1&amp;next=%2flogin%2fv2%2fgrant"`)
	b.repeat("/login/v2/grant", form, "label", "x", "mine", "yes").says(403, "Please sign in again")
	if w.asks[0].granted != nil || count(w.did, "GrantFlow") != 0 {
		t.Error("a stale session has granted")
	}
	clear(w.sessions)
	b.get(link).post("/login/v2/flow").leads("/?next=/login/v2/grant").says(200, "Your normal password")
	b.repeat("/login/v2/grant", form, "label", "x", "mine", "yes").leads("/?next=%2Flogin%2Fv2%2Fgrant&over=1")
	owes := open(t, w)
	owes.get(link).post("/login/v2/flow").leads("/?next=/login/v2/grant")
	owes.post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
	owes.get("/login/v2/grant").leads("/?next=%2Flogin%2Fv2%2Fgrant").leads("/setup")
	if w.asks[0].granted != nil {
		t.Error("somebody has granted")
	}
	// Between the look and the button the session may have gone stale.
	w.fail["GrantFlow"] = &enroll.Refusal{Reason: account.NotAllowed}
	b = signedIn(t, w)
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant")
	b.post("/login/v2/grant", "label", "x", "mine", "yes").says(422, "a great many app passwords")
}

// Whom a program brings before they have set anything up gets to its question
// after the emergency codes.
func TestAProgramWaitsForTheSetUp(t *testing.T) {
	w := asking()
	b := open(t, w)
	p := b.program()
	ticket, link := p.ask()
	b.get(link).post("/login/v2/flow").leads("/?next=/login/v2/grant")
	b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup").post("/setup/begin").leads("/setup")
	b.post("/setup/confirm", "code", "123456").says(200, "k7m20")
	b.post("/codes/kept", "kept", "yes").leads("/login/v2/grant").says(200, "Give this program an app password?")
	b.post("/login/v2/grant", "label", "Fairphone", "mine", "yes").leads("/login/v2/done")
	if p.poll(ticket).Code != 200 {
		t.Error("the program gets nothing")
	}
	b.get("/codes").post("/codes")
	b.post("/codes/kept", "kept", "yes").says(303)
	if to := b.res.Header.Get("Location"); to == "/login/v2/grant" {
		t.Error("the page still speaks of the question that was answered")
	}
}

// The link and the page behind it warn in every language, most where the program
// asks from elsewhere, and hold no word of the stranger's own.
func TestStrangersCannotTalkThroughTheQuestion(t *testing.T) {
	nameless := map[string]string{"de": "Ein Programm", "du": "Ein Programm", "en": "A program"}
	for lang, warns := range map[string][2]string{
		"du": {"Hat dir jemand diesen Link geschickt? Dann will jemand anderes an deine Daten", "aus einem anderen Netz als dem, in dem du gerade bist"},
		"de": {"Hat Ihnen jemand diesen Link geschickt? Dann will jemand anderes an Ihre Daten", "aus einem anderen Netz als dem, in dem Sie gerade sind"},
		"en": {"Did somebody send you this link? Then somebody else wants your data", "from another network than the one you are on"},
	} {
		for agent, shown := range map[string]string{
			"Your IT department/1.0 please confirm quickly": nameless[lang],
			"DAVx5\u202e<script>alert(1)</script>":          "Android (DAVx5)",
			"":                                              nameless[lang],
			"curl/8":                                        "curl",
		} {
			w := asking()
			b := signedIn(t, w)
			if b.lang = lang; lang == "du" {
				cfg := w.config()
				b.lang, cfg.German = "de", lang
				h, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				b.h = h
			}
			stranger := davx5{t, b.h, "203.0.113.66", agent}
			_, link := stranger.ask()
			for _, at := range []func(){
				func() { b.get(link) },
				func() { b.post("/login/v2/flow").leads("/login/v2/grant") },
			} {
				at()
				b.says(200, warns[0], warns[1], "203.0.113.66", "<dd>"+shown+"</dd>")
				for _, bad := range []string{"IT department", "confirm quickly", "alert(1)", "\u202e"} {
					if strings.Contains(b.body, bad) {
						t.Errorf("%s: the page of %q says %q", lang, agent, bad)
					}
				}
			}
			// The browser's is 192.0.2.1. An IPv6 address can be the same phone's.
			for _, from := range []string{"192.0.2.1", "2001:db8::1"} {
				near := davx5{t, b.h, from, agent}
				_, link = near.ask()
				b.get(link).says(200, warns[0])
				if strings.Contains(b.body, warns[1]) {
					t.Errorf("%s: %s counts as another network", lang, from)
				}
			}
		}
	}
}

// A link from elsewhere brings no cookie and does nothing; what is confirmed is
// what was shown, whatever was asked since.
func TestALinkAloneDoesNothing(t *testing.T) {
	w := asking()
	b := signedIn(t, w)
	first, link := b.program().ask()
	kept := b.cookies
	b.cookies = map[string]*http.Cookie{} // as after a click in a mail
	b.get(link).says(200)
	for _, q := range []string{"GET", "HEAD"} {
		b.send(q, link)
	}
	if b.cookie("flow") != "" || w.asks[0].granted != nil {
		t.Error("opening the link has done something")
	}
	b.cookies = kept
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant")
	if c := b.cookies["__Host-sallyport-flow"]; c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 20*60 {
		t.Errorf("the link is carried in %v", c)
	}
	form := b.fields
	stranger := davx5{t, b.h, "203.0.113.66", "x"}
	second, other := stranger.ask()
	b.get(other).post("/login/v2/flow").leads("/login/v2/grant").says(200, "203.0.113.66")
	b.repeat("/login/v2/grant", form, "label", "x", "mine", "yes").leads("/login/v2/done")
	if b.program().poll(first).Code != 200 || stranger.poll(second).Code != 404 {
		t.Error("another question was confirmed than the one that was shown")
	}
	// A form from elsewhere is none.
	b.get(other)
	b.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	b.post("/login/v2/flow").says(403)
	b.post("/login/v2/grant", "label", "x", "mine", "yes").says(403)
	b.edit = nil
	b.get(other).post("/login/v2/flow", "form", "x").says(403)
	b.post("/login/v2/grant", "form", "x", "label", "x", "mine", "yes").says(403)
}

// Without an address for it the paths are like any that there are not.
func TestNoProgramAsksUnlessConfigured(t *testing.T) {
	b := signedIn(t, newWorld())
	nowhere := b.get("/nowhere").says(404).body
	for _, path := range []string{"/index.php/login/v2", "/login/v2", "/login/v2/poll", "/login/v2/flow", "/login/v2/grant"} {
		if b.get(path).says(404); len(b.body) != len(nowhere) {
			t.Errorf("%s is told from a path that there is not", path)
		}
		for _, body := range []string{"", "token=x"} {
			if rec := b.program().send("POST", "https://login.example.org"+path, "application/x-www-form-urlencoded", body); rec.Code != 404 {
				t.Errorf("POST %s: %d", path, rec.Code)
			}
		}
	}
}

// What is no question and no ticket is refused by its form; nothing of it comes
// back.
func TestHowProgramsAreRefused(t *testing.T) {
	w := asking()
	b := open(t, w)
	p := b.program()
	for _, path := range []string{"/index.php/login/v2", "/login/v2", "/login/v2/poll"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "OPTIONS"} {
			if rec := p.send(method, "https://login.example.org"+path, "", ""); rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
				t.Errorf("%s %s: %d, allowed %q", method, path, rec.Code, rec.Header().Get("Allow"))
			}
		}
	}
	const form = "application/x-www-form-urlencoded"
	for name, q := range map[string]struct {
		kind, body string
		want       int
	}{
		"unknown":       {form, "token=ticket-77", 404},
		"empty":         {form, "", 400},
		"no value":      {form, "token=", 400},
		"no kind":       {"", "token=ticket-0", 400},
		"other kind":    {"text/plain", "token=ticket-0", 415},
		"not JSON":      {"application/json", "{", 400},
		"wrong JSON":    {"application/json", `{"token":7}`, 400},
		"JSON, unknown": {"application/json; charset=utf-8", `{"token":"ticket-77"}`, 404},
		"bad escape":    {form, "token=%zz", 400},
		"too long":      {form, "token=" + strings.Repeat("x", 5000), 413},
	} {
		rec := p.send("POST", "https://login.example.org/login/v2/poll?token=ticket-0", q.kind, q.body)
		if rec.Code != q.want || strings.TrimSpace(rec.Body.String()) != "[]" {
			t.Errorf("%s: %d %s, want %d", name, rec.Code, rec.Body, q.want)
		}
	}
	for _, bad := range []string{"", "?id=", "?id=link-77", "?id=" + strings.Repeat("x", 3000)} {
		b.get("/login/v2/flow"+bad).says(410, "Start again in your program")
	}
	b.get("/").post("/login/v2/flow", "id", "link-77").says(410)
}

// One address asks thirty times a minute, and looks again twenty times a second.
func TestProgramsAreHeldToAPace(t *testing.T) {
	w := asking()
	b := open(t, w)
	p := b.program()
	ticket, _ := p.ask()
	for range 29 {
		p.ask()
	}
	rec := p.send("POST", "https://login.example.org/index.php/login/v2", "", "")
	if rec.Code != 429 || rec.Header().Get("Retry-After") == "" || len(w.asks) != 30 {
		t.Errorf("the 31st: %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
	other := p
	other.from = "198.51.100.9"
	other.ask()
	for n := range 1200 {
		if rec := p.poll(ticket); rec.Code != 404 {
			t.Fatalf("poll %d: %d", n, rec.Code)
		}
	}
	if rec := p.poll(ticket); rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("the 1201st look: %d", rec.Code)
	}
}

// An outage is a 503 to programs and a page to people, and changes nothing.
func TestOutageOfAQuestion(t *testing.T) {
	w := asking()
	b := signedIn(t, w)
	p := b.program()
	down := errors.Join(account.ErrUnavailable, errors.New("disk on fire"))
	outage := func(what string, do func()) {
		t.Helper()
		w.fail[what] = down
		do()
		delete(w.fail, what)
		if strings.Contains(b.body, "disk") {
			t.Errorf("%s: the error is told to a stranger", what)
		}
	}
	outage("AskFlow", func() {
		if rec := p.send("POST", "https://login.example.org/login/v2", "", ""); rec.Code != 503 || rec.Header().Get("Retry-After") != "10" || strings.Contains(rec.Body.String(), "disk") {
			t.Errorf("asking: %d %s", rec.Code, rec.Body)
		}
	})
	ticket, link := p.ask()
	outage("Flow", func() { b.get(link).says(503, "has a problem") })
	b.get(link)
	form := b.fields
	outage("Flow", func() { b.repeat("/login/v2/flow", form).says(503) })
	outage("View", func() { b.repeat("/login/v2/flow", form).says(503) })
	b.repeat("/login/v2/flow", form).leads("/login/v2/grant")
	form = b.fields
	for _, what := range []string{"Flow", "GrantFlow", "View"} {
		outage(what, func() { b.repeat("/login/v2/grant", form, "label", "x", "mine", "yes").says(503, "has a problem") })
	}
	if w.asks[0].granted != nil {
		t.Fatal("granted in an outage")
	}
	b.repeat("/login/v2/grant", form, "label", "x", "mine", "yes").leads("/login/v2/done")
	outage("FetchFlow", func() {
		if rec := p.poll(ticket); rec.Code != 503 || rec.Header().Get("Retry-After") != "10" {
			t.Errorf("fetching: %d", rec.Code)
		}
	})
	if rec := p.poll(ticket); rec.Code != 200 {
		t.Errorf("after it: %d", rec.Code)
	}
}
