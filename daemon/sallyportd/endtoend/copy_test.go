package endtoend

import (
	"errors"
	"fmt"
	"net/http"
)

// scripted are two ways to use the page with scripts.
func scripted() []device {
	return []device{
		{name: "de-phone", lang: "de", width: 320, height: 740, mobile: true},
		{name: "en-desktop", lang: "en", width: 1280, height: 900},
	}
}

// itselfWalk is what the page does by itself: a copy is said to those who hear the
// page, one that the browser refuses is marked, the first sync changes what is new
// and not the page, and the profile is offered where it is of use.
func (o *owner) itselfWalk() {
	o.signIn(o.enrolled().key)
	for program, here := range map[string]string{"mac": ".on-computer", "iphone": ".on-phone"} {
		o.open("/passwords/new")
		o.do("choosing", o.finger(`label:has(input[value="`+program+`"])`))
		o.press(`form[action="/passwords/new"] button.main`)
		seen := ask[bool](o.chromium, `document.querySelector("`+here+` > form[action='/passwords/profile']").checkVisibility()`)
		if want := (here == ".on-phone") == o.dev.mobile; seen != want {
			o.t.Errorf("%s: the profile for %s can be seen: %t", o.dev.name, program, seen)
		}
	}
	o.copies()
	o.waits()
}

// copies presses the button beside the app password, once with a browser that lets
// it and once with one that does not.
func (o *owner) copies() {
	const button = `button.copy[data-of="app-password"]`
	said := func(text, label string) {
		o.must("saying "+text, within(patience, func() error {
			got := ask[string](o.chromium, `document.getElementById("said").textContent + "|" + document.querySelector('`+button+`').getAttribute("aria-label")`)
			if got != text+"|"+label {
				return fmt.Errorf("said is %q", got)
			}
			return nil
		}))
	}
	secret, name := o.chromium.read("#app-password"), o.in("App-Passwort kopieren", "Copy App password")
	for _, c := range []struct{ clipboard, says, check string }{
		{`async text => { document.copied = text; }`, o.in("Kopiert", "Copied"), `document.copied`},
		{`async () => { throw new Error("not allowed"); }`, o.in("Bitte von Hand kopieren", "Please copy it by hand"), `getSelection().toString()`},
	} {
		ask[bool](o.chromium, `navigator.clipboard.writeText = `+c.clipboard+`, true`)
		o.do("copying", o.finger(button))
		said(c.says, c.says)
		if got := ask[string](o.chromium, c.check); got != secret {
			o.t.Errorf("%s: %s is %q, want %q", o.dev.name, c.check, got, secret)
		}
		said("", name)
	}
}

// waits looks on while a program syncs: the page stays the one that it was.
func (o *owner) waits() {
	secret := o.chromium.read("#app-password")
	o.press(`a[href^="/passwords/wait"]`)
	o.look("wait-by-itself")
	ask[bool](o.chromium, `(document.documentElement.dataset.old = "1") === "1"`)
	o.comes("iOS/17.1 (21B74) dataaccessd/1.0", secret, http.StatusNoContent)
	o.must("seeing the first sync", within(patience, func() error {
		if !ask[bool](o.chromium, `document.getElementById("seen").className === "seen" && document.title.startsWith(document.querySelector("h1").innerText)`) {
			return errors.New("it is not seen")
		}
		return nil
	}))
	if !ask[bool](o.chromium, `document.documentElement.dataset.old === "1" && !document.querySelector('a[href="/tries/watch"]')`) {
		o.t.Errorf("%s: the page was loaded again, or still helps:\n%s", o.dev.name, o.words())
	}
}
