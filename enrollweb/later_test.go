package enrollweb

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// grace is the leave of somebody who has so many days left.
func grace(days int) records.Leave {
	return records.Leave{Why: "grace", Bridge: true, DaysLeft: days, Due: time.Date(2026, 11, 23+days, 0, 0, 0, 0, time.UTC)}
}

// withLeave is somebody in the set-up who has leave.
func withLeave(t *testing.T, w *world, l records.Leave) *browser {
	t.Helper()
	b := open(t, w).get("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
	w.edit(func(v *enroll.View) { v.Leave = l })
	return b.get("/setup")
}

// While the grace runs the page says for how long, and lets people go; without
// leave there is neither.
func TestLaterOnlyWhileTheGraceRuns(t *testing.T) {
	w := newWorld()
	b := withLeave(t, w, grace(8))
	b.says(200, "until 30 November 2026, that is 8 days", `action="/later"`, "From now on you need two things")
	b.post("/later").says(200, "All right, later", "Until 30 November 2026 your normal password is enough")
	if len(w.sessions) != 0 || b.cookie("pending") != "" {
		t.Errorf("left behind: %v, %v", w.sessions, b.cookies)
	}
	b.get("/setup").leads("/")

	withLeave(t, newWorld(), grace(1)).says(200, "Today, 23 November 2026, is the last day")

	w = newWorld()
	b = withLeave(t, w, records.Leave{Why: "exempt"})
	b.says(200, "You need not set it up, but you can", `action="/later"`)
	if strings.Contains(b.body, `id="left"`) || strings.Contains(b.body, "From now on") {
		t.Error("somebody exempt is told of a day, or that they have to")
	}
	b.post("/later").says(200, "You can set it up whenever you sign in here.")

	// After a reset there are days and a bridge, and no leave.
	b = withLeave(t, newWorld(), records.Leave{DaysLeft: 8, Due: grace(8).Due, Bridge: true})
	if strings.Contains(b.body, "/later") || strings.Contains(b.body, `id="left"`) {
		t.Error("days that are left for programs are told as leave")
	}
	b.post("/setup/begin").leads("/setup").says(200, "Until 30 November 2026, or until the first of them uses one")

	w = newWorld()
	b = withLeave(t, w, records.Leave{})
	if strings.Contains(b.body, "/later") || strings.Contains(b.body, `id="left"`) {
		t.Error("without leave there is a later")
	}
	b.post("/later").leads("/setup")
	if len(w.sessions) != 1 {
		t.Error("a later that is none ended the session")
	}
}

// The day may come while the page is open: what it said before does not count.
func TestLaterIsAskedAnew(t *testing.T) {
	w := newWorld()
	b := withLeave(t, w, grace(1))
	w.edit(func(v *enroll.View) { v.Leave = records.Leave{} })
	b.post("/later").leads("/setup")
	if strings.Contains(b.body, "/later") {
		t.Error("it still offers to do it later")
	}
	b = withLeave(t, newWorld(), grace(3))
	b.post("/later", "form", "x").says(403)
}

// Who came from an application goes on to it; a host that takes people over does
// so with the session that stays.
func TestLaterGoesOnToTheApplication(t *testing.T) {
	w := newWorld()
	b := fromApp(t, w, "/?").leads("/back").leads("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
	w.edit(func(v *enroll.View) { v.Leave = grace(3) })
	b.post("/later").sentOn(app)
	if len(w.sessions) != 0 {
		t.Error("a session is left")
	}

	w = newWorld()
	b = fromGate(t, w, "&bind="+proof).post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
	b.post("/later").leads("/setup")
	if count(w.did, "Hand") != 0 {
		t.Error("somebody without leave was handed over")
	}
	w.edit(func(v *enroll.View) { v.Leave = grace(3) })
	b.post("/later").sentOn(wiki + "/.sallyport/enter?code=code-for-wiki.example.org-" + proof)
	if len(w.sessions) != 1 {
		t.Error("the session that the visit hangs on is gone")
	}
}

// The page says which devices still send the normal password, and how long that
// works.
func TestBridgedDevicesAreNamed(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	if strings.Contains(b.get("/home").body, `id="bridged"`) {
		t.Error("nobody is on a bridge, and it is spoken of")
	}
	w.edit(func(v *enroll.View) {
		v.Leave = grace(8)
		v.Bridged = []account.Event{{At: now().Add(-time.Hour), Service: "dav", Agent: "iOS/17.5 (21F79) dataaccessd/1.0", Reason: account.OK}}
	})
	b.get("/home").says(200, "A device still uses your normal password", "iPhone", "That works until 30 November 2026")
}
