package enrollweb

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// ticked are the devices that the page has ticked, and all that it offers.
func (b *browser) ticked() (on, all []string) {
	for _, m := range regexp.MustCompile(`name="device" value="([^"]*)"( checked)?`).FindAllStringSubmatch(b.body, -1) {
		all = append(all, m[1])
		if m[2] != "" {
			on = append(on, m[1])
		}
	}
	return on, all
}

// seen are programs that came with the normal password.
func seen(agents ...string) func(*enroll.View) {
	return func(v *enroll.View) { v.Programs = agents }
}

// onTour is a browser that has ticked devices after its set-up.
func onTour(t *testing.T, w *world, devices ...string) *browser {
	t.Helper()
	b := signedIn(t, w)
	b.get("/devices").says(200, "Which devices sync your calendar?")
	var pairs []string
	for _, d := range devices {
		pairs = append(pairs, "device", d)
	}
	return b.post("/devices", pairs...)
}

// labels are the app passwords that there are.
func (w *world) labels(t *testing.T) (labels []string) {
	for _, r := range w.only(t).AppPasswords {
		labels = append(labels, r.Label)
	}
	return labels
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %q, want %q", what, got, want)
	}
}

// Whoever has just kept the emergency codes finds the programs that came lately
// ticked, each once, and is led through them: one app password for each, with
// the recipe and the name that belong to it.
func TestEachSeenDeviceGetsItsOwn(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	b.post("/setup/confirm", "code", "123456").says(200, "k7m20")
	w.edit(seen("iOS/17.1 (21B74) dataaccessd/1.0", "vdirsyncer/0.19", "iOS/16.2 dataaccessd/1.0", "Mozilla/5.0 Thunderbird/128.0", "vdirsyncer/0.20"))
	b.post("/codes/kept", "kept", "yes").leads("/devices").says(200, "were here in the last few days", "What else do you use?")
	on, all := b.ticked()
	same(t, "ticked", on, "iphone", "other:vdirsyncer", "thunderbird")
	same(t, "offered", all, "iphone", "other:vdirsyncer", "thunderbird", "mac", "android", "outlook", "other")

	b.post("/devices", "device", "iphone", "device", "other:vdirsyncer", "device", "thunderbird").leads("/devices/step?n=1")
	for i, want := range []struct{ name, recipe string }{
		{"iPhone or iPad", "Open Settings"}, {"vdirsyncer", "account settings of the program"}, {"Thunderbird", "First delete the saved old password"},
	} {
		b.says(200, fmt.Sprintf("Device %d of 3: %s", i+1, want.name), `value="`+want.name+`"`)
		b.post("/passwords/new", "label", hiddenField(strings.ReplaceAll(b.body, ` type="text"`, ""), "label"))
		b.says(200, made[:4], want.recipe, fmt.Sprintf("Device %d of 3", i+1))
		next := fmt.Sprintf("/devices/step?n=%d", i+2)
		if !strings.Contains(b.body, `href="`+next+`"`) || strings.Contains(b.body, "On to device "+fmt.Sprint(i+2)) != (i < 2) {
			t.Fatalf("step %d does not lead to %s:\n%s", i+1, next, b.body)
		}
		b.get(next)
	}
	b.says(200, "Your devices", "Each device has its app password", "has not been seen yet", "<strong>vdirsyncer</strong>")
	same(t, "made", w.labels(t), "iPhone or iPad", "vdirsyncer", "Thunderbird")
	w.edit(func(v *enroll.View) { v.AppPasswords[0].LastUsed = now() })
	b.get("/devices/step?n=4").says(200, "Was seen: today, 09:30")
	if b.get("/home"); strings.Contains(b.body, "/devices/step") {
		t.Error("at home there is a way on, and nothing is left to do")
	}
}

// Where no program came, nothing is ticked and everything is offered.
func TestNoDeviceWasSeen(t *testing.T) {
	b := signedIn(t, newWorld())
	b.get("/devices").says(200, "Your devices and programs", `href="/home"`)
	on, all := b.ticked()
	same(t, "ticked", on)
	same(t, "offered", all, "iphone", "mac", "android", "thunderbird", "outlook", "other")
	w := newWorld()
	b = signedIn(t, w)
	w.edit(func(v *enroll.View) { v.Services = nil })
	b.get("/devices").leads("/home")
}

// A program that does not say what it is, or says more than a word, is something
// else, and no word of it is shown.
func TestAStrangersNameIsNoDevice(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	w.edit(seen("Your account is closed, call 0190", "<b>Evil</b>", "Mozilla/5.0 Firefox/140"))
	b.get("/devices")
	on, all := b.ticked()
	same(t, "ticked", on, "other")
	same(t, "offered", all, "other", "iphone", "mac", "android", "thunderbird", "outlook")
	if strings.Contains(b.body, "closed") || strings.Contains(b.body, "Evil") {
		t.Error("a stranger's words are on the page")
	}
	// The form can say anything, too.
	b.post("/devices", "device", "other:Call us now", "device", "toaster", "device", "mac:x", "device", "mac", "device", "mac", "device", "other:"+strings.Repeat("a", 99)).leads("/devices/step?n=1")
	b.says(200, "Device 1 of 1: Mac")
}

