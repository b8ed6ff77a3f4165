package enrollweb

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// browser talks to the page the way that a browser without JavaScript does: it
// keeps cookies, follows nothing by itself, and sends the fields of the last
// form it saw.
type browser struct {
	t       *testing.T
	h       http.Handler
	cookies map[string]*http.Cookie
	fields  map[string]string
	lang    string
	body    string
	res     *http.Response
	edit    func(*http.Request)
}

func open(t *testing.T, w *world) *browser {
	t.Helper()
	h, err := New(w.config())
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
}

func hiddenField(body, name string) string {
	m := regexp.MustCompile(`name="`+name+`" value="([^"]*)"`).FindAllStringSubmatch(body, -1)
	if m == nil {
		return ""
	}
	return m[len(m)-1][1]
}

// send makes one request; pairs are form fields on top of the hidden ones.
func (b *browser) send(method, path string, pairs ...string) *browser {
	b.t.Helper()
	form := url.Values{}
	for name, value := range b.fields {
		form.Set(name, value)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "device" && slices.Contains(pairs[:i], pairs[i]) { // several ticks of one name
			form.Add(pairs[i], pairs[i+1])
			continue
		}
		form.Set(pairs[i], pairs[i+1])
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "https://login.example.org"+path, body)
	r.Header.Set("Accept-Language", b.lang)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null") // as browsers do under no-referrer
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	if b.edit != nil {
		b.edit(r)
	}
	rec := httptest.NewRecorder()
	b.h.ServeHTTP(rec, r)
	b.res, b.body = rec.Result(), rec.Body.String()
	for _, c := range b.res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	if b.res.StatusCode != http.StatusSeeOther {
		b.fields = map[string]string{}
		for _, name := range []string{"form", "once", "next", "ticket", "id", "emergency", "step", "again"} {
			if value := hiddenField(b.body, name); value != "" {
				b.fields[name] = value
			}
		}
	}
	return b
}

func (b *browser) get(path string) *browser { b.t.Helper(); return b.send(http.MethodGet, path) }
func (b *browser) post(path string, pairs ...string) *browser {
	b.t.Helper()
	return b.send(http.MethodPost, path, pairs...)
}

// leads expects a redirection and goes there.
func (b *browser) leads(to string) *browser {
	b.t.Helper()
	if b.res.StatusCode != http.StatusSeeOther || b.res.Header.Get("Location") != to {
		b.t.Fatalf("got %d to %q, want a way to %q\n%s", b.res.StatusCode, b.res.Header.Get("Location"), to, b.body)
	}
	return b.get(to)
}

// says expects a page with a status that holds all the texts.
func (b *browser) says(status int, texts ...string) *browser {
	b.t.Helper()
	if b.res.StatusCode != status {
		b.t.Fatalf("status %d (to %q), want %d\n%s", b.res.StatusCode, b.res.Header.Get("Location"), status, b.body)
	}
	for _, text := range texts {
		if !strings.Contains(b.body, text) {
			b.t.Fatalf("page does not say %q:\n%s", text, b.body)
		}
	}
	return b
}

func (b *browser) cookie(name string) string {
	if c := b.cookies["__Host-sallyport-"+name]; c != nil {
		return c.Value
	}
	return ""
}

// signedIn is a browser at home, past both doors.
func signedIn(t *testing.T, w *world) *browser {
	t.Helper()
	b := open(t, w)
	b.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code")
	return b.post("/code", "code", "123456").leads("/home").says(200, "Alice Ahrens")
}

// settingUp is a browser at the step that shows the key.
func settingUp(t *testing.T, w *world) *browser {
	t.Helper()
	b := open(t, w)
	b.get("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup").says(200, "Set up in three steps")
	return b.post("/setup/begin").leads("/setup").says(200, "Connect your phone")
}

