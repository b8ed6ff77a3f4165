package endtoend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestKeyboardAlone: somebody without mouse and touch signs in, sets up and makes
// an app password with Tab, Enter and Space, and always sees where they are. The
// operator has chosen "du", and no page of it says anything else.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := pageSite(t, false)
	s.brand("#8a1253", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><circle cx="18" cy="18" r="18"/></svg>`)
	s.change("operator = ", "german = \"du\"\noperator = ")
	c := newChromium(t, s.url, device{name: "de-keyboard", lang: "de", width: 1280, height: 900})
	s.must("starting", s.start())
	v := &visitor{chromium: c, site: s, name: "alice", texts: textsOf("de")}
	v.open("/")
	if got := ask[string](v.chromium, `getComputedStyle(document.querySelector("button.main")).backgroundColor`); got != "rgb(138, 18, 83)" {
		t.Errorf("the main button is %s", got)
	}
	if !ask[bool](v.chromium, `document.querySelector("img.logo").naturalWidth > 0`) {
		t.Error("the logo is not to be seen")
	}
	v.titled("Anmelden")
	v.arrive("#name")
	v.types("alice")
	v.arrive("#password")
	v.types("wrong-password")
	v.goes("Enter", "\r")

	v.titled("Fehler: Anmelden")
	v.told("#password")
	v.types("alice-password")
	v.arrive("form button.main")
	v.goes("Space", " ")

	v.titled("Einrichten in drei Schritten")
	v.arrive("form button.main")
	v.goes("Enter", "\r")

	v.titled("Handy verbinden")
	v.arrive("details.key summary")
	v.types(" ")
	key := strings.Join(strings.Fields(v.chromium.read("#key")), "")
	wrong, err := wrongCode(key)
	v.must("computing a code", err)
	v.arrive("#code")
	v.types(wrong)
	v.goes("Enter", "\r")
	v.titled("Fehler: Handy verbinden")
	v.told("#code")
	code, err := s.phones.code(key)
	v.must("computing a code", err)
	v.types(code)
	v.arrive("form[action='/setup/confirm'] button.main")
	v.goes("Space", " ")

	v.titled("Deine Notfallcodes")
	v.arrive("input[name=kept]")
	v.types(" ")
	v.arrive("form button.main")
	v.goes("Enter", "\r")

	v.titled("Wo benutzt du deinen Kalender?")
	v.arrive("input[value=iphone]")
	v.types(" ")
	v.arrive("form button.main")
	v.goes("Enter", "\r")

	v.titled("Neues App-Passwort")
	v.arrive("#label")
	v.types("Mein iPhone")
	v.arrive("form button.main")
	v.goes("Enter", "\r")

	v.titled("Dein neues App-Passwort")
	secret := v.chromium.read("#app-password")
	v.arrive("a[href='/devices/step?n=1']")
	v.goes("Enter", "\r")
	v.titled("Warten auf das Gerät")
	v.answers(204, secret)
	v.must("waiting for the first sync", within(patience, func() error {
		ctx, cancel := context.WithTimeout(v.ctx, patience)
		defer cancel()
		title, err := chromedp.Run(ctx, chromedp.Title())
		if err != nil || !strings.HasPrefix(title, "Es klappt") {
			return errors.Join(fmt.Errorf("the title is %q", title), err)
		}
		return nil
	}))
	v.familiar()
	v.untroubled()
}

// brand gives the page an operator's colour and logo.
func (s *site) brand(accent, logo string) {
	s.t.Helper()
	s.must("writing the logo", os.WriteFile(s.path("logo.svg"), []byte(logo), 0o600))
	config, err := os.ReadFile(s.path("sallyport.toml"))
	s.must("reading the config", err)
	text := strings.Replace(string(config), "operator = ", fmt.Sprintf("accent = %q\nlogo = \"logo.svg\"\noperator = ", accent), 1)
	s.must("writing the config", os.WriteFile(s.path("sallyport.toml"), []byte(text), 0o600))
}

// titled wants the page's title to say what state it is in.
func (v *visitor) titled(begins string) {
	v.t.Helper()
	if got := ask[string](v.chromium, `document.title`); !strings.HasPrefix(got, begins) {
		v.t.Fatalf("%s: the title is %q, want %q\n%s", v.dev.name, got, begins, v.words())
	}
	v.familiar()
}

// familiar wants everything that this page says, to those who see it and to those
// who hear it, to say "du".
func (v *visitor) familiar() {
	v.t.Helper()
	all := ask[string](v.chromium, `document.title + "\n" + document.body.textContent + "\n" + [...document.querySelectorAll("*")].flatMap(e =>
		[...e.attributes].filter(a => /^(alt|title|placeholder|content|aria-(label|description)|data-.*)$/.test(a.name)).map(a => a.value)).join("\n")`)
	if formal := regexp.MustCompile(`[^\n]*\b(Sie|Ihnen|Ihre?[mnrs]?)\b[^\n]*`).FindAllString(all, -1); len(formal) > 0 {
		v.t.Errorf("%s: the page says\n%s", v.dev.name, strings.Join(formal, "\n"))
	}
}

// arrive presses Tab until the focus is on what the selector means, and wants to
// see where it is at every stop.
func (v *visitor) arrive(sel string) {
	v.t.Helper()
	for range 30 {
		if ask[bool](v.chromium, fmt.Sprintf(`document.activeElement.matches(%q)`, sel)) {
			return
		}
		v.do("pressing Tab", chromedp.KeyEvent("\t"))
		if !ask[bool](v.chromium, `(e => { const s = getComputedStyle(e.matches(".choice input, .tick input") ? e.parentElement : e);
			return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 })(document.activeElement)`) {
			v.t.Errorf("%s: the focus cannot be seen on the way to %s", v.dev.name, sel)
		}
	}
	v.t.Fatalf("%s: the keyboard does not reach %s:\n%s", v.dev.name, sel, v.words())
}

// types types where the focus is.
func (v *visitor) types(text string) {
	v.t.Helper()
	v.do("typing", chromedp.KeyEvent(text))
}

// goes presses a key that leads to another page.
func (v *visitor) goes(name, key string) {
	v.t.Helper()
	v.leave("pressing "+name, chromedp.KeyEvent(key))
}

// told wants an error to be announced, to belong to the field, and the focus to be
// there.
func (v *visitor) told(field string) {
	v.t.Helper()
	if !ask[bool](v.chromium, fmt.Sprintf(`(f => document.activeElement === f && f.getAttribute("aria-invalid") === "true" &&
		f.getAttribute("aria-describedby").split(" ").includes("problem") && !!document.querySelector("#problem[role=alert]").innerText)(document.querySelector(%q))`, field)) {
		v.t.Errorf("%s: the error at %s is not told, or the focus is elsewhere:\n%s", v.dev.name, field, v.words())
	}
}
