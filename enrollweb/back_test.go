package enrollweb

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/back"
)

const app = "https://app.example.org/mail?folder=1"

// fromApp is a browser that a web application has just sent to the page.
func fromApp(t *testing.T, w *world, path string) *browser {
	t.Helper()
	b := open(t, w)
	return b.get(path + "return=" + url.QueryEscape(app))
}

// sentOn expects the page that goes on to the application by itself.
func (b *browser) sentOn(to string) {
	b.t.Helper()
	b.says(200, `href="`+strings.ReplaceAll(to, "&", "&amp;")+`"`)
	if got := b.res.Header.Get("Refresh"); got != "0; url="+to {
		b.t.Errorf("the page goes on to %q, want %s", got, to)
	}
	if b.errand() != "" {
		b.t.Error("the way is kept after it was gone")
	}
}

// stays expects that nothing happens by itself.
func (b *browser) stays() *browser {
	b.t.Helper()
	if got := b.res.Header.Get("Refresh"); got != "" {
		b.t.Fatalf("the page goes on by itself: %s", got)
	}
	return b
}

func (b *browser) errand() string {
	if c := b.cookies["__Host-"+back.Cookie]; c != nil {
		return c.Value
	}
	return ""
}

const onward = `href="/back">Continue to app.example.org</a>`

func TestFromTheApplicationThroughTheSetUpAndBack(t *testing.T) {
	for name, ticket := range map[string]string{"by the link": "enroll", "with an unlock code": "invited", "by signing in": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld() // signing in uses up a ticket of the same name
			w.tickets["enroll"] = w.open(account.TokenSetup)
			w.tickets["invited"] = w.open(account.TokenSetup)
			b := fromApp(t, w, "/enroll?ticket="+ticket+"&")
			if ticket == "" {
				b.leads("/").stays().post("/sign-in", "name", "alice", "password", "owes")
			} else {
				b.says(200, "Set up now").stays().post("/enroll")
			}
			b.leads("/setup").stays()
			if ticket == "invited" {
				b.post("/setup/invite", "code", "guess").says(422).stays()
				b.post("/setup/invite", "code", "open-sesame").leads("/setup").stays()
			}
			b.post("/setup/begin").leads("/setup").says(200, "JBSW").stays()
			b.post("/setup/confirm", "code", "000000").says(422).stays()
			b.post("/setup/confirm", "code", "123456").says(200, "k7m20").stays()
			if strings.Contains(b.body, "app.example.org") {
				t.Error("there is a way on before the emergency codes are kept")
			}
			b.post("/codes/kept", "kept", "yes").leads("/devices").says(200, onward).stays()
			b.post("/devices", "device", "mac").leads("/devices/step?n=1").says(200, onward).stays()
			b.post("/passwords/new").says(200, "k7m2").stays()
			b.get("/passwords/wait?id=p1").says(200, onward)
			b.get("/home").says(200, onward).stays()
			b.get("/back").sentOn(app)
			b.get("/home").says(200)
			if strings.Contains(b.body, onward) {
				t.Error("the way on is still offered")
			}
		})
	}
}

func TestWhoNeedsNothingGoesStraightBack(t *testing.T) {
	w := newWorld()
	b := fromApp(t, w, "/?").leads("/back").leads("/").says(200, "Your normal password")
	if strings.Contains(b.body, "app.example.org") {
		t.Error("the sign-in shows the way back before anybody has signed in")
	}
	b.post("/sign-in", "name", "alice", "password", "wrong").says(422)
	b.post("/sign-in", "name", "alice", "password", "right").leads("/code")
	b.post("/code", "code", "000000").says(422)
	b.post("/code", "code", "123456").leads("/back").sentOn(app)
	// Signed in already: no question at all.
	b.get("/?return=" + url.QueryEscape(app)).leads("/back").sentOn(app)
	// A browser keeps the strict cookies back from what another site began; the
	// page sends it once round.
	held := b.cookies
	b.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site"); r.Header.Del("Cookie") }
	b.get("/?return="+url.QueryEscape(app)).says(200, `href="/back"`)
	if got := b.res.Header.Get("Refresh"); got != "0; url=/back" {
		t.Errorf("a browser from elsewhere is sent to %q", got)
	}
	b.edit, b.cookies["__Host-sallyport-session"] = nil, held["__Host-sallyport-session"]
	b.get("/back").sentOn(app)
	// Only where an application asks for it.
	b.get("/").leads("/home").says(200).stays()
}