func TestSetUpFromPasswordToAppPassword(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	b.get("/").says(200, "Your normal password")
	b.post("/sign-in", "name", "alice", "password", "invited").leads("/setup").says(200, "Unlock code (from support)")
	b.post("/setup/invite", "code", "guess").says(422, `role="alert"`, "This unlock code is not right")
	b.post("/setup/invite", "code", "open-sesame").leads("/setup").says(200, "You can use any authenticator app")
	b.post("/setup/begin").leads("/setup").says(200, "JBSW", "data:image/png;base64,", `href="otpauth://totp/`,
		`inputmode="numeric"`, `autocomplete="one-time-code"`, "your normal password no longer works")
	b.post("/setup/confirm", "code", "123 456").says(200, "k7m20-9qxvd-hz4t0", "identity card", "required")
	b.post("/codes/kept", "kept", "yes").leads("/devices").says(200, "Which devices sync your calendar?")
	b.post("/devices", "device", "thunderbird").leads("/devices/step?n=1").says(200, "Device 1 of 1: Thunderbird")
	b.post("/passwords/new", "program", "thunderbird").says(200, "<span>k7m2-</span><wbr><span>9qxv-</span>", "alice", "Thunderbird")
	b.get("/home").says(200, "Thunderbird", "not used yet", "10 emergency codes")
	b.get("/passwords/remove?id=p1").says(200, "“Thunderbird” then no longer gets at your data")
	b.post("/passwords/remove").leads("/home?note=removed").says(200, "no longer works", "None yet")
	b.post("/sign-out").leads("/?bye=1").says(200, "You are signed out.")
	if len(w.sessions) != 0 {
		t.Errorf("%d sessions are left behind", len(w.sessions))
	}
	if a := w.attempts[0]; a.Service != "web" || a.FrontEnd != "page" || !a.WantTicket || a.Peer.UID != -1 {
		t.Errorf("attempt = %+v", a)
	}
}

func TestCodeStep(t *testing.T) {
	for _, tc := range []struct {
		code   string
		status int
		says   string
	}{
		{"", 422, "Please type the code."},
		{"000000", 422, "This code is not right."},
		{"111111", 422, "has been used already"},
		{"222222", 422, "about 3 minutes slow"},
		{"444444", 429, "wait 10 minutes"},
		{"555555", 503, "it is not your password"},
	} {
		b := open(t, newWorld())
		b.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code")
		b.post("/code", "code", tc.code).says(tc.status, tc.says)
		if (tc.status != 422) != (b.res.Header.Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After = %q with status %d", tc.code, b.res.Header.Get("Retry-After"), tc.status)
		}
		if tc.status != 503 {
			b.says(tc.status, `aria-describedby="code-hint problem"`, `aria-invalid="true"`)
			b.post("/code", "code", "12 34 56").leads("/home")
		}
	}
	b := open(t, newWorld())
	b.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code").says(200, "tel:&#43;4930123456")
	b.get("/code?emergency=1").says(200, "Emergency code", `name="emergency"`)
	b.post("/code", "code", "x").says(422, "This emergency code is not right")
	b.post("/code", "code", "333333").leads("/?over=1").says(200, "You are no longer signed in")
	if b.cookie("pending") != "" {
		t.Error("a dead ticket stays in the browser")
	}
}

// A stranger learns nothing: rule 12 of contrib/docs/rules.md, for the page.
func TestStrangersSeeTheSameBytes(t *testing.T) {
	var want string
	for _, password := range []string{"wrong", "nobody", "off", "locked", "vetoed"} {
		b := open(t, newWorld())
		b.get("/").post("/sign-in", "name", "someone", "password", password)
		b.says(422, "The login name or the password is not right.")
		got := strings.ReplaceAll(b.body, b.fields["form"], "FORM")
		head := b.res.Header
		head.Del("Set-Cookie")
		for _, name := range []string{"Cache-Control", "Content-Type", "Content-Language"} {
			got += "\n" + name + ": " + head.Get(name)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: a different page than for a wrong password", password)
		}
	}
	b := open(t, newWorld())
	b.get("/").post("/sign-in", "name", "a", "password", "slow").says(429, "Too many tries. Please wait 2 minutes")
	if got := b.res.Header.Get("Retry-After"); got != "90" {
		t.Errorf("Retry-After = %q", got)
	}
	b.post("/sign-in", "name", "a", "password", "down").says(503, "it is not your password")
	if got := b.res.Header.Get("Retry-After"); got != "20" {
		t.Errorf("Retry-After = %q", got)
	}
	b.get("/").post("/sign-in", "name", "a", "password", "").says(422, "Please enter")
}

