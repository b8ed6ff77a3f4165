package enrollweb

import (
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/recipe"
)

const made = "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp"

// make makes an app password for a program and stays on the page that shows it.
func (b *browser) make(program string, pairs ...string) *browser {
	b.t.Helper()
	b.get("/passwords/new")
	return b.post("/passwords/new", append([]string{"program", program, "once", hiddenField(b.body, "once")}, pairs...)...).says(200, "Your new app password")
}

// Every program is told the server's address, the login as that server wants
// it, and the app password; each has its own recipe.
func TestEachProgramIsToldWhatItNeeds(t *testing.T) {
	recipes := map[string]bool{}
	for _, program := range []string{"iphone", "mac", "android", "thunderbird", "outlook", "other"} {
		w := newWorld()
		w.servers = []recipe.Server{{Service: "dav", Calendar: "https://dav.example.org/{name}/", Login: "{name}@example.org"}}
		b := signedIn(t, w).make(program, "label", "mine")
		b.says(200, "https://dav.example.org/alice/", "alice@example.org", "Address of the calendar")
		if got := plain(b.body); !strings.Contains(got, "k7m2- 9qxv- dhz4- tw3c- 8fnr- 5jbp") || strings.Contains(got, "Address of the contacts") {
			t.Errorf("%s: the page reads\n%s", program, got)
		}
		_, how, _ := strings.Cut(b.body, ">How to do it</h")
		how, _, _ = strings.Cut(how, "</p>")
		recipes[how] = true
		if easy := strings.Contains(b.body, `class="easy"`); easy != (program == "iphone" || program == "mac" || program == "android") {
			t.Errorf("%s: an easy way is there: %v", program, easy)
		}
	}
	if len(recipes) != 6 {
		t.Errorf("%d recipes for 6 programs", len(recipes))
	}
	w := newWorld()
	w.servers = nil
	signedIn(t, w).make("other", "label", "mine").says(200, "Our support will tell you which server address")
}

// The link and the QR code for DAVx5 hold what the page says in words.
func TestTheLinkForDAVx5IsOnThePage(t *testing.T) {
	b := signedIn(t, newWorld()).make("android")
	if !strings.Contains(b.body, `href="davx5://alice:`+made+`@dav.example.org/"`) || strings.Count(b.body, "data:image/png") != 1 {
		t.Errorf("no link, or no picture of it:\n%s", b.body)
	}
}

// The profile for Apple's devices is given once, to the owner of the app
// password, and never but over TLS.
func TestTheProfileIsGivenOnce(t *testing.T) {
	b := signedIn(t, newWorld()).make("iphone")
	once, id, form := hiddenField(b.body, "once"), hiddenField(b.body, "id"), hiddenField(b.body, "form")
	ask := func(pairs ...string) *browser {
		return b.post("/passwords/profile", append([]string{"form", form, "id", id, "once", once, "secret", made}, pairs...)...)
	}
	for what, pairs := range map[string][]string{
		"somebody else's": {"id", "p77"}, "no app password": {"secret", ""}, "a book": {"secret", strings.Repeat("x", 129)},
	} {
		if ask(pairs...).leads("/home"); b.res.Header.Get("Content-Type") == recipe.AppleType {
			t.Errorf("%s: there is a profile", what)
		}
	}
	ask().says(200)
	var top map[string]any
	if _, err := plist.Unmarshal([]byte(b.body), &top); err != nil || b.res.Header.Get("Content-Type") != recipe.AppleType {
		t.Fatalf("not a profile: %v", err)
	}
	if strings.Count(b.body, made) != 2 || top["PayloadOrganization"] != "Uni Musterstadt" {
		t.Error("it does not hold the accounts")
	}
	if d := b.res.Header.Get("Content-Disposition"); !strings.HasSuffix(d, `.mobileconfig"`) || b.res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %q, %q", d, b.res.Header.Get("Cache-Control"))
	}
	if ask().says(200, "only once"); b.res.Header.Get("Content-Type") == recipe.AppleType || strings.Contains(b.body, made) {
		t.Error("it is given a second time")
	}

	h, err := New(insecure(newWorld()))
	if err != nil {
		t.Fatal(err)
	}
	plainly := open(t, newWorld())
	plainly.h = h
	plainly.get("/").post("/sign-in", "name", "alice", "password", "right").leads("/code")
	plainly.post("/code", "code", "123456").leads("/home").make("iphone")
	if strings.Contains(plainly.body, "/passwords/profile") {
		t.Error("a profile is offered in the clear")
	}
	plainly.post("/passwords/profile", "id", "p1", "once", "x", "secret", made).leads("/home")
}