// Whatever goes wrong on the way, the way back is still there after it.
func TestNoErrorLosesTheWay(t *testing.T) {
	for name, wrong := range map[string]func(w *world, b *browser){
		"outage of the sign-in":  func(_ *world, b *browser) { b.post("/sign-in", "name", "a", "password", "down").says(503) },
		"too many tries":         func(_ *world, b *browser) { b.post("/sign-in", "name", "a", "password", "slow").says(429) },
		"a form from elsewhere":  func(_ *world, b *browser) { b.post("/sign-in", "form", "x", "name", "a", "password", "b").says(403) },
		"a page that is not":     func(_ *world, b *browser) { b.get("/nowhere").says(404) },
		"a link that is used up": func(_ *world, b *browser) { b.get("/enroll?ticket=old").post("/enroll").says(410) },
		"a session that is over": func(w *world, b *browser) {
			b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
			clear(w.sessions)
			b.get("/setup").leads("/?over=1").says(200)
		},
		"another language": func(_ *world, b *browser) { b.get("/?lang=de").says(200).get("/?lang=en") },
		"an outage on the way back": func(w *world, b *browser) {
			b.post("/sign-in", "name", "alice", "password", "right").leads("/code")
			b.post("/code", "code", "123456")
			w.fail["View"] = account.ErrUnavailable
			b.leads("/back").says(503)
			delete(w.fail, "View")
		},
		"an outage in the set-up": func(w *world, b *browser) {
			b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
			w.fail["Begin"] = account.ErrUnavailable
			b.post("/setup/begin").says(503)
		},
	} {
		w := newWorld()
		b := fromApp(t, w, "/?").leads("/back").leads("/")
		wrong(w, b)
		delete(b.cookies, "__Host-sallyport-session")
		delete(b.cookies, "__Host-sallyport-pending")
		b.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code").post("/code", "code", "123456")
		if got := b.res.Header.Get("Location"); got != "/back" {
			t.Errorf("%s: after it the way leads to %q", name, got)
			continue
		}
		b.leads("/back").sentOn(app)
	}
}

func TestNoWayToAnywhereElse(t *testing.T) {
	for _, evil := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "https://app.example.org@evil.example/",
		`https://evil.example\@app.example.org/`, "https://app.example.org.evil.example/", "javascript:alert(1)", "http://app.example.org/", "/home", ""} {
		w := newWorld()
		b := open(t, w)
		b.get("/?return=" + url.QueryEscape(app)).leads("/back").leads("/") // an errand before it
		b.get("/?return="+url.QueryEscape(evil)).says(200, "Your normal password").stays()
		if b.errand() != "" || strings.Contains(b.body, "evil.example") {
			t.Errorf("%q: the page keeps %q", evil, b.errand())
		}
		b.post("/sign-in", "name", "alice", "password", "right").leads("/code")
		b.post("/code", "code", "123456").leads("/home").stays()
		// Nor from a cookie that somebody else wrote.
		b.cookies["__Host-"+back.Cookie] = &http.Cookie{Name: "__Host-" + back.Cookie, Value: back.Way{Address: evil}.Pack()}
		b.get("/back").leads("/").leads("/home").stays()
		if strings.Contains(b.body, "evil.example") || strings.Contains(b.body, "/back") {
			t.Errorf("%q: a forged cookie leads there", evil)
		}
	}
	// Without a list there is no way at all.
	w := newWorld()
	w.apps = nil
	b := fromApp(t, w, "/?").says(200, "Your normal password")
	if b.errand() != "" {
		t.Error("an address was kept that nobody allowed")
	}
}

func TestTheErrandInTheBrowser(t *testing.T) {
	b := fromApp(t, newWorld(), "/?")
	c := b.cookies["__Host-"+back.Cookie]
	if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 3600 {
		t.Fatalf("the way is kept in %v", c)
	}
	if to := b.res.Header.Get("Location"); strings.Contains(to, "return") {
		t.Errorf("the address stays in the address bar: %s", to)
	}
	b.leads("/back").leads("/")
	b.post("/sign-in", "name", "alice", "password", "right").leads("/code").post("/code", "code", "123456").leads("/back")
	b.get("/enroll?ticket=&return="+url.QueryEscape(app)).get("/home").says(200, onward)
	b.post("/sign-out").leads("/?bye=1")
	if b.errand() != "" {
		t.Error("the errand outlives the sign-out")
	}
	w := newWorld()
	w.apps = []string{"app.example.org"}
	if _, err := New(w.config()); err == nil || !strings.Contains(err.Error(), "app.example.org") {
		t.Errorf("a list that is none: %v", err)
	}
}