// Ticks can be taken away and added; with none left the way leads home, and
// nothing was made.
func TestTicksAreThePersons(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "android", "mac").leads("/devices/step?n=1").says(200, "Device 1 of 2: Android (DAVx5)", "/devices/step?n=2")
	b.get("/devices")
	on, _ := b.ticked()
	same(t, "ticked when one comes back", on, "android", "mac")
	b.post("/devices").leads("/home?note=nodevice").says(200, "No device was ticked")
	if b.cookie("devices") != "" || len(w.wishes) != 0 {
		t.Errorf("left behind: %q, %+v", b.cookie("devices"), w.wishes)
	}
	b.get("/devices/step?n=1").leads("/devices")
}

// One device can wait, all the rest, too: what is left is offered at home, and
// at the end.
func TestDevicesCanWait(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "iphone", "mac", "outlook").leads("/devices/step?n=1")
	b.get("/devices/step?n=2").says(200, "Device 2 of 3: Mac").post("/passwords/new").says(200, made[:4])
	b.get("/devices/step?n=3").says(200, "Device 3 of 3: Outlook").get("/devices/step?n=4")
	b.says(200, "2 devices have no app password yet", `href="/devices/step?n=1"`, `aria-label="Connect now: Outlook"`)
	if strings.Contains(b.body, `href="/devices/step?n=2"`) {
		t.Error("a device that is done is offered again")
	}
	b.get("/home").says(200, `href="/devices/step?n=1">Go on with your devices`)
	// The same devices and one more: what is done stays done.
	b.get("/devices").post("/devices", "device", "mac", "device", "iphone", "device", "android").leads("/devices/step?n=2").says(200, "Device 2 of 3: iPhone")
	same(t, "made", w.labels(t), "Mac")
	// Once its app password is removed, it is to be done again.
	b.get("/passwords/remove?id=p1").post("/passwords/remove", "id", "p1").leads("/home?note=removed")
	b.get("/devices/step?n=1").says(200, "Device 1 of 3: Mac", "Make app password")
}

// Reloading, going back, pressing twice and a second tab make nothing twice, and
// what was not seen can be made anew on purpose.
func TestNoDeviceGetsTwo(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "mac", "android").leads("/devices/step?n=1").says(200, "Device 1 of 2: Mac")
	form := []string{"form", hiddenField(b.body, "form"), "once", hiddenField(b.body, "once"), "step", "1", "label", "Mac"}
	before := *b.cookies["__Host-sallyport-session"]
	b.get("/devices/step?n=1") // the second tab
	other := []string{"form", hiddenField(b.body, "form"), "once", hiddenField(b.body, "once"), "step", "1", "label", "Mac"}
	b.post("/passwords/new", form...).says(200, made[:4])
	b.post("/passwords/new", form...).leads("/devices/step?n=1").says(200, "Nothing has arrived yet", "Device 1 of 2: Mac")
	b.post("/passwords/new", other...).leads("/devices/step?n=1").says(200, "Nothing has arrived yet")
	same(t, "made", w.labels(t), "Mac")

	// Pressed twice: the browser has not heard of the first answer.
	b.get("/devices/step?n=2").says(200, "Device 2 of 2")
	old := *b.cookies["__Host-sallyport-devices"]
	b.post("/passwords/new", "label", "Fairphone").says(200, made[:4])
	b.cookies["__Host-sallyport-devices"] = &old
	b.get("/home")
	b.post("/passwords/new", "form", form[1], "once", form[3], "step", "2").leads("/devices/step?n=2&note=once").says(200, "This has been done already", "Make app password")

	// The page was closed too early: a new one, and the one that nobody saw goes.
	b.get("/devices/step?n=1").says(200, `href="/devices/step?n=1&amp;again=1"`)
	b.get("/devices/step?n=1&again=1").says(200, "Device 1 of 2: Mac").post("/passwords/new", "label", "Mac anew").says(200, made[:4])
	same(t, "left", w.labels(t), "Fairphone", "Mac anew")
	if before.Value != b.cookies["__Host-sallyport-session"].Value {
		t.Error("this was another session")
	}
}