// The page waits for the first sync, without a script by loading itself again,
// and says when it was there.
func TestThePageWaitsForTheFirstSync(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w).make("android", "label", "Fairphone")
	id := w.only(t).AppPasswords[0].ID
	b.get("/passwords/wait?id="+id).says(200, "Nothing has arrived yet", "Fairphone")
	since := strconv.FormatInt(now().Unix(), 10)
	again := "/passwords/wait?id=" + id + "&since=" + since
	b.says(200, `<noscript><meta http-equiv="refresh" content="5; url=`+html.EscapeString(again)+`"></noscript>`, `data-watch="`+html.EscapeString(again)+`"`, `href="/tries/watch"`)
	if b.res.Header.Get("Refresh") != "" {
		t.Error("the page is loaded again over a script that does better")
	}
	w.edit(func(v *enroll.View) {
		v.AppPasswords[0].LastUsed, v.AppPasswords[0].LastService = now().Add(-time.Minute), "dav"
	})
	b.get("/passwords/wait?id="+id).says(200, "“Fairphone” was seen: today, 09:29", "data-seen")
	if strings.Contains(b.body, "refresh") || strings.Contains(b.body, "data-watch") {
		t.Error("the page looks for what it has found")
	}
	b.get("/passwords/wait?id=p77").leads("/home?note=removed")
}

// The page stops looking after ten minutes, and what it does by itself keeps no
// session alive.
func TestThePageDoesNotWaitForEver(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w).make("android", "label", "Fairphone")
	b.says(200, "I have entered it – continue", `data-look="/passwords/wait?id=p1&amp;since=`)
	at := func(ago time.Duration) string {
		return "/passwords/wait?id=p1&since=" + strconv.FormatInt(now().Add(-ago).Unix(), 10)
	}
	for path, over := range map[string]bool{at(0): false, at(599 * time.Second): false, at(600 * time.Second): true, at(24 * time.Hour): true, at(-time.Hour): false, "/passwords/wait?id=p1&since=x": false} {
		b.get(path).says(200, "Waiting for the device", "Find out why")
		if got := strings.Contains(b.body, "data-over"); got != over || strings.Contains(b.body, `http-equiv="refresh"`) == over || strings.Contains(b.body, "in the last ten minutes") != over {
			t.Errorf("%s: over %t, want %t:\n%s", path, got, over, b.body)
		}
	}
	w.edit(func(v *enroll.View) { v.Fresh = true })
	b.get("/devices").post("/devices", "device", "mac").leads("/devices/step?n=1").post("/passwords/new").says(200, made[:4])
	b.get("/devices/step?n=1").says(200, `url=/devices/step?n=1&amp;since=`, "Find out why")
	for path, asked := range map[string]int{"/passwords/wait?id=p1": 1, at(0): 0, at(time.Hour): 0, at(-time.Hour): 1, "/devices/step?n=1": 1,
		"/devices/step?n=1&since=1": 0, "/tries": 1, "/tries?watch=" + strconv.FormatInt(now().Unix(), 10): 0} {
		before := w.renewed
		if b.get(path).says(200); w.renewed-before != asked {
			t.Errorf("%s: the session is kept %d times, want %d", path, w.renewed-before, asked)
		}
	}
}

