package endtoend

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// texts are the page's own sentences in a language, by name. The walks read them
// from its files: what they want to see is the right sentence in the right language,
// and not how it is put today.
type texts map[string]any

// textsOf reads the texts of a language.
func textsOf(lang string) texts {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "enrollweb", "words", "texts", lang+".json"))
	var all texts
	if err = errors.Join(err, json.Unmarshal(b, &all)); err != nil {
		return texts{"": err.Error()} // and every sentence is missing
	}
	return all
}

// says wants a sentence of the page where the selector means. What it has from
// elsewhere, as a name or a number, is given in its order.
func (v *visitor) says(sel, key string, given ...string) {
	v.t.Helper()
	v.expect(sel, v.sentence(key, given...))
}

// sentence is one that the page has for this; of several for different numbers the
// one for many.
func (v *visitor) sentence(key string, given ...string) string {
	v.t.Helper()
	one := v.texts[key]
	if forms, ok := one.(map[string]any); ok {
		one = forms["other"]
	}
	text, ok := one.(string)
	if !ok {
		v.t.Fatalf("%s: there is no text %s: %v", v.dev.name, key, v.texts[""])
	}
	for _, g := range given {
		before, rest, _ := strings.Cut(text, "{")
		_, after, _ := strings.Cut(rest, "}")
		text = before + g + after
	}
	return text
}

// tourWalk does the whole way.
func (o *owner) tourWalk() {
	o.signInFirst()
	key := o.setUp()
	o.appPassword()
	o.comeBack(key)
	o.elsewhere()
	o.reset()
}

// pageSite is a site whose page listens on a port of loopback.
func pageSite(t *testing.T, encrypted bool) *site { return pageSiteOf(t, encrypted, 0) }

// pageSiteOf has more people.
func pageSiteOf(t *testing.T, encrypted bool, more int) *site {
	port := run.FreePort(t)
	o := options{listen: fmt.Sprintf("127.0.0.1:%d", port), url: fmt.Sprintf("http://127.0.0.1:%d", port), more: more}
	if encrypted {
		o.url, o.tlsCert, o.tlsKey = fmt.Sprintf("https://localhost:%d", port), "tls-cert.pem", "tls-key.pem"
	}
	return newSite(t, o)
}

// visitor is somebody in front of the browser.
type visitor struct {
	*chromium
	site  *site
	name  string
	texts texts
	sheet []string // the emergency codes that the set-up showed
}

func (v *visitor) expect(sel, words string) {
	v.t.Helper()
	if got := v.chromium.read(sel); !strings.Contains(got, words) {
		v.t.Errorf("%s: %s reads %q, want %q", v.dev.name, sel, got, words)
	}
}

func (v *visitor) password(word string) {
	v.t.Helper()
	v.write("#name", v.name)
	v.write("#password", word)
	v.press(`form[action="/sign-in"] button.main`)
}

// signInFirst has one wrong password before the right one.
func (v *visitor) signInFirst() {
	v.open("/")
	v.look("sign-in")
	v.says("h1", "signin.title")
	v.password("wrong-password")
	v.look("sign-in-refused")
	v.says("[role=alert]", "signin.refused")
	v.write("#password", v.name+"-password")
	v.press(`form[action="/sign-in"] button.main`)
	v.look("begin")
}

// setUp reads the secret out of the picture, and compares it with what the page
// writes and links.
func (v *visitor) setUp() string {
	v.press(`form[action="/setup/begin"] button.main`)
	v.look("confirm")
	key := v.connect()
	wrong, err := wrongCode(key)
	v.must("computing a code", err)
	v.write("#code", wrong)
	v.press(`form[action="/setup/confirm"] button.main`)
	v.look("confirm-refused")
	v.says("[role=alert]", "code.wrong")
	if again := v.connect(); again != key {
		v.t.Errorf("%s: the key changed after a wrong code", v.dev.name)
	}
	code, err := v.site.phones.code(key)
	v.must("computing a code", err)
	v.write("#code", code)
	v.press(`form[action="/setup/confirm"] button.main`)
	v.look("codes")
	if v.sheet = v.sheetShown(); len(v.sheet) != 10 {
		v.t.Errorf("%s: %d emergency codes", v.dev.name, len(v.sheet))
	}
	v.do("ticking", v.finger("input[name=kept]"))
	v.press(`form[action="/codes/kept"] button.main`)
	return key
}