// What is refused stays on the step, with what was typed.
func TestAStepThatIsRefused(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "other").leads("/devices/step?n=1").says(200, "Device 1 of 1: Something else")
	b.post("/passwords/new", "label", strings.Repeat("x", 65)).says(422, "Please enter a name", "Device 1 of 1", `name="step" value="1"`)
	w.fail["Issue"] = &enroll.Refusal{Reason: account.NotAllowed}
	b.post("/passwords/new", "label", "KashCal").says(422, `value="KashCal"`, "Device 1 of 1")
	w.fail["Issue"] = nil
	b.post("/passwords/new", "label", "KashCal").says(200, made[:4])
	b.post("/passwords/new", "step", "7").leads("/devices")
	b.post("/passwords/new", "step", "-1").leads("/devices")
	b.get("/devices/step?n=0").leads("/devices/step?n=2")
	b.get("/devices/step?n=x").leads("/devices/step?n=2")
}

// A sign-in that has grown old, or is over, does not lose the place.
func TestTheSessionEndsOnTheWay(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "iphone", "mac", "android").leads("/devices/step?n=1").post("/passwords/new").says(200, made[:4])
	w.edit(func(v *enroll.View) { v.Fresh = false })
	b.get("/devices/step?n=1").says(200, "Nothing has arrived yet") // to look at is always allowed
	b.get("/devices/step?n=3").says(200, "Please sign in again")
	again := regexp.MustCompile(`href="(/\?again=1[^"]*)"`).FindStringSubmatch(b.body)
	if again == nil {
		t.Fatal(b.body)
	}
	apps := w.only(t).AppPasswords
	b.get(strings.ReplaceAll(again[1], "&amp;", "&")).post("/sign-in", "name", "alice", "password", "right")
	at, err := url.Parse(b.res.Header.Get("Location"))
	if err != nil || at.Path != "/code" || at.Query().Get("next") != "/devices/step?n=3" {
		t.Fatalf("the sign-in leads to %v", at)
	}
	b.get(at.String()).post("/code", "code", "123456").leads("/devices/step?n=3").says(200, "Device 3 of 3: Android")

	w.edit(func(v *enroll.View) { v.AppPasswords = apps })
	clear(w.sessions)
	b.post("/passwords/new").leads("/?next=%2Fdevices%2Fstep%3Fn%3D3&over=1").says(200, "no longer signed in")
	b.fields["next"] = ""
	b.post("/sign-in", "name", "alice", "password", "right").leads("/code").post("/code", "code", "123456").leads("/home")
	w.edit(func(v *enroll.View) { v.AppPasswords = apps })
	b.get("/home").says(200, `href="/devices/step?n=2">Go on with your devices`)
	if len(w.wishes) != 1 {
		t.Errorf("made: %+v", w.wishes)
	}

	// Somebody else at the same computer does not walk on.
	w.edit(func(v *enroll.View) { v.Subject.ID = "b-2" })
	if b.get("/home"); strings.Contains(b.body, "Go on with your devices") {
		t.Error("somebody else is led on")
	}
	b.get("/devices/step?n=2").leads("/devices")
	if on, _ := b.ticked(); len(on) > 0 {
		t.Errorf("somebody else finds %q ticked", on)
	}
	if b.post("/sign-out").leads("/?bye=1"); b.cookie("devices") != "" {
		t.Error("the way is kept after signing out")
	}
}

// An outage loses nothing and makes nothing, and the same form works afterwards.
func TestTheStoreIsAwayOnTheWay(t *testing.T) {
	away := fmt.Errorf("the store is away: %w", account.ErrUnavailable)
	w := newWorld()
	b := onTour(t, w, "mac", "android").leads("/devices/step?n=1")
	form := []string{"form", hiddenField(b.body, "form"), "once", hiddenField(b.body, "once"), "step", "1", "label", "Mac"}
	for _, part := range []string{"View", "Issue"} {
		w.fail = map[string]error{part: away}
		b.post("/passwords/new", form...).says(503, "It is not you, and it is not your password")
	}
	w.fail = map[string]error{"View": away}
	for _, path := range []string{"/devices", "/devices/step?n=1", "/devices/step?n=3"} {
		b.get(path).says(503, "It is not you, and it is not your password")
	}
	b.post("/devices", "form", form[1], "device", "outlook").says(503)
	w.fail = nil
	b.post("/passwords/new", form...).says(200, made[:4], "Device 1 of 2: Mac")
	same(t, "made", w.labels(t), "Mac")
}

// A cookie that somebody wrote themselves is none, or leads nowhere new.
func TestAForgedRoundIsNone(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "mac").leads("/devices/step?n=1")
	good := b.cookies["__Host-sallyport-devices"]
	for _, value := range []string{"", "x", "e30", good.Value + "A", strings.Repeat("A", 3000)} {
		forged := *good
		forged.Value = value
		b.cookies[good.Name] = &forged
		b.get("/devices/step?n=1").leads("/devices").says(200)
	}
	for _, secret := range []string{made, "right"} {
		if strings.Contains(good.Value, secret) {
			t.Error("the cookie holds a secret")
		}
	}
	if !good.HttpOnly || !good.Secure || good.MaxAge <= 0 {
		t.Errorf("the cookie is %+v", good)
	}
}
