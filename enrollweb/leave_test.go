package enrollweb

import (
	"net/http"
	"strings"
	"testing"
)

// Whoever begins the set-up on a shared computer can leave at every step; the
// key that was shown and a cookie that somebody kept are worthless then.
func TestTheSetUpCanBeLeftAtEveryStep(t *testing.T) {
	for name, walk := range map[string]func(*browser){
		"invite": func(b *browser) {
			b.post("/sign-in", "name", "alice", "password", "invited").leads("/setup").says(200, "Unlock code")
		},
		"begin": func(b *browser) {
			b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup").says(200, "three steps")
		},
		"confirm": func(b *browser) {
			b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
			b.post("/setup/begin").leads("/setup").says(200, "JBSW")
		},
		"confirm after a slip": func(b *browser) {
			b.post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
			b.post("/setup/begin").leads("/setup")
			b.post("/setup/confirm", "code", "000000").says(422, "JBSW")
		},
	} {
		w := newWorld()
		b := open(t, w)
		walk(b.get("/"))
		b.says(b.res.StatusCode, `action="/sign-out"`, "Sign out")
		kept := *b.cookies["__Host-sallyport-pending"]
		form := b.fields["form"]
		b.send(http.MethodGet, "/sign-out").leads("/setup").says(200)
		b.post("/sign-out").leads("/?bye=1").says(200, "You are signed out.")
		if len(w.sessions) != 0 || b.cookie("pending") != "" || b.cookie("session") != "" {
			t.Errorf("%s: left behind: %v, cookies %v", name, w.sessions, b.cookies)
		}
		for _, path := range []string{"/setup/invite", "/setup/begin", "/setup/confirm", "/sign-out"} {
			thief := open(t, w)
			thief.cookies[kept.Name] = &kept
			thief.post(path, "form", form, "code", "123456").leads("/?over=1")
		}
		thief := open(t, w)
		thief.cookies[kept.Name] = &kept
		if thief.get("/setup").leads("/?over=1"); strings.Contains(thief.body, "JBSW") {
			t.Errorf("%s: the key is shown to a kept cookie", name)
		}
	}
}

// Leaving is asked of the session whose form it is: a foreign form signs nobody
// out, and the ticket between the two doors is no session to sign out of.
func TestLeavingTakesTheSessionsOwnForm(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	b.post("/sign-out", "form", "x").says(403)
	if len(w.sessions) != 1 || b.cookie("pending") == "" {
		t.Error("a foreign form ended the set-up")
	}
	between := open(t, w)
	between.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code")
	if strings.Contains(between.body, "/sign-out") {
		t.Error("the code step offers to sign out")
	}
	between.post("/sign-out").leads("/?over=1")
}
