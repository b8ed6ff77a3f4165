package enrollweb

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

func insecure(w *world) Config {
	cfg := w.config()
	cfg.BaseURL, cfg.Insecure = "http://127.0.0.1:8080", true
	return cfg
}

// The form of the cookies, one name for each level, a new id at every change of
// level, and the old one dead.
func TestSessionFixation(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	seen := map[string]bool{}
	fresh := func(name string) {
		t.Helper()
		c := b.cookies["__Host-sallyport-"+name]
		if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
			t.Fatalf("%s cookie = %v", name, c)
		}
		if seen[name+c.Value] {
			t.Errorf("%s keeps its value over a change of level", name)
		}
		seen[name+c.Value] = true
	}
	b.get("/")
	fresh("pre")
	b.post("/sign-in", "name", "alice", "password", "owes")
	fresh("pre")
	fresh("pending")
	b.leads("/setup").post("/setup/begin").leads("/setup")
	old, pending := b.fields["form"], b.cookies["__Host-sallyport-pending"]
	b.post("/setup/confirm", "code", "123456").says(200)
	fresh("session")
	if b.cookie("pending") != "" {
		t.Error("the set-up session outlives the set-up in the browser")
	}
	thief := &browser{t: t, h: b.h, lang: "en", cookies: map[string]*http.Cookie{pending.Name: pending}}
	thief.get("/setup").leads("/?over=1").says(200, "You are no longer signed in")
	thief.cookies = map[string]*http.Cookie{pending.Name: pending}
	thief.post("/setup/confirm", "form", old, "code", "123456").leads("/?over=1")
}

// A cookie of one level opens no other.
func TestLevelsNeverPassForOneAnother(t *testing.T) {
	w := newWorld()
	setup, full := w.open(account.TokenSetup), w.open(account.TokenSession)
	w.sessions[setup.Token].Stage = enroll.StageConfirm
	b := settingUp(t, w)
	asSession := func(token account.Secret) *browser {
		other := open(t, w)
		other.get("/").post("/sign-in", "name", "alice", "password", "single").leads("/home")
		c := *other.cookies["__Host-sallyport-session"]
		c.Value = b64(token.Reveal())
		other.cookies[c.Name] = &c
		return other
	}
	asSession(setup.Token).get("/home").leads("/?over=1")
	asSession("proof").get("/home").leads("/?over=1")
	c := b.cookies["__Host-sallyport-pending"]
	for _, value := range []string{"s." + b64(full.Token.Reveal()), "c." + b64(setup.Token.Reveal()), b64(setup.Token.Reveal()), "s.%%%", "s."} {
		c.Value = value
		b.cookies = map[string]*http.Cookie{c.Name: c}
		b.get("/setup").follow().says(200, "Your normal password")
	}
}

// The server alone says which step comes next.
func TestStepsCannotBeSkipped(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	b.get("/").post("/sign-in", "name", "alice", "password", "invited").leads("/setup").says(200, "Unlock code")
	b.post("/setup/confirm", "code", "123456").says(422, "Unlock code")
	for _, path := range []string{"/home", "/phone", "/codes", "/passwords/new"} {
		b.get(path).follow().says(200, "Unlock code")
	}
	b.get("/code").leads("/").leads("/setup")
}

// No GET changes state.
func TestGetChangesNothing(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	w.did = nil
	for path := range routes(Config{}) {
		b.get(path + "?ticket=entry&id=d1&code=123456&program=mac&kept=yes&form=" + b.fields["form"])
	}
	if len(w.did) != 0 {
		t.Errorf("GET did %v", w.did)
	}
}

// Forms from elsewhere, forms that say nothing, and forms without the
// token of their own session are refused before anything is asked.
func TestForgedForms(t *testing.T) {
	head := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("Origin")
			r.Header.Del("Sec-Fetch-Site")
			for i := 0; i < len(pairs); i += 2 {
				r.Header.Set(pairs[i], pairs[i+1])
			}
		}
	}
	for name, tc := range map[string]struct {
		edit   func(*http.Request)
		form   string
		status int
	}{
		"own page":             {head("Origin", "https://login.example.org", "Sec-Fetch-Site", "same-origin"), "", 303},
		"own page, old":        {head("Origin", "https://login.example.org"), "", 303},
		"old and no-referrer":  {head("Origin", "null"), "", 303},
		"null without token":   {head("Origin", "null"), "x", 403},
		"says nothing":         {head(), "", 403},
		"other site":           {head("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), "", 403},
		"other site, old":      {head("Origin", "https://evil.example"), "", 403},
		"sister site":          {head("Origin", "https://x.example.org", "Sec-Fetch-Site", "same-site"), "", 403},
		"null from other site": {head("Origin", "null", "Sec-Fetch-Site", "cross-site"), "", 403},
		"wrong token":          {head("Sec-Fetch-Site", "same-origin"), "AAAA", 403},
		"json":                 {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, "", 415},
		"text":                 {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "", 415},
	} {
		w := newWorld()
		b := signedIn(t, w)
		w.did = nil
		pairs := []string{}
		if tc.form != "" {
			pairs = []string{"form", tc.form}
		}
		b.edit = tc.edit
		b.post("/sign-out", pairs...)
		if b.res.StatusCode != tc.status || (tc.status == 303) != (len(w.did) == 1) {
			t.Errorf("%s: status %d, want %d; did %v", name, b.res.StatusCode, tc.status, w.did)
		}
	}
}

// Login CSRF: nobody can be signed in from a form that their own
// browser did not fetch, and tokens of one session do not fit another's.
func TestLoginCSRF(t *testing.T) {
	w := newWorld()
	attacker, victim := open(t, w).get("/"), open(t, w)
	victim.h = attacker.h
	victim.post("/sign-in", "form", attacker.fields["form"], "name", "alice", "password", "right").says(403, "Please try again")
	if len(w.attempts) != 0 {
		t.Error("a forged sign-in was judged")
	}
	victim.post("/sign-in", "name", "alice", "password", "right").leads("/code") // the page that came back works
	a, v := signedIn(t, w), signedIn(t, w)
	v.post("/sign-out", "form", a.fields["form"]).says(403)
}

func TestMethodsAndSizes(t *testing.T) {
	b := signedIn(t, newWorld())
	for path, allow := range map[string]string{"/": "GET, HEAD", "/home": "GET, HEAD", "/code": "GET, HEAD, POST", "/sign-out": "GET, HEAD, POST"} {
		for _, method := range []string{"PUT", "DELETE", "OPTIONS", "TRACE"} {
			if b.send(method, path).says(405); b.res.Header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow = %q, want %q", method, path, b.res.Header.Get("Allow"), allow)
			}
		}
	}
	b.get("/home")
	b.post("/passwords/new", "label", strings.Repeat("a", 16<<10)).says(413, "could not read")
	b.get("/home")
	b.post("/passwords/new", "program", "other", "label", strings.Repeat("ä", 65)).says(422, "at most 64")
}

