package endtoend

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// eachWay are the four ways to use the page: both languages, with scripts and
// without, and each of these four once on a phone and once at a desk. The phones are
// as narrow as there are any: what has its place there has it on every other.
func eachWay() []device {
	return []device{
		{name: "de-desktop", lang: "de", width: 1280, height: 900},
		{name: "de-phone-noscript", lang: "de", width: 320, height: 740, mobile: true, noScript: true},
		{name: "en-phone-dark", lang: "en", width: 320, height: 740, mobile: true, dark: true},
		{name: "en-desktop-noscript", lang: "en", width: 1280, height: 900, noScript: true},
	}
}

// errand is one thing to do on the page, from its beginning to its end.
type errand struct {
	name string
	do   func(*owner)
	// plain is the site without TLS, which the web applications need.
	plain bool
	// app is the web application that somebody comes from.
	app func(*stage) string
	// fewest pages are seen on the way.
	fewest int
	// ways are eachWay if there are none.
	ways func() []device
}

// walks are all errands.
func walks() []errand {
	mail, behind := func(st *stage) string { return st.mail }, func(st *stage) string { return st.behind }
	return []errand{
		{name: "tour", do: (*owner).tourWalk},
		{name: "phones", do: (*owner).phonesWalk},
		{name: "sheet", do: (*owner).sheetWalk},
		{name: "tidy", do: (*owner).tidyWalk},
		{name: "astray", do: (*owner).astrayWalk, fewest: 8},
		{name: "program", do: (*owner).programWalk, plain: true, fewest: 6},
		{name: "return", do: (*owner).returnWalk, plain: true, app: mail},
		{name: "gate", do: (*owner).gateWalk, plain: true, app: behind},
		{name: "devices", do: (*owner).devicesWalk, ways: otherWays},
		{name: "itself", do: (*owner).itselfWalk, ways: scripted, fewest: 8},
	}
}

// TestWalks does every errand in a real browser in each of its ways.
func TestWalks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	for i, w := range walks() {
		ways := eachWay
		if w.ways != nil {
			ways = w.ways
		}
		for j, dev := range ways() {
			t.Run(w.name+"/"+dev.name, func(t *testing.T) {
				t.Parallel()
				o := st.owner(t, w, dev)
				o.name = walker(i, j)
				w.do(o)
				o.untroubled()
			})
		}
	}
}

// walker is who does the walk i in the way j.
func walker(i, j int) string {
	if i+j == 0 {
		return "müller"
	}
	return fmt.Sprintf("u%06d", i*len(eachWay())+j+1)
}

// stage is what the walks share: two sites with all that the page can do, and two
// web applications. Everybody walks as a person of their own.
type stage struct {
	tls, plain   *site
	mail, behind string
	old          map[string][]string // by name: app passwords of long ago
}

func newStage(t *testing.T) *stage {
	more := len(walks()) * len(eachWay())
	st := &stage{tls: pageSiteOf(t, true, more), plain: pageSiteOf(t, false, more)}
	st.tls.with("[[page.server]]\nservice = \"dav\"\ncalendar = \"https://dav.example.org/\"\ncontacts = \"https://dav.example.org/\"\n")
	st.mail, st.behind = mailApp(t, st.plain), behindNginx(t, st.plain)
	const services = `services = ["web", "dav", "files"]`
	st.plain.withFlow()
	st.plain.change(services, fmt.Sprintf("%s\norigins = [%q]", services, st.behind))
	// The wait after too many wrong passwords is one that ends in no walk.
	st.tls.with("[throttle]\nfirst_factor_per_hour = 3\n")
	st.plain.change("[page.support]", fmt.Sprintf("return_to = [%q]\n[page.support]", st.mail+"/mail"))
	i := slices.IndexFunc(walks(), func(w errand) bool { return w.name == "tidy" })
	st.old = st.tls.longAgo(walker(i, 0), walker(i, 1), walker(i, 2), walker(i, 3))
	st.tls.must("starting", st.tls.start())
	st.plain.must("starting", st.plain.start())
	return st
}

// owner is somebody new in front of a window of their own.
func (st *stage) owner(t *testing.T, w errand, dev device) *owner {
	s := st.tls
	if w.plain {
		s = st.plain
	}
	c := newChromium(t, s.url, dev)
	if c.fewest = w.fewest; w.app != nil {
		c.app = w.app(st)
	}
	return &owner{stage: st, visitor: &visitor{chromium: c, texts: textsOf(dev.lang),
		site: &site{t: t, dir: s.dir, page: s.page, url: s.url, people: s.people, daemon: s.daemon}}}
}

// enrolled is somebody who has set up before the walk begins.
func (o *owner) enrolled() enrolled {
	o.t.Helper()
	b, err := o.site.another()
	o.must("opening another browser", err)
	person, err := o.site.enroll(b, o.name, "")
	o.must("setting up", err)
	return person
}