// The link from a web application comes without our cookies, SameSite=Strict.
func TestLinkIsRedeemedByItsButtonOnly(t *testing.T) {
	w := newWorld()
	w.tickets["enroll"] = w.open("setup")
	b := open(t, w)
	for range 2 { // a mail scanner first
		b.get("/enroll?ticket=enroll").says(200, "Set up now")
		if len(w.tickets) != 1 {
			t.Fatal("a GET redeemed the ticket")
		}
	}
	if strings.Count(b.body, `"enroll"`) != 1 || strings.Contains(b.body, "=enroll") || strings.Contains(b.body, "?ticket=") {
		t.Errorf("the ticket stands in more than its field:\n%s", b.body)
	}
	b.post("/enroll").leads("/setup").says(200, "Set up in three steps")
	b.get("/enroll?ticket=enroll").post("/enroll").says(410, "This link no longer works")
	b.get("/enroll").leads("/")
}

func TestReplacePhone(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	old := b.cookie("session")
	b.get("/phone").says(200, "Until that is done")
	b.post("/phone/begin").leads("/phone").says(200, "JBSW", "codes from the old phone no longer work")
	b.post("/phone/confirm", "code", "222222").says(422, "3 minutes slow", "JBSW")
	b.post("/phone/confirm", "code", "123456").leads("/home?note=phone").says(200, "from the new phone work")
	if b.cookie("session") == old || b.cookie("session") == "" {
		t.Error("the session kept its id when the factors changed")
	}
}

func TestStaleSessionsSignInAgainAndComeBack(t *testing.T) {
	for _, path := range []string{"/phone", "/passwords/new", "/codes"} {
		w := newWorld()
		b := signedIn(t, w)
		for _, v := range w.sessions {
			v.Fresh = false
		}
		b.get(path).says(200, "Please sign in again", "again=1&amp;next="+strings.ReplaceAll(path, "/", "%2f"))
		b.get("/?again=1&next="+path).says(200, "After that you continue where you were")
		b.post("/sign-in", "name", "alice", "password", "right").leads("/code?next=" + path)
		b.post("/code", "code", "123456").leads(path).says(200)
		if len(w.sessions) != 1 {
			t.Errorf("%s: %d sessions after signing in again, want 1", path, len(w.sessions))
		}
	}
	w := newWorld()
	b := signedIn(t, w)
	b.get("/codes")
	w.did = nil
	for _, v := range w.sessions {
		v.Fresh = false
	}
	for _, path := range []string{"/codes", "/passwords/new", "/passwords/remove", "/phone/begin", "/phone/confirm"} {
		b.post(path, "program", "mac", "id", "d1", "code", "123456").says(403, "Please sign in again")
	}
	if len(w.did) != 0 {
		t.Errorf("a stale session did %v", w.did)
	}
	b.get("/?again=1&next=https://evil.example/").says(200)
	if b.fields["next"] != "" {
		t.Errorf("next = %q leads out of the page", b.fields["next"])
	}
}

func TestServicesOfAnAppPassword(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	if b.get("/passwords/new"); strings.Contains(b.body, `name="service"`) {
		t.Error("a choice of one service is no choice")
	}
	for _, v := range w.sessions {
		v.Services = []string{"dav", "imap"}
	}
	b.get("/passwords/new").says(200, "Calendar and contacts", "E-mail")
	b.post("/passwords/new", "program", "mac").says(422, "Please choose what")
	b.post("/passwords/new", "program", "mac", "service", "admin").says(422, "Please choose what")
	b.post("/passwords/new", "program", "mac", "service", "imap").says(200, "k7m2")
	if got := w.wishes[len(w.wishes)-1]; got.Label != "Mac" || len(got.Services) != 1 || got.Services[0] != "imap" {
		t.Errorf("wish = %+v", got)
	}
}

// A link from elsewhere comes without the Strict cookies; it must not sign out.
func TestLinkFromElsewhereDoesNotSignOut(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	b.edit = func(r *http.Request) { r.Header.Del("Cookie") }
	b.get("/home").leads("/").says(200, "Sign in")
	if strings.Contains(b.body, "no longer signed in") {
		t.Error("somebody whose cookie was kept back is told that they are not signed in")
	}
	b.edit = nil
	b.get("/home").says(200, "Alice Ahrens")
}
