package endtoend

import (
	"net/http"
	"strings"

	"github.com/chromedp/chromedp"
)

// otherWays are those that eachWay leaves out.
func otherWays() []device {
	return []device{
		{name: "de-phone", lang: "de", width: 320, height: 740, mobile: true},
		{name: "de-desktop-noscript", lang: "de", width: 1280, height: 900, noScript: true},
		{name: "en-desktop", lang: "en", width: 1280, height: 900, dark: true},
		{name: "en-phone-noscript", lang: "en", width: 320, height: 740, mobile: true, noScript: true},
	}
}

// devicesWalk is somebody who connects two programs: the page tells what each
// needs, sees the first sync by itself, and keeps the list in order.
func (o *owner) devicesWalk() {
	o.comes("iOS/17.1 (21B74) dataaccessd/1.0", o.name+"-password", http.StatusUnauthorized)
	o.comes("vdirsyncer/0.19.2", o.name+"-password", http.StatusUnauthorized)
	o.open("/")
	o.password(o.name + "-password")
	o.settle()
	o.oneAfterTheOther()
	o.android()
	o.thunderbird()
	o.tidy()
}

// in is the text of the person's language.
func (o *owner) in(de, en string) string {
	if o.dev.lang == "de" {
		return de
	}
	return en
}

// comes is a program that syncs, or tries to.
func (o *owner) comes(agent, password string, want int) {
	o.t.Helper()
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(o.name, password)
	a, err := o.site.check().ask(request{method: http.MethodGet, path: "/v1/auth", headers: []string{
		"Authorization: " + r.Header.Get("Authorization"), "X-Sallyport-Service: dav", "X-Forwarded-For: 192.0.2.7", "User-Agent: " + agent}})
	o.must("asking the socket", err)
	o.must("asking the socket", expectStatus(a, want))
}

// oneAfterTheOther is what follows the emergency codes: the programs that came
// with the normal password are ticked, one is added, and each gets its own.
func (o *owner) oneAfterTheOther() {
	o.look("devices")
	o.expect("h1", o.in("Ihren Kalender?", "your calendar?"))
	if got := ask[string](o.chromium, `[...document.querySelectorAll("input[name=device]:checked")].map(e => e.value).join(" ")`); got != "other:vdirsyncer iphone" {
		o.t.Errorf("%s: ticked are %q", o.dev.name, got)
	}
	o.do("ticking the Mac", o.finger(`label:has(input[value="mac"])`))
	o.press(`form[action="/devices"] button.main`)

	o.expect("h1", o.in("Gerät 1 von 3: vdirsyncer", "Device 1 of 3: vdirsyncer"))
	o.look("devices-1")
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("devices-1-issued")
	o.expect("main", o.in("Gerät 1 von 3: vdirsyncer", "Device 1 of 3: vdirsyncer"))
	o.comes("vdirsyncer/0.19.2", o.chromium.read("#app-password"), http.StatusNoContent)
	if o.dev.noScript {
		o.press(`main a[href="/devices/step?n=1"]`)
		o.look("devices-1-wait")
	}
	o.arrives(o.in("„vdirsyncer“ hat sich gemeldet: heute", "“vdirsyncer” was seen: today"))
	o.press(`main a.button.main`)

	// The iPhone is not at hand.
	o.expect("h1", o.in("Gerät 2 von 3: iPhone", "Device 2 of 3: iPhone"))
	o.press(`.aside a[href="/devices/step?n=3"]`)
	o.expect("h1", o.in("Gerät 3 von 3: Mac", "Device 3 of 3: Mac"))
	o.write("#label", "Mac im Büro")
	o.press(`form[action="/passwords/new"] button.main`)
	o.expect(`form[action="/passwords/profile"] button`, o.in("Profil laden", "Download the profile"))
	secret := o.chromium.read("#app-password")

	// Going back and loading again make no second one, and show none again.
	o.leave("going back", chromedp.Action[chromedp.Void](chromedp.NavigateBack()))
	if strings.Contains(o.words(), secret) || ask[bool](o.chromium, `!!document.querySelector("#app-password")`) {
		o.t.Errorf("%s: an app password is shown a second time", o.dev.name)
	}
	o.open("/devices/step?n=3")
	o.look("devices-3-wait")
	o.expect("#seen", o.in("Noch nichts angekommen", "Nothing has arrived yet"))
	o.press(`main a.button.main`)
	o.look("devices-end")
	o.expect(".lead", o.in("Ein Gerät hat noch kein App-Passwort", "One device has no app password yet"))
	o.press(`main a.button.main`)
	o.look("devices-home")
	if n := strings.Count(o.words(), "Mac im Büro"); n != 1 {
		o.t.Errorf("%s: there are %d app passwords for the Mac", o.dev.name, n)
	}
	o.press(`main a[href="/devices/step?n=2"]`)
	o.expect("h1", o.in("Gerät 2 von 3: iPhone", "Device 2 of 3: iPhone"))
	o.press(`.aside a[href="/home"]`)
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
	o.expect("main", o.in("Gilt bis", "Works until"))
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