func TestAnAppPasswordIsRenamed(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w).make("android", "label", "Handy")
	id := w.only(t).AppPasswords[0].ID
	b.get("/passwords/rename?id="+id).says(200, `value="Handy"`)
	b.post("/passwords/rename", "id", id, "label", " ").says(422, "Please enter a name", `aria-invalid="true"`)
	b.post("/passwords/rename", "id", id, "label", "Handy von Zoë").leads("/home?note=renamed").says(200, "Handy von Zoë", "The new name is saved")
	b.post("/passwords/rename", "id", "p77", "label", "x").leads("/home?note=removed")
}

// What nobody has used for long is marked and can be ended at once, after a
// look at what it is.
func TestUnusedAppPasswordsEndTogether(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	b.get("/passwords/unused").leads("/home")
	w.edit(func(v *enroll.View) {
		v.AppPasswords = []account.Record{
			{ID: "1", Label: "in use", Created: now().AddDate(-1, 0, 0), LastUsed: now().AddDate(0, 0, -3)},
			{ID: "2", Label: "drawer", Created: now().AddDate(-1, 0, 0), LastUsed: now().AddDate(0, -6, 0)},
			{ID: "3", Label: "forgotten", Created: now().AddDate(0, -6, 0)},
		}
	})
	if b.get("/home"); strings.Count(b.body, "not used for a long time") != 2 {
		t.Errorf("marked are %d", strings.Count(b.body, "not used for a long time"))
	}
	b.get("/passwords/unused").says(200, "drawer", "forgotten")
	if strings.Contains(b.body, "in use") {
		t.Error("one that is used is in the list of those to end")
	}
	b.post("/passwords/unused").leads("/home?note=unused").says(200, "in use")
	if strings.Contains(b.body, "drawer") {
		t.Error("an unused one is still there")
	}
}

// An app password ends by itself only where that was asked for, in one of the
// times that the page offers.
func TestAnAppPasswordMayEndByItself(t *testing.T) {
	for days, want := range map[string]time.Duration{"": 0, "0": 0, "30": 30 * 24 * time.Hour, "365": 365 * 24 * time.Hour, "36500": 0, "-1": 0, "x": 0} {
		w := newWorld()
		signedIn(t, w).make("android", "days", days)
		if got := w.wishes[0].Life; got != want {
			t.Errorf("%q days: %v, want %v", days, got, want)
		}
	}
	b := atHome(t, "en", func(v *enroll.View) {
		v.AppPasswords = []account.Record{{ID: "1", Label: "guest", Created: now(), Expires: now().AddDate(0, 0, 30)}}
	})
	b.says(http.StatusOK, "Works until 23 December 2026")
}

// Before the set-up is confirmed it says which of the person's own programs will
// need an app password, and afterwards begins with the first of them.
func TestTheSetUpNamesWhatItCosts(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	b.get("/setup").says(200, "for example on iPhone and Mac")
	w.edit(func(v *enroll.View) {
		v.Programs = []string{"vdirsyncer/0.19", "DAVx5/4.3", "DAVx5/4.4", "<b>Evil</b>", "Mozilla/5.0 Thunderbird/128"}
	})
	b.get("/setup").says(200, "For you that means: vdirsyncer, Android (DAVx5), Thunderbird.")
	w = newWorld()
	b = signedIn(t, w)
	if b.get("/passwords/new"); !strings.Contains(b.body, `value="iphone" checked`) {
		t.Error("nobody's programs are known, and it does not begin with the first")
	}
	w.edit(func(v *enroll.View) { v.Programs = []string{"vdirsyncer/0.19", "DAVx5/4.3"} })
	if b.get("/passwords/new"); !strings.Contains(b.body, `value="android" checked`) {
		t.Error("it does not begin with the program that came")
	}
}
