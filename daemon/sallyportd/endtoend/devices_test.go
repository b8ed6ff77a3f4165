package endtoend

import (
	"net/http"
	"strings"
	"testing"
)

// TestEachDeviceHasItsAppPassword is somebody who connects two programs in a real
// browser: the page tells what each needs, sees the first sync by itself, and
// keeps the list in order.
func TestEachDeviceHasItsAppPassword(t *testing.T) {
	t.Parallel()
	for _, dev := range []device{
		{name: "de-phone", lang: "de", width: 360, height: 740, mobile: true},
		{name: "de-desktop-noscript", lang: "de", width: 1280, height: 900, noScript: true},
		{name: "en-desktop", lang: "en", width: 1280, height: 900, dark: true},
		{name: "en-phone-noscript", lang: "en", width: 360, height: 740, mobile: true, noScript: true},
	} {
		t.Run(dev.name, func(t *testing.T) {
			t.Parallel()
			s := pageSite(t, true).with("[[page.server]]\nservice = \"dav\"\ncalendar = \"https://dav.example.org/\"\ncontacts = \"https://dav.example.org/\"\n")
			c := newChromium(t, s.url, dev)
			s.must("starting", s.start())
			o := &owner{visitor: &visitor{chromium: c, site: s, name: "alice", texts: textsOf(dev.lang)}}
			o.signInFirst()
			o.setUp()
			o.android()
			o.thunderbird()
			o.tidy()
			c.untroubled()
		})
	}
}

// in is the text of the person's language.
func (o *owner) in(de, en string) string {
	if o.dev.lang == "de" {
		return de
	}
	return en
}

// android connects DAVx5: by the link on the phone, by the picture on a computer.
func (o *owner) android() {
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="android"])`))
	o.write("#label", "Kalender")
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("device-android")
	o.calendars = o.chromium.read("#app-password")
	o.expect("dl.give", "https://dav.example.org/")
	o.expect("dl.give", o.name)
	link := ask[string](o.chromium, `document.querySelector('a[href^="davx5:"]').href`)
	if want := "davx5://" + o.name + ":" + o.calendars + "@dav.example.org/"; strings.ReplaceAll(link, "\n", "") != want {
		o.t.Errorf("%s: the link is %q, want %q", o.dev.name, link, want)
	}
	seen := func(sel string) bool {
		return ask[bool](o.chromium, `document.querySelector(`+"`"+sel+"`"+`).checkVisibility()`)
	}
	if tap, picture := seen(`a[href^="davx5:"]`), seen(`#davx5`); tap != o.dev.mobile || picture == o.dev.mobile {
		o.t.Errorf("%s: the link can be seen: %t, the picture: %t", o.dev.name, tap, picture)
	}
	if seen("button.copy") == o.dev.noScript {
		o.t.Errorf("%s: a button to copy is there or not as it should not be", o.dev.name)
	}
	if o.dev.noScript {
		o.press(`a[href^="/passwords/wait"]`)
		o.look("device-wait")
	}
	o.sync(o.calendars, http.StatusNoContent)
	o.arrives(o.in("„Kalender“ hat sich gemeldet: heute", "“Kalender” was seen: today"))
	o.look("device-seen")
}

// thunderbird gets one for a month, after an iPhone was offered a profile.
func (o *owner) thunderbird() {
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="iphone"])`))
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("device-iphone")
	o.expect(`form[action="/passwords/profile"] button`, o.in("Profil laden", "Download the profile"))
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="thunderbird"])`))
	o.do("opening how long", o.finger(`details.more summary`))
	o.do("choosing how long", o.finger(`label:has(input[name="days"][value="30"])`))
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("device-thunderbird")
	o.expect("main", o.in("Löschen Sie zuerst das gespeicherte alte Passwort", "First delete the saved old password"))
	o.open("/home")
	o.expect("main", o.in("Gilt bis", "Good until"))
}

// tidy renames the first and removes it.
func (o *owner) tidy() {
	row := `li:has(a[aria-label*="Kalender"]) `
	o.press(row + `a[href^="/passwords/rename"]`)
	o.look("device-rename")
	o.write("#label", "Zoës Handy")
	o.press(`form[action="/passwords/rename"] button.main`)
	o.look("device-renamed")
	o.expect("main", "Zoës Handy")
	o.sync(o.calendars, http.StatusNoContent)
	o.press(`li:has(a[aria-label*="Zoës"]) a[href^="/passwords/remove"]`)
	o.look("device-remove")
	o.press(`form[action="/passwords/remove"] button.main`)
	o.look("device-removed")
	o.sync(o.calendars, http.StatusUnauthorized)
	if got := o.chromium.read("main"); strings.Contains(got, "Zoës Handy") {
		o.t.Errorf("%s: what was removed is still in the list", o.dev.name)
	}
}
