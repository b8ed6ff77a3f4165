package enrollweb

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// The start leads to where the browser is: a second sign-in in the middle of the
// set-up would make a second key, and the one in the phone would be wrong.
func TestTheStartLeadsToWhereOneIs(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	b.get("/").leads("/setup").says(200, "JBSW")
	if len(w.sessions) != 1 || count(w.did, "Begin") != 1 {
		t.Errorf("%d sessions, did %v", len(w.sessions), w.did)
	}
	clear(w.sessions)
	b.get("/").leads("/setup").leads("/?over=1").says(200, "no longer signed in")

	b = open(t, newWorld())
	b.get("/?next=/codes").post("/sign-in", "name", "alice", "password", "right").leads("/code?next=/codes")
	b.get("/?next=/codes").leads("/code?next=/codes").says(200, "6-digit code")
	b.press("Sign in with another login name").says(200, "Your normal password")
	if b.fields["next"] != "/codes" {
		t.Error("with another name it goes somewhere else")
	}
	b.get("/").leads("/code")
	delete(b.cookies, "__Host-sallyport-code") // the browser forgets it after five minutes
	b.get("/").says(200, "Your normal password")

	b = signedIn(t, newWorld())
	b.get("/?next=/codes").leads("/codes").says(200, "Make new emergency codes")
}

// What passes says so, and its button tries again where one was.
func TestTryAgainWhereOneWas(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*world, *browser)
		want string
	}{
		"sign-in": {func(_ *world, b *browser) {
			b.get("/?next=/codes").post("/sign-in", "name", "a", "password", "down").says(503)
		}, `href="/?next=%2Fcodes">Try again`},
		"code": {func(_ *world, b *browser) {
			b.get("/?next=/codes").post("/sign-in", "name", "alice", "password", "right").leads("/code?next=/codes")
			b.post("/code", "code", "555555").says(503)
		}, `href="/code?next=%2Fcodes">Try again`},
		"link": {func(w *world, b *browser) {
			w.fail["Open"] = account.ErrUnavailable
			b.get("/enroll?ticket=enroll").post("/enroll").says(503)
		}, `<button>Try again</button>`},
		"link, too often": {func(w *world, b *browser) {
			w.fail["Open"] = &enroll.Refusal{Reason: account.Throttled, RetryAfter: 90e9}
			b.get("/enroll?ticket=enroll").post("/enroll").says(429, "Please wait 2 minutes")
		}, `<button>Try again</button>`},
		"an old form": {func(_ *world, b *browser) {
			b.get("/enroll?ticket=enroll").post("/enroll", "form", "x").says(403, "open for too long")
		}, `href="/enroll">Try again`},
		"a file": {func(_ *world, b *browser) {
			b.get("/").post("/sign-in", "name", "alice", "password", "single").leads("/home")
			b.post("/codes/file", "form", "x", "code", "k7m2").says(403)
		}, `href="/">Try again`},
		"nowhere": {func(_ *world, b *browser) { b.get("//evil.example/x").says(404) }, `href="/?lang=de"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b := open(t, w)
			tc.do(w, b)
			b.says(b.res.StatusCode, tc.want)
			if strings.Contains(b.body, "ticket=") || strings.Contains(b.body, `"//`) {
				t.Errorf("a link holds a ticket, or leads to another host:\n%s", b.body)
			}
		})
	}
	w := newWorld()
	w.fail["Open"] = account.ErrUnavailable
	w.tickets["enroll"] = enroll.Session{Kind: account.TokenSetup}
	b := open(t, w)
	b.get("/enroll?ticket=enroll").post("/enroll").says(503)
	delete(w.fail, "Open")
	b.post("/enroll").leads("/setup")
}

// Nobody is told that they are no longer signed in who perhaps never were; and
// where they wanted to go is kept.
func TestABookmarkIsNoEndOfASession(t *testing.T) {
	for path, to := range map[string]string{
		"/home": "/", "/setup": "/", "/code": "/", "/passwords/new": "/?next=%2Fpasswords%2Fnew",
		"/phones/lost?id=d1": "/?next=%2Fphones%2Flost%3Fid%3Dd1", "/devices/step?n=2": "/?next=%2Fdevices%2Fstep%3Fn%3D2",
	} {
		b := open(t, newWorld())
		if b.get(path).leads(to).says(200, "Your normal password"); strings.Contains(b.body, "no longer signed in") {
			t.Errorf("%s: a stranger is told that they are no longer signed in", path)
		}
	}
	b := open(t, newWorld())
	b.get("/passwords/new").leads("/?next=%2Fpasswords%2Fnew").post("/sign-in", "name", "alice", "password", "right").leads("/code?next=/passwords/new")
	b.post("/code", "code", "123456").leads("/passwords/new").says(200, "New app password")
}

// Only our own pages come after a sign-in, and only ids that can be ours.
func TestNextIsOneOfOurPages(t *testing.T) {
	good := []string{"/codes", "/phone", "/phone?id=d1", "/phones/lost", "/phones/lost?id=0a-Z", "/phones/remove?id=d1", "/passwords/remove?id=d1", "/devices/step?n=3",
		"/passwords/profile?id=p1", "/passwords/profile?id=p1&program=mac"}
	bad := []string{"", "/home", "//evil.example/", "https://evil.example/?id=d1", "/codes?id=d1", "/phone?id=", "/phone?id=d1&x=y", "/phone?id=d1#x",
		"/phones/remove", "/passwords/remove?id=" + strings.Repeat("a", 65), "/phone?id=..%2f", "/devices/step?n=0", "/phone?id=d1?id=d2",
		"/passwords/profile?program=mac", "/passwords/profile?id=p1&program=", "/passwords/profile?id=p1&program=mac&x=y", "/passwords/profile?id=p1&x=y", "/phone?id=d1&program=mac"}
	for _, next := range good {
		if got := visit.Next(url.Values{"next": {next}}); got != next {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	for _, next := range bad {
		if got := visit.Next(url.Values{"next": {next}}); got != "" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}
