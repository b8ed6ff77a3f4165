package enrollweb

import (
	"html"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/recipe"
)

// hidden are all hidden fields of the form that posts to a path.
func hidden(body, action string) []string {
	_, form, _ := strings.Cut(body, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	var pairs []string
	for _, field := range strings.Split(form, `<input type="hidden" name="`)[1:] {
		name, rest, _ := strings.Cut(field, `" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		pairs = append(pairs, name, html.UnescapeString(value))
	}
	return pairs
}

// Whoever asks for the profile a second time, as after a tap on Ignore, is told
// why not, and has a new one after one press. The first app password goes with it.
func TestASecondTapOnTheProfile(t *testing.T) {
	for _, program := range []string{"iphone", "mac"} {
		w := newWorld()
		b := twoPhones(t, w)
		w.edit(func(v *enroll.View) { v.Services, v.AppPasswords = []string{"dav", "imap"}, nil })
		b.make(program, "label", "Mein Apfel", "service", "dav", "days", "30", "device", "d2")
		w.edit(func(v *enroll.View) {
			v.AppPasswords[0].Expires = now().AddDate(0, 0, 30)
			v.AppPasswords[0].Device = w.wishes[0].Device
		})
		profile := hidden(b.body, "/passwords/profile")
		b.post("/passwords/profile", profile...).says(200)
		if b.res.Header.Get("Content-Type") != recipe.AppleType {
			t.Fatal("no profile")
		}
		b.post("/passwords/profile", profile...).says(200, "only once", "Mein Apfel", "Make a new app password", `href="/passwords/wait?id=p1"`)
		b.fields = nil
		b.post("/passwords/new", hidden(b.body, "/passwords/new")...).says(200, "Your new app password", "Download the profile")
		if len(w.wishes) != 2 || w.wishes[0].Label != w.wishes[1].Label || w.wishes[0].Life != 30*24*time.Hour || w.wishes[1].Life != w.wishes[0].Life ||
			!slices.Equal(w.wishes[0].Services, w.wishes[1].Services) || w.wishes[0].Device != w.wishes[1].Device {
			t.Errorf("%s: the second is another: %+v", program, w.wishes)
		}
		if left := w.only(t).AppPasswords; len(left) != 1 || count(w.did, "Revoke") != 1 {
			t.Errorf("%s: left are %+v", program, left)
		}
		if !strings.Contains(b.body, `name="program" value="`+program+`"`) {
			t.Errorf("%s: the second is for another program", program)
		}
	}
}

// A sign-in that was asked for before the profile comes back to the same way on,
// for the same device; what a device uses by now is not replaced.
func TestTheProfileAfterASignIn(t *testing.T) {
	for _, program := range []string{"iphone", "mac"} {
		w := newWorld()
		b := signedIn(t, w).make(program)
		profile := hidden(b.body, "/passwords/profile")
		w.edit(func(v *enroll.View) { v.Fresh = false })
		b.post("/passwords/profile", profile...).says(403, "next=%2fpasswords%2fprofile%3fid%3dp1%26program%3d"+program)
		w.edit(func(v *enroll.View) { v.Fresh = true })
		b.fields = nil
		b.get("/?next=%2fpasswords%2fprofile%3fid%3dp1%26program%3d"+program).get("/passwords/profile?id=p1&program="+program).says(200, "only once")
		b.post("/passwords/new", hidden(b.body, "/passwords/new")...).says(200, `name="program" value="`+program+`"`)
		if left := w.only(t).AppPasswords; len(left) != 1 {
			t.Errorf("%s: left are %+v", program, left)
		}
		// Where the session is over altogether, it is the same.
		profile = hidden(b.body, "/passwords/profile")
		w.mu.Lock()
		clear(w.sessions)
		w.mu.Unlock()
		b.post("/passwords/profile", profile...).leads("/?next=%2Fpasswords%2Fprofile%3Fid%3Dp2%26program%3D" + program + "&over=1")
	}
	w := newWorld()
	b := signedIn(t, w).make("iphone")
	b.get("/passwords/profile?id=p77").leads("/home")
	w.edit(func(v *enroll.View) { v.AppPasswords[0].LastUsed = now() })
	b.get("/passwords/profile?id=p1").leads("/home")
	b.get("/passwords/new").post("/passwords/new", "program", "mac", "instead", "p1").says(200)
	if count(w.did, "Revoke") != 0 {
		t.Error("one in use was ended")
	}
}

// An address that does not say for which device the profile is has the person say
// it, and ticks nothing.
func TestWhichDeviceAProfileIsFor(t *testing.T) {
	for _, at := range []string{"", "&program=", "&program=android", "&program=mac&program=iphone&x"} {
		b := signedIn(t, newWorld()).make("mac").get("/passwords/profile?id=p1" + at)
		if asks := at != "&program=mac&program=iphone&x"; asks != strings.Contains(b.body, `type="radio" name="program" value="mac" required>`) || strings.Contains(b.body, "checked") {
			t.Errorf("%q: asked %t:\n%s", at, !asks, b.body)
		}
	}
	b := signedIn(t, newWorld()).make("mac").get("/passwords/profile?id=p1")
	b.post("/passwords/new", append(hidden(b.body, "/passwords/new"), "program", "mac")...).says(200, `name="program" value="mac"`)
}

// On the round the new profile is for the same step.
func TestASecondTapOnTheRound(t *testing.T) {
	w := newWorld()
	b := onTour(t, w, "iphone", "mac").leads("/devices/step?n=1").post("/passwords/new").says(200, made[:4])
	profile := hidden(b.body, "/passwords/profile")
	b.post("/passwords/profile", profile...).post("/passwords/profile", profile...).says(200, "only once", "Device 1 of 2")
	b.fields = nil
	b.post("/passwords/new", hidden(b.body, "/passwords/new")...).says(200, "Device 1 of 2", made[:4], `href="/devices/step?n=2"`)
	if left := w.only(t).AppPasswords; len(left) != 1 {
		t.Errorf("left are %+v", left)
	}
}

// The profile is for the device that the browser runs on: the page of a computer
// leads to the iPhone, that of a phone to the Mac.
func TestTheProfileIsForThisDevice(t *testing.T) {
	for program, want := range map[string][2]string{
		"iphone": {`<div class="on-phone"><p>Download a profile to this device`, `<div class="on-computer"><p>Sign in with Safari on the iPhone or iPad`},
		"mac":    {`<div class="on-computer"><p>Download a profile to this device`, `<div class="on-phone"><p>Sign in on the Mac`},
	} {
		b := signedIn(t, newWorld()).make(program).says(200, want[0], want[1], "<summary>This is the")
		if strings.Contains(b.body, "Use Safari for this page") {
			t.Error("somebody is sent away from a page that is shown once")
		}
	}
	signedIn(t, newWorld()).get("/passwords/new").says(200, "sign in there, with Safari")
}

// Each program is told both ways, and the easy one says what becomes of the old
// account.
func TestOldAccountsAndNewOnes(t *testing.T) {
	for _, program := range []string{"iphone", "mac", "android", "thunderbird", "outlook", "other"} {
		b := signedIn(t, newWorld()).make(program, "label", "x").says(200, "<p>Already an account there?", "<p>New: ")
		if easy := strings.Contains(b.body, "Remove the old one afterwards"); easy != strings.Contains(b.body, `class="easy"`) {
			t.Errorf("%s: the old account is spoken of: %t", program, easy)
		}
	}
	w := newWorld()
	b := signedIn(t, w)
	w.edit(func(v *enroll.View) { v.Services = []string{"dav", "imap", "files"} })
	b.get("/passwords/new").says(200, "E-mail", "Files")
	b.make("mac", "service", "imap").says(200, "Our support will tell you which server address")
	if strings.Contains(b.body, "CalDAV") || strings.Contains(b.body, `class="easy"`) {
		t.Error("a password for e-mail has a recipe for calendars")
	}
	b.get("/passwords/remove?id=p1").says(200, "no longer gets at your data")
	b.get("/passwords/new")
	form := "form=" + hiddenField(b.body, "form") + "&once=" + hiddenField(b.body, "once") + "&program=mac&service=dav&service=files"
	b.edit = func(r *http.Request) { setBody(r, form) }
	b.post("/passwords/new").says(200, "no address for “Files” here", "CalDAV")
}

// Where the operator names the mail servers, each program is told them, and how it
// is done there; what is made for calendars says that e-mail is not part of it.
func TestEMailHasItsServers(t *testing.T) {
	for _, program := range []string{"iphone", "mac", "android", "thunderbird", "outlook", "other"} {
		for services, calendar := range map[string]bool{"imap": false, "dav imap": true} {
			w := newWorld()
			w.servers = append(w.servers, recipe.Server{Service: "imap", IMAP: "imaps://in.example.org:993", SMTP: "smtp://out.example.org:587", Login: "{name}@example.org"})
			b := signedIn(t, w)
			w.edit(func(v *enroll.View) { v.Services = []string{"dav", "imap"} })
			b.get("/passwords/new")
			form := "form=" + hiddenField(b.body, "form") + "&once=" + hiddenField(b.body, "once") + "&program=" + program + "&service=" + strings.ReplaceAll(services, " ", "&service=")
			b.edit = func(r *http.Request) { setBody(r, form) }
			b.post("/passwords/new").says(200, ">in.example.org</span>", "Port 993, connection security SSL/TLS", ">out.example.org</span>",
				"Port 587, connection security STARTTLS", ">alice@example.org</span>", "Already an account there?", "Server for incoming e-mail (IMAP)")
			for what, is := range map[string]bool{
				"CalDAV|DAVx5, tap|On the Network": calendar, "How to do it for e-mail": calendar,
				"E-mail is not part of it": calendar && (program == "iphone" || program == "mac" || program == "android"),
				`class="easy"`:             calendar && (program == "iphone" || program == "mac" || program == "android"),
			} {
				found := slices.ContainsFunc(strings.Split(what, "|"), func(s string) bool { return strings.Contains(b.body, s) })
				if found != is {
					t.Errorf("%s for %s: %q is there: %t", program, services, what, found)
				}
			}
			name, incoming := strings.Index(b.body, ">alice</span>"), strings.Index(b.body, ">in.example.org<")
			if theirs := strings.Index(b.body, ">alice@example.org<"); calendar != (name > 0) || name > incoming || theirs < strings.Index(b.body, ">out.example.org<") {
				t.Errorf("%s for %s: the user names do not stand with what they are for:\n%s", program, services, b.body)
			}
			if n := strings.Count(b.body, "<p>New: "); n != map[bool]int{false: 1, true: 2}[calendar] {
				t.Errorf("%s for %s: %d ways to begin", program, services, n)
			}
		}
	}
}

// The name is as people wish it, and none is needed.
func TestNoNameIsNeeded(t *testing.T) {
	w := newWorld()
	signedIn(t, w).make("other").says(200, "once, in a single program")
	if w.wishes[0].Label != "Another program" {
		t.Errorf("it is called %q", w.wishes[0].Label)
	}
	signedIn(t, newWorld()).make("other", "label", "Evolution").says(200, "only here: Evolution")
}

// A program for phones is on the only phone, unless somebody says otherwise; of
// several nobody can know, and a computer's is on none.
func TestThePhoneThatAProgramIsOn(t *testing.T) {
	const none = `name="device" value="" checked`
	w := newWorld()
	b := signedIn(t, w).get("/passwords/new").says(200, `name="device" value="d1">`, "If you do not say")
	if strings.Contains(b.body, none) {
		t.Error("it is answered before the program is chosen")
	}
	for program, want := range map[string]string{"iphone": "d1", "android": "d1", "other": "", "mac": "", "thunderbird": ""} {
		for _, said := range [][]string{nil, {"device", ""}} {
			w = newWorld()
			if signedIn(t, w).make(program, said...); said != nil {
				want = ""
			}
			if got := w.wishes[0].Device; got != want {
				t.Errorf("%s, said %q: on %q, want %q", program, said, got, want)
			}
		}
	}
	onTour(t, newWorld(), "android").leads("/devices/step?n=1").says(200, `value="d1" checked`)
	w = newWorld()
	b = twoPhones(t, w)
	w.edit(func(v *enroll.View) { v.AppPasswords = []account.Record{} })
	if b.get("/passwords/new"); strings.Contains(b.body, `name="device" value="" checked`) || strings.Contains(b.body, `value="d2" checked`) {
		t.Errorf("of several phones one is ticked:\n%s", b.body)
	}
}

// setBody sends a form as it is, with several fields of one name.
func setBody(r *http.Request, form string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
}
