package enrollweb

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	wiki  = "https://wiki.example.org"
	proof = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg" // a SHA-256 sum
)

// fromGate is a browser that the web server of an application has sent.
func fromGate(t *testing.T, w *world, query string) *browser {
	t.Helper()
	w.gates = []string{wiki}
	return open(t, w).get("/?return=" + url.QueryEscape(wiki+"/") + query).leads("/back").leads("/")
}

func TestHandOver(t *testing.T) {
	w := newWorld()
	b := fromGate(t, w, "&bind="+proof).post("/sign-in", "name", "alice", "password", "right").leads("/code")
	if count(w.did, "Hand") != 0 {
		t.Fatal("somebody was handed over after the password alone")
	}
	b.post("/code", "code", "123456").leads("/back").sentOn(wiki + "/.sallyport/enter?code=" + "code-for-wiki.example.org-" + proof)
	for _, name := range []string{"Location", "Set-Cookie", "Link"} {
		if got := strings.Join(b.res.Header.Values(name), " "); strings.Contains(got, "code") {
			t.Errorf("the code stands in %s: %s", name, got)
		}
	}
	if got := b.res.Header.Get("Referrer-Policy") + b.res.Header.Get("Cache-Control"); got != "no-referrerno-store" {
		t.Errorf("%s", got)
	}
	// The next time nothing is asked, and the code is another one's.
	b.get("/?return="+url.QueryEscape(wiki+"/x")+"&bind="+proof).leads("/back").says(200, "enter?code=")
	if n := count(w.did, "Hand"); n != 2 {
		t.Errorf("handed over %d times", n)
	}
}

// Without a proof, or with what is none, nobody is handed over: the application
// is gone to, and its web server asks for one.
func TestHandOverNeedsAProof(t *testing.T) {
	for _, bind := range []string{"", "&bind=", "&bind=x", "&bind=" + proof + "A"} {
		w := newWorld()
		b := fromGate(t, w, bind).post("/sign-in", "name", "alice", "password", "right").leads("/code")
		b.post("/code", "code", "123456").leads("/back").sentOn(wiki + "/")
		if count(w.did, "Hand") != 0 {
			t.Errorf("%q: handed over", bind)
		}
	}
	// Nor at an application that is only gone back to.
	w := newWorld()
	b := signedIn(t, w)
	b.get("/?return=" + url.QueryEscape(app) + "&bind=" + proof).leads("/back").sentOn(app)
	if count(w.did, "Hand") != 0 {
		t.Error("handed over to an application without a gate")
	}
}

func TestHandOverAfterTheSetUp(t *testing.T) {
	w := newWorld()
	b := fromGate(t, w, "&bind="+proof).post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
	b.get("/back").leads("/").leads("/setup").says(200) // not yet
	b.get("/setup").post("/setup/begin").leads("/setup").post("/setup/confirm", "code", "123456").says(200, "k7m20").stays()
	if count(w.did, "Hand") != 0 {
		t.Fatal("somebody was handed over in the middle of the set-up")
	}
	b.post("/codes/kept", "kept", "yes").leads("/devices").says(200, "Continue to wiki.example.org").stays()
	b.get("/back").says(200, "enter?code=")
}

func TestHandOverThatFails(t *testing.T) {
	w := newWorld()
	b := fromGate(t, w, "&bind="+proof).post("/sign-in", "name", "alice", "password", "right").leads("/code").post("/code", "code", "123456")
	w.fail["Hand"] = account.ErrUnavailable
	b.leads("/back").says(503).stays()
	delete(w.fail, "Hand")
	b.get("/back").says(200, "enter?code=")
	b.get("/?return=" + url.QueryEscape(wiki+"/") + "&bind=" + proof)
	w.fail["Hand"] = account.ErrNotFound
	b.leads("/back").leads("/?over=1").says(200, "no longer signed in")
	cfg := w.config()
	if cfg.Visits = nil; cfg.Origins == nil {
		t.Fatal("the world has no gates")
	}
	if _, err := New(cfg); err == nil {
		t.Error("gates without anybody behind them")
	}
	if b.edit = func(r *http.Request) { r.Method = http.MethodPost }; b.get("/back").res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /back: %d", b.res.StatusCode)
	}
}
