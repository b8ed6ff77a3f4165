package enrollweb

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// twoPhones is at home with two phones, on the first of which is an app password.
func twoPhones(t *testing.T, w *world) *browser {
	t.Helper()
	b := signedIn(t, w)
	w.edit(func(v *enroll.View) {
		v.Devices = []account.Record{
			{ID: "d1", Factor: "totp", Label: "Handy von Zoë", Created: now().AddDate(0, -2, 0), LastUsed: now()},
			{ID: "d2", Factor: "totp", Label: "Tablet", Created: now()},
		}
		v.AppPasswords = []account.Record{
			{ID: "p1", Label: "Fairphone", Created: now(), Device: "d1"}, {ID: "p2", Label: "Laptop", Created: now()},
		}
	})
	return b
}

// Each phone is listed with its name, since when, its last use, and what is on it.
func TestPhonesAreListed(t *testing.T) {
	b := twoPhones(t, newWorld()).get("/home")
	for _, want := range []string{
		"Handy von Zoë Connected since 23 September 2026 · Last used: today, 09:30 App passwords on it: Fairphone Rename Replace Remove",
		"Tablet Connected since 23 November 2026 · Last used: never Rename Replace Remove",
		"Fairphone not used yet Valid since 23 November 2026 · On: Handy von Zoë Rename",
		"Connect another phone Lost your phone?",
	} {
		if got := plain(b.body); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	w := newWorld()
	if b := signedIn(t, w); strings.Contains(b.body, "/phones/remove") {
		t.Error("the only phone can be removed")
	}
	w.edit(func(v *enroll.View) { v.MostDevices = 1 })
	if b := signedIn(t, w); !strings.Contains(b.body, "/phone/add") {
		t.Error("no phone can be added where there is room")
	}
	b = twoPhones(t, w)
	w.edit(func(v *enroll.View) { v.MostDevices = 2 })
	if b.get("/home"); strings.Contains(b.body, "/phone/add") {
		t.Error("one phone more than there may be is offered")
	}
}

// One more phone is connected with a name of its own, which is suggested.
func TestOneMorePhone(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	b.get("/phone/add").says(200, "Connect another phone", `value="Alice’s phone"`)
	b.post("/phone/begin", "label", "").leads("/phone/add").says(200, "JBSW", "stay valid", `action="/phone/confirm"`)
	b.get("/phone").says(200, "JBSW", "Connect this phone") // whatever address leads here
	if p := w.only(t).Setup.Plan; p.Label != "Alice’s phone" || p.Replaces != "" {
		t.Errorf("the plan is %+v", p)
	}
	b.post("/phone/confirm", "code", "000000").says(422, "This code is not right", "Connect this phone")
	b.post("/phone/confirm", "code", "123456").leads("/home?note=added").says(200, "from this phone work from now on")
	w.fail["Begin"] = &enroll.Refusal{Reason: account.NotAllowed}
	b.get("/phone/add").post("/phone/begin", "label", "x").says(422, "You cannot connect more phones")
	w.fail["Begin"] = &enroll.Refusal{Reason: account.Malformed}
	b.get("/phone/add").post("/phone/begin", "label", "<i>").says(422, "at most 64", "&lt;i&gt;")
}

// A suggested name is that of the first name, in either order, and none twice.
func TestSuggestedNames(t *testing.T) {
	for display, want := range map[string]string{
		"Zoë Müller": "Zoë’s phone", "Müller, Zoë": "Zoë’s phone", "Zoë": "Zoë’s phone", "": "Phone", " , ": "Phone",
		strings.Repeat("x", 80): "Phone",
	} {
		w := newWorld()
		b := signedIn(t, w)
		w.edit(func(v *enroll.View) { v.Subject.DisplayName = display })
		if b.get("/phone/add"); hiddenField(b.body, "label") == "" && !strings.Contains(b.body, `value="`+want) {
			t.Errorf("%q: %s", display, b.body)
		}
		w.edit(func(v *enroll.View) { v.Devices = append(v.Devices, account.Record{ID: "d2", Label: want}) })
		if b.get("/phone/add"); !strings.Contains(b.body, `value="`+want+` 2"`) {
			t.Errorf("%q, a second time: %s", display, b.body)
		}
	}
}

// Of several phones the one that is replaced is named.
func TestReplacingOneOfSeveral(t *testing.T) {
	w := newWorld()
	b := twoPhones(t, w)
	b.get("/phone").says(200, "Which phone do you want to replace", "Handy von Zoë", "Tablet")
	b.get("/phone?id=d2").says(200, "takes the place of “Tablet”", `value="Tablet"`)
	b.post("/phone/begin", "label", "Neues Tablet").leads("/phone?id=d2").says(200, "codes from “Tablet” no longer work")
	if p := w.only(t).Setup.Plan; p.Label != "Neues Tablet" || p.Replaces != "d2" {
		t.Errorf("the plan is %+v", p)
	}
	b.get("/phone?id=d1").says(200, "takes the place of “Handy von Zoë”") // not the key for the other
	b.get("/phone/add").says(200, "Connect another phone")
	b.get("/phone?id=d7").leads("/home")
	b.post("/phone/begin", "id", "d7", "label", "x").leads("/home")
}

func TestAPhoneIsRenamed(t *testing.T) {
	w := newWorld()
	b := twoPhones(t, w)
	b.get("/phones/rename?id=d2").says(200, `value="Tablet"`)
	b.post("/phones/rename", "label", "Sofa").leads("/home?note=renamed").says(200, "The new name is saved")
	b.get("/phones/rename?id=d2").post("/phones/rename", "label", " ").says(422, "Please enter a name")
	b.get("/phones/rename?id=p1").leads("/home") // an app password is no phone
	if w.did[0] != "Rename" {
		t.Errorf("did %v", w.did)
	}
}

// A phone goes with a code from one that stays, and never the last one.
func TestAPhoneIsRemoved(t *testing.T) {
	w := newWorld()
	b := twoPhones(t, w)
	old := b.cookie("session")
	b.get("/phones/remove?id=d1").says(200, "the codes from “Handy von Zoë” no longer work", "6-digit code or emergency code")
	b.post("/phones/remove", "code", " ").says(422, "Please type the code")
	b.post("/phones/remove", "code", "000000").says(422, "from a phone that you keep", `aria-invalid="true"`)
	b.post("/phones/remove", "code", "123 456").leads("/home?note=gone").says(200, "The phone is removed", "Tablet")
	if b.cookie("session") == old || strings.Contains(b.body, "Handy von Zoë") {
		t.Error("the session has the same id, or the phone is still there")
	}
	w.did = nil
	b.get("/phones/remove?id=d2").leads("/home")
	b.get("/home").post("/phones/remove", "id", "d2", "code", "123456").leads("/home")
	if len(w.did) > 0 {
		t.Errorf("the last phone: did %v", w.did)
	}
}

// One button for a lost phone: it names what will end, and ends that.
func TestALostPhone(t *testing.T) {
	w := newWorld()
	b := twoPhones(t, w)
	b.get("/phones/lost").says(200, "Which phone is gone?", "Handy von Zoë", "Tablet")
	b.get("/phones/lost?id=d1").says(200, "Handy von Zoë", "Fairphone", "App password on this phone", "Your other phones stay connected")
	if strings.Contains(plain(b.body), "Laptop") || strings.Contains(plain(b.body), "Tablet") {
		t.Error("something else is named")
	}
	b.post("/phones/lost").leads("/home?note=lost").says(200, "Tablet", "Laptop", "lost phone and the app passwords on it no longer work")
	if strings.Contains(b.body, "Fairphone") {
		t.Error("the app password is still there")
	}
	b.post("/phones/lost", "id", "d1").leads("/home?note=lost") // the form a second time
	if n := count(w.did, "LosePhone"); n != 1 {
		t.Errorf("lost %d times", n)
	}
}

// After the last phone the way leads on to a new one; where no emergency code was
// left, past new ones.
func TestTheLastPhoneIsLost(t *testing.T) {
	for _, left := range []int{7, 1, 0} {
		w := newWorld()
		b := signedIn(t, w)
		w.edit(func(v *enroll.View) { v.CodesLeft = left })
		b.get("/phones/lost").says(200, map[int]string{7: "you have 7 left", 1: "you have one left", 0: "you get new emergency codes"}[left], "No app password is marked")
		b.post("/phones/lost")
		if left == 0 {
			b.says(200, "k7m20-9qxvd-hz4t0")
			b.post("/codes/kept", "kept", "yes")
		}
		b.leads("/phone/add").says(200, "Connect another phone")
		b.get("/home").says(200, "You have no phone connected", `href="/phone/add"`)
		b.get("/phones/lost").leads("/phone/add")
		b.get("/phone").says(200, "Connect another phone")
	}
	w := newWorld()
	b := signedIn(t, w)
	w.edit(func(v *enroll.View) { v.MayLoseLast = false })
	b.get("/phones/lost").says(200, "Connect a new one now", `href="/phone"`)
	if strings.Contains(b.body, `action="/phones/lost"`) {
		t.Error("the last phone can be lost where there are no emergency codes")
	}
}

// What changes a phone takes a fresh sign-in, and comes back from it.
func TestPhonesTakeAFreshSignIn(t *testing.T) {
	for path, next := range map[string]string{"/phones/lost": "/phones/lost", "/phone/add": "/phone/add", "/phones/remove?id=d1": "/phones/remove?id=d1", "/phones/lost?id=d2": "/phones/lost?id=d2", "/phone?id=d2": "/phone?id=d2", "/passwords/remove?id=p1": "/passwords/remove?id=p1"} {
		w := newWorld()
		b := twoPhones(t, w)
		w.edit(func(v *enroll.View) { v.Fresh = false })
		b.get(path).says(200, "Please sign in again", "next="+strings.NewReplacer("/", "%2f", "?", "%3f", "=", "%3d").Replace(next))
		w.did = nil
		form, id, _ := strings.Cut(path, "?id=")
		b.get("/home").post(form, "id", id, "code", "123456")
		if len(w.did) > 0 || b.res.StatusCode == 200 {
			t.Errorf("%s: a stale session did %v", path, w.did)
		}
		b.get("/?again=1&next="+next).post("/sign-in", "name", "alice", "password", "right").leads("/code?next=" + next)
		b.post("/code", "code", "123456").leads(next)
	}
}

// An app password says on which phone it is, when it is made or later; a
// computer's program is on none.
func TestAppPasswordsOnAPhone(t *testing.T) {
	for _, c := range []struct{ program, device, want string }{
		{"iphone", "d1", "d1"}, {"android", "d2", "d2"}, {"other", "d2", "d2"}, {"android", "", ""}, {"android", "d7", ""}, {"mac", "d1", ""}, {"thunderbird", "d1", ""},
	} {
		w := newWorld()
		twoPhones(t, w).make(c.program, "label", "x", "device", c.device)
		if got := w.wishes[0].Device; got != c.want {
			t.Errorf("%s on %q: made on %q", c.program, c.device, got)
		}
	}
	w := newWorld()
	b := twoPhones(t, w)
	b.get("/passwords/new").post("/passwords/new", "program", "other", "label", strings.Repeat("x", 65), "device", "d2").says(422, `value="d2" checked`) // the choice stays
	b.get("/passwords/rename?id=p2").says(200, "Which phone is it on?", "On none of these")
	b.post("/passwords/rename", "label", "Laptop", "device", "d2").leads("/home?note=renamed").says(200, "On: Tablet")
	b.get("/passwords/rename?id=p2").says(200, `value="d2" checked`)
	b.post("/passwords/rename", "label", "Laptop", "device", "").leads("/home?note=renamed")
	b.get("/passwords/rename?id=p1").post("/passwords/rename", "label", "A form of before there were phones").leads("/home?note=renamed")
	if n := count(w.did, "PlaceOn"); n != 2 || w.only(t).AppPasswords[0].Device != "d1" {
		t.Errorf("placed %d times: %+v", n, w.only(t).AppPasswords)
	}
}

// So does one that a program fetches by itself.
func TestAProgramOnAPhone(t *testing.T) {
	for device, want := range map[string]string{"d2": "d2", "": "", "d7": "", "p1": ""} {
		w := asking()
		b := twoPhones(t, w)
		_, link := b.program().ask()
		b.get(link).post("/login/v2/flow").leads("/login/v2/grant").says(200, "Which phone is it on?", "Tablet")
		if b.post("/login/v2/grant", "label", "x", "device", device).says(422, "Please confirm"); want != "" && !strings.Contains(b.body, `value="`+want+`" checked`) {
			t.Errorf("%q: the choice is lost", device)
		}
		b.post("/login/v2/grant", "label", "x", "device", device, "mine", "yes").leads("/login/v2/done")
		if got := w.asks[0].granted.Device; got != want {
			t.Errorf("%q: granted on %q", device, got)
		}
	}
}