// settle sets up and looks at nothing on the way, which is what the tour is for.
func (v *visitor) settle() string {
	v.t.Helper()
	v.press(`form[action="/setup/begin"] button.main`)
	key := strings.Join(strings.Fields(ask[string](v.chromium, `document.querySelector("#key").textContent`)), "")
	v.write("#code", v.next(key))
	v.press(`form[action="/setup/confirm"] button.main`)
	v.do("ticking", v.finger("input[name=kept]"))
	v.press(`form[action="/codes/kept"] button.main`)
	return key
}

// sheetShown are the emergency codes on this page.
func (v *visitor) sheetShown() []string { return strings.Fields(v.chromium.read("ol.codes")) }

// connect returns the key, once picture, text and link agree on it.
func (v *visitor) connect() string {
	v.t.Helper()
	qr, tap := "#qr", ".on-computer a"
	if v.dev.mobile {
		qr, tap = ".on-phone details img", ".on-phone a.button"
		v.do("unfolding the picture", v.finger(".on-phone details summary"))
	}
	scanned := v.scan(qr)
	q := scanned.Query()
	key := q.Get("secret")
	if scanned.Scheme != "otpauth" || scanned.Host != "totp" || len(key) < 32 || q.Get("issuer") != "Example University" ||
		scanned.Path != "/Example University:"+v.name {
		v.t.Errorf("%s: the QR code says %s", v.dev.name, scanned.Redacted())
	}
	if link := ask[string](v.chromium, `document.querySelector("`+tap+`").href`); !strings.Contains(link, "secret="+key) {
		v.t.Errorf("%s: the link has another key than the picture", v.dev.name)
	}
	v.do("unfolding the key", v.finger("details.key summary"))
	if shown := v.chromium.read("#key"); strings.Join(strings.Fields(shown), "") != key {
		v.t.Errorf("%s: the page shows another key than the picture", v.dev.name)
	}
	return key
}

// appPassword is made, used over the socket, and removed.
func (v *visitor) appPassword() {
	v.open("/passwords/new")
	v.look("wish")
	v.do("choosing", v.finger(`label:has(input[value="thunderbird"])`))
	v.write("#label", "Büro")
	v.press(`form[action="/passwords/new"] button.main`)
	v.look("issued")
	v.says("main", "issued.once")
	v.expect(".lead", "Thunderbird")
	secret := v.chromium.read("#app-password")
	before := v.counted()
	v.answers(204, secret)
	if after := v.counted(); after <= before {
		v.t.Errorf("%s: the metrics count %d app passwords that were let in, and %d before", v.dev.name, after, before)
	}
	v.leave("going on", v.finger("a.button.main"))
	v.look("home")
	v.expect("main", "Büro")
	if strings.Contains(v.words(), secret) {
		v.t.Errorf("%s: the app password is shown a second time", v.dev.name)
	}
	v.strays()
	v.press(`a[href^="/passwords/remove"]`)
	v.look("remove")
	v.press(`form[action="/passwords/remove"] button.main`)
	v.says(".notice", "note.removed")
	v.look("removed")
	v.answers(401, secret)
}

// counted is how many app passwords the metrics say were let in.
func (v *visitor) counted() int {
	v.t.Helper()
	a, err := v.site.metrics().ask(request{method: http.MethodGet, path: "/metrics"})
	v.must("asking for the metrics", err)
	_, rest, _ := strings.Cut(a.body, `sallyport_checks_total{front_end="http",reason="ok",service="dav",verdict="accept"} `)
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0 // there is no such line before the first
	}
	return n
}

