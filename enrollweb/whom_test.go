package enrollweb

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// Whom people can ask is said as far as there is somebody, on every page and where
// they are stuck, and in a language that they read.
func TestWhomToAsk(t *testing.T) {
	for name, tc := range map[string]struct {
		support look.Support
		says    map[string]string // by page
		not     string
	}{
		"both": {look.Support{Phone: "112", Hours: "Mo–Fr", Mail: "a@example.org"},
			map[string]string{"code": "Or call us:", "invite": "No unlock code yet? Call us:", "sheet": "Or write to us: a@example.org"}, "Questions? Write to us"},
		"mail alone": {look.Support{Mail: "a@example.org"},
			map[string]string{"code": `Use an emergency code.</a> Or write to us: <a href="mailto:a@example.org">`, "invite": "No unlock code yet? Write to us:", "sheet": "Questions? Write to us: a@example.org"}, "call us"},
		"nobody":         {look.Support{}, map[string]string{"code": "Use an emergency code.", "invite": "Unlock code", "sheet": "None of us"}, "mailto:"},
		"English hours":  {look.Support{Phone: "112", Hours: "Mo–Fr 8–18 Uhr", HoursEN: "Mon–Fri 8 am to 6 pm"}, map[string]string{"code": "Mon–Fri", "invite": "Mon–Fri", "sheet": "112, Mon–Fri"}, "Uhr"},
		"hours as given": {look.Support{Phone: "112", Hours: "8–18"}, map[string]string{"code": "8–18", "invite": "8–18", "sheet": "112, 8–18"}, "Mon"},
	} {
		t.Run(name, func(t *testing.T) {
			for page, says := range tc.says {
				w := newWorld()
				cfg := w.config()
				cfg.Support = tc.support
				h, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				b := open(t, w)
				b.h = h
				b.get("/").post("/sign-in", "name", "alice", "password", map[string]string{"code": "right", "invite": "invited", "sheet": "single"}[page]).follow()
				if page == "sheet" {
					b.post("/codes/file", "code", "k7m20-9qxvd-hz4t0")
				}
				if b.says(200, says); page != "sheet" && strings.Contains(b.body, tc.not) || strings.Contains(b.body, ", \r") {
					t.Errorf("%s says %q:\n%s", page, tc.not, b.body)
				}
				if footer := "Or write to us:"; page != "sheet" && tc.support.Phone == "" && strings.Contains(b.body[strings.Index(b.body, "<footer>"):], footer) {
					t.Errorf("%s: the footer begins in the middle", page)
				}
			}
		})
	}
	w := newWorld()
	cfg := w.config()
	cfg.Support.HoursEN = "Mon–Fri"
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, w)
	b.h, b.lang = h, "de"
	b.get("/").says(200, "Mo–Fr 8–18 Uhr")
}

// The page of a link, and those of one sentence, can be read in the other language
// like all others; the ticket stays out of every address.
func TestEveryPageHasItsLanguage(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	b.get("/enroll?ticket=enroll").says(200, "Welcome", `formaction="/enroll?lang=de"`)
	b.post("/enroll?lang=de").says(200, "Willkommen", `formaction="/enroll?lang=en"`, `value="enroll"`)
	if strings.Contains(b.body, "ticket=") || len(w.tickets) != 0 {
		t.Error("the ticket is in an address")
	}
	b.post("/enroll").says(http.StatusGone, "Link abgelaufen", `href="/enroll?lang=en"`)
	b.get("/nowhere").says(404, `href="/?lang=en"`)
	b.get("/login/v2/flow?id=x").says(404)

	cfg := newWorld().config()
	cfg.Lang = "de"
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.h = h
	if b.get("/enroll?ticket=enroll").says(200); strings.Contains(b.body, "English") {
		t.Error("there is a switch to a language that there is not")
	}
}

// After the set-up a second phone is offered to who has one, and may have two.
func TestASecondPhoneIsOffered(t *testing.T) {
	w := newWorld()
	b := settingUp(t, w)
	b.post("/setup/confirm", "code", "123456").says(200).post("/codes/kept", "kept", "yes").leads("/devices").says(200, "your family share", `href="/phone/add"`)
	w.edit(func(v *enroll.View) { v.MostDevices = 1 })
	if b.get("/devices"); strings.Contains(b.body, "/phone/add") {
		t.Error("a second phone is offered where one is the most")
	}
	if b = twoPhones(t, newWorld()).get("/devices"); strings.Contains(b.body, "/phone/add") {
		t.Error("a second phone is offered to who has two")
	}
}

// A program for phones that asks by itself is on the only phone.
func TestAProgramThatAsksIsOnTheOnlyPhone(t *testing.T) {
	w := asking()
	b := signedIn(t, w)
	_, link := b.program().ask()
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant").says(200, `value="d1" checked`)
	p := b.program()
	p.agent = "curl/8"
	_, link = p.ask()
	b.get(link).post("/login/v2/flow").leads("/login/v2/grant").says(200, `name="device" value="" checked`)
}