// The address comes from a trusted proxy's right-most hop or from the
// socket, and from nothing that a client can write.
func TestClientAddress(t *testing.T) {
	for _, tc := range []struct{ peer, forwarded, want string }{
		{"203.0.113.9:5000", "", "203.0.113.9"},
		{"203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
		{"10.0.0.1:5000", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:5000", "1.2.3.4, 198.51.100.1, 10.0.0.7", "198.51.100.1"},
		{"10.0.0.1:5000", "1.2.3.4, rubbish", "10.0.0.1"},
		{"10.0.0.1:5000", "", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5000", "2001:db8::1", "2001:db8::1"},
		{"@", "198.51.100.1", "198.51.100.1"},
		{"@", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
		{"@", "rubbish", "invalid IP"},
	} {
		w := newWorld()
		cfg := w.config()
		cfg.TrustedProxies = append(cfg.TrustedProxies, prefix("10.0.0.0/8"))
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b := &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
		b.edit = func(r *http.Request) {
			r.RemoteAddr = tc.peer
			r.Header.Set("X-Forwarded-For", tc.forwarded)
			r.Header.Set("User-Agent", strings.Repeat("ü", 300))
		}
		b.get("/").post("/sign-in", "name", "a", "password", "wrong")
		if got := w.attempts[0].Client; got.Addr.String() != tc.want || len(got.Agent) > 256 {
			t.Errorf("%s, %q: client %s (agent %d bytes), want %s", tc.peer, tc.forwarded, got.Addr, len(got.Agent), tc.want)
		}
	}
}

// Everything that people or directories can name is text, never markup.
func TestHostileNames(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=a>{{.Form}}`
	w := newWorld()
	b := signedIn(t, w)
	for _, v := range w.sessions {
		v.Subject.DisplayName, v.Subject.Name = evil, evil
		v.Devices[0].Label, v.Services = evil, []string{evil, "dav"}
		v.AppPasswords = []account.Record{{ID: evil, Label: evil, Services: []string{evil}}}
	}
	pages := []string{b.get("/home").body, b.get("/passwords/new").body, b.post("/passwords/new", "program", "other", "label", evil, "service", "dav").says(200).body,
		b.get("/passwords/remove?id=" + urlQuery(evil)).says(200).body}
	stranger := open(t, w)
	pages = append(pages, stranger.get("/").post("/sign-in", "name", evil, "password", "wrong").body,
		stranger.get("/enroll?ticket="+urlQuery(evil)).body)
	for i, body := range pages {
		if strings.Contains(body, "<script>") || strings.Count(body, "<script ") != 1 || strings.Contains(body, "<img src=x") {
			t.Errorf("page %d lets markup through:\n%s", i, body)
		}
	}
}

// What people type and what the page shows is in no log line and in no
// address.
func TestSecretsStayOut(t *testing.T) {
	var log strings.Builder
	w := newWorld()
	cfg := w.config()
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
	b.get("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup").post("/setup/begin").leads("/setup")
	w.fail["Confirm"] = errors.New("the store is away")
	b.post("/setup/confirm", "code", "123456").says(503)
	w.fail["Open"] = account.ErrUnavailable
	w.tickets["enroll"] = enroll.Session{Kind: account.TokenSetup}
	b.get("/enroll?ticket=enroll").post("/enroll").says(503)
	if !strings.Contains(log.String(), "the store is away") {
		t.Error("an outage is not in the log")
	}
	for _, secret := range []string{"owes", "123456", "ticket=", "setup-1", seed, b.fields["form"]} {
		if secret != "" && strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}

func TestConfigIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no engine":             func(c *Config) { c.Judge = nil },
		"no clock":              func(c *Config) { c.Now = nil },
		"no service":            func(c *Config) { c.Service = "" },
		"no address":            func(c *Config) { c.BaseURL = "" },
		"plain http":            func(c *Config) { c.BaseURL = "http://127.0.0.1:8080" },
		"insecure, not at home": func(c *Config) { c.BaseURL, c.Insecure = "http://login.example.org", true },
		"insecure with https":   func(c *Config) { c.Insecure = true },
		"form of address":       func(c *Config) { c.German = "Sie" },
		"language":              func(c *Config) { c.Lang = "fr" },
		"texts":                 func(c *Config) { c.TextsDir = "/nonexistent" },
	} {
		cfg := newWorld().config()
		if spoil(&cfg); func() error { _, err := New(cfg); return err }() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