// strays are programs that still send the normal password, while another is set
// up: the page names all three.
func (v *visitor) strays() {
	for _, agent := range []string{"iOS/17.1 (21B74) dataaccessd/1.0", "DAVx5/4.3.1-ose (okhttp/4.11.0) Android/13"} {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(v.name, v.name+"-password")
		a, err := v.site.check().ask(request{method: http.MethodGet, path: "/v1/auth", headers: []string{
			"Authorization: " + r.Header.Get("Authorization"), "X-Sallyport-Service: dav",
			"X-Forwarded-For: 2001:db8:1:2::3", "User-Agent: " + agent}})
		v.must("asking the socket", err)
		v.must("asking the socket", expectStatus(a, http.StatusUnauthorized))
	}
	v.must("waiting for the tries", within(patience, func() error {
		v.open("/home")
		if strays, unused := ask[int](v.chromium, `document.querySelectorAll("#astray li").length`), ask[int](v.chromium, `document.querySelectorAll(".mark").length`); strays != 2 || unused != 0 {
			return fmt.Errorf("%d strays, %d unused app passwords", strays, unused)
		}
		return nil
	}))
	v.look("home-strays")
	v.says("#astray", "astray")
	v.expect("#astray", "2001:db8:1:2::/64")
}

func (v *visitor) answers(want int, secret string) {
	v.t.Helper()
	a, err := v.site.check().auth(login{name: v.name, password: secret, service: "dav"}, false)
	v.must("asking the socket", err)
	v.must("asking the socket", expectStatus(a, want))
}

// comeBack signs out, and in again with the keyboard alone.
func (v *visitor) comeBack(key string) {
	v.press(`form[action="/sign-out"] button`)
	v.look("signed-out")
	v.tabTo("name")
	v.do("typing", chromedp.KeyEvent(v.name))
	v.tabTo("password")
	v.do("typing", chromedp.KeyEvent(v.name+"-password"))
	v.leave("pressing Enter", chromedp.KeyEvent("\r"))
	v.look("code")
	v.press(`a[href^="/code?emergency"]`)
	v.look("emergency")
	v.leave("going back", v.finger(`.aside a`))
	code, err := v.site.phones.code(key)
	v.must("computing a code", err)
	v.tabTo("code")
	v.do("typing", chromedp.KeyEvent(code))
	v.leave("pressing Enter", chromedp.KeyEvent("\r"))
	v.look("home-again")
	v.cookies()
}

// tabTo moves the focus with the keyboard to the element with this id, and
// wants to see on every stop where it is.
func (v *visitor) tabTo(id string) {
	v.t.Helper()
	for range 30 {
		seen := ask[bool](v.chromium, `(() => { const e = document.activeElement, s = getComputedStyle(e);
			return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none" })()`)
		at := ask[string](v.chromium, `document.activeElement.id || document.activeElement.innerText || document.activeElement.tagName`)
		if !seen {
			v.t.Errorf("%s: the focus cannot be seen on %q", v.dev.name, at)
		}
		if at == id {
			return
		}
		v.do("pressing Tab", chromedp.KeyEvent("\t"))
	}
	v.t.Fatalf("%s: the keyboard does not reach %s", v.dev.name, id)
}

// elsewhere looks at the pages that are not on the straight way.
func (v *visitor) elsewhere() {
	for _, page := range []string{"/phone", "/codes", "/nowhere"} {
		v.open(page)
		v.look(page[1:])
	}
}

// reset by support ends the session, and the next sign-in wants the code that
// comes with it, and no other.
func (v *visitor) reset() {
	cmd := exec.Command(filepath.Join(bin, "sallyport"), "--socket", v.site.path("run/admin.sock"), "--json",
		"reset", v.name, "--reason", "lost phone")
	out, err := cmd.Output()
	v.must("resetting", err)
	var done struct{ Invite string }
	v.must("resetting", json.Unmarshal(out, &done))
	v.open("/home")
	v.look("over")
	v.password(v.name + "-password")
	v.look("invite")
	v.says("label", "invite.label")
	v.write("#code", "k7m2x-9qxvd-hz4tx")
	v.press(`form[action="/setup/invite"] button.main`)
	v.look("invite-refused")
	v.says("[role=alert]", "invite.wrong")
	v.write("#code", done.Invite)
	v.press(`form[action="/setup/invite"] button.main`)
	v.press(`form[action="/setup/begin"] button.main`)
	v.write("#code", v.next(v.connect()))
	v.press(`form[action="/setup/confirm"] button.main`)
	v.look("codes-after-reset")
}

// next is a code of a phone that has not been used.
func (v *visitor) next(key string) string {
	v.t.Helper()
	code, err := v.site.phones.code(key)
	v.must("computing a code", err)
	return code
}