// sheetWalk is somebody with a new phone and the sheet of paper: in with an
// emergency code, which is then used up, the new phone in the place of the old one,
// and a new sheet.
func (o *owner) sheetWalk() {
	person := o.enrolled()
	o.open("/")
	o.password(o.name + "-password")
	o.press(`a[href^="/code?emergency"]`)
	o.emergency("k7m2x-9qxvd-hz4tx", false)
	o.look("emergency-refused")
	o.emergency(person.codes[3], true)
	o.look("emergency-home")
	o.says("main", "home.codes_left", "9")
	o.press(`a[href^="/phone?id="]`)
	o.look("replace")
	o.press(`form[action="/phone/begin"] button.main`)
	o.look("replace-confirm")
	o.says("main", "phone.cost")
	fresh := o.connect()
	o.write("#code", o.next(fresh))
	o.press(`form[action="/phone/confirm"] button.main`)
	o.look("replaced")
	o.says(".notice", "note.phone")
	o.must("the old phone", o.login(person.key, "deny"))
	o.must("the new phone", o.login(fresh, "accept"))
	o.press(`a[href="/codes"]`)
	o.look("renew")
	o.press(`form[action="/codes"] button.main`)
	o.look("renewed")
	o.sheet = o.sheetShown()
	o.do("ticking", o.finger("input[name=kept]"))
	o.press(`form[action="/codes/kept"] button.main`)
	o.press(`form[action="/sign-out"] button`)
	o.password(o.name + "-password")
	o.press(`a[href^="/code?emergency"]`)
	for _, dead := range []string{person.codes[3], person.codes[4]} {
		o.emergency(dead, false)
	}
	o.emergency(o.sheet[0], true)
}

// emergency types an emergency code, which is good or not.
func (o *owner) emergency(code string, good bool) {
	o.t.Helper()
	o.write("#code", code)
	o.press(`form[action="/code"] button.main`)
	if want := map[bool]string{true: "/home", false: "/code"}[good]; ask[string](o.chromium, `location.pathname`) != want {
		o.t.Fatalf("%s: an emergency code does not lead to %s:\n%s", o.dev.name, want, o.words())
	}
	if !good {
		o.says("[role=alert]", "code.wrong_emergency")
	}
}

// astrayWalk are the dead ends: a link of long ago, too many wrong passwords and codes, an
// account that the directory has locked, and an address that is none. Each says
// what to do, and whom to call.
func (o *owner) astrayWalk() {
	person := o.enrolled()
	o.open("/nowhere")
	o.stuck("nowhere", "main", o.sentence("not_found"))
	o.open("/enroll?ticket=of-long-ago")
	o.press(`form[action="/enroll"] button.main`)
	o.stuck("link", "main", o.sentence("link.gone"))
	o.press(`main a.button`)
	if o.dev.mobile {
		o.forgotten()
	} else {
		o.password(o.name + "-password")
	}
	o.must("guessing codes", o.guess(person.key))
	code := o.next(person.key)
	o.write("#code", code)
	o.press(`form[action="/code"] button.main`)
	o.stuck("throttled", "[role=alert]", o.in("Bitte warten Sie", "Please wait"))
	o.says(".aside", "code.emergency")
	o.site.support("unlock", o.name, "--reason", "it was me")
	o.write("#code", code)
	o.press(`form[action="/code"] button.main`)
	o.look("unlocked")
	o.site.people.Modify(directorytest.PersonDN(o.name), "pwdAccountLockedTime", "000001010000Z")
	o.must("being locked", within(patience, func() error {
		if o.open("/home"); ask[string](o.chromium, `location.search`) != "?over=1" {
			return errors.New("the session goes on")
		}
		return nil
	}))
	o.stuck("over", ".notice", o.sentence("over"))
	o.password(o.name + "-password")
	o.stuck("locked", "[role=alert]", o.sentence("signin.refused"))
}

// forgotten is somebody who does not know their password any more: after three
// wrong ones they have to wait, with the right one as well, of which the page tells
// nothing; until support, who are named, lift that.
func (o *owner) forgotten() {
	o.t.Helper()
	for n := range 3 {
		o.password(fmt.Sprintf("wrong-password-%d", n))
		o.says("[role=alert]", "signin.refused")
	}
	var shown []string
	for _, word := range []string{"wrong-password-3", o.name + "-password"} {
		o.password(word)
		o.stuck("passwords", "[role=alert]", o.in("Bitte warten Sie", "Please wait"))
		shown = append(shown, regexp.MustCompile(`\d+`).ReplaceAllString(o.words(), "N"))
	}
	if shown[0] != shown[1] {
		o.t.Errorf("%s: the page tells a right password from a wrong one:\n%s\n%s", o.dev.name, shown[0], shown[1])
	}
	o.site.support("unlock", o.name, "--reason", "called back")
	o.password(o.name + "-password")
	o.says("h1", "code.title")
}

// stuck is where somebody does not get on: the page says why, and whom to call.
func (o *owner) stuck(name, sel, words string) {
	o.t.Helper()
	o.look("stuck-" + name)
	o.expect(sel, words)
	o.expect(`footer a[href="tel:+49301234567"]`, "+49 30 1234567")
	o.expect("footer", "Mo-Fr 9-17")
	o.expect(`footer a[href="mailto:help@example.org"]`, "help@example.org")
}

// guess is somebody elsewhere who has the password and tries codes.
func (o *owner) guess(key string) error {
	wrong, err := wrongCodes(key, 6)
	if err != nil {
		return err
	}
	for _, code := range wrong {
		if _, err := o.site.check().verdict(login{name: o.name, password: o.name + "-password", code: code, service: "web"}); err != nil {
			return err
		}
	}
	return nil
}

// signIn has password and code.
func (o *owner) signIn(key string) {
	o.t.Helper()
	o.open("/")
	o.password(o.name + "-password")
	o.write("#code", o.next(key))
	o.press(`form[action="/code"] button.main`)
}

// another opens a browser that is no Chromium.
func (s *site) another() (*browser, error) {
	b, err := newBrowser(s.url, "")
	if err == nil {
		b.client.Transport, err = s.trusting()
	}
	return b, err
}

// trusting speaks to the page as a browser does that knows its authority.
func (s *site) trusting() (*http.Transport, error) {
	pem, err := os.ReadFile(s.people.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no authority in the file")
	}
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}, nil
}
