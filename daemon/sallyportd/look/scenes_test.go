package look

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
)

// scene is one state of the page, and how to get there.
type scene struct {
	name  string
	level guard.Level
	path  string
	view  func(*enroll.View)
	then  func(*tab)
	// title is how the page's title begins, in German and in English: it says the
	// state.
	title [2]string
	// leaves says that the page goes on to the web application by itself.
	leaves bool
}

func scenes() []scene {
	return slices.Concat(signingIn(), settingUp(), atHome(), withPhones(), eachDevice(), refusals(), leftOvers(), fromAnApp(), otherWise())
}

func signingIn() []scene {
	return []scene{
		{name: "signin", path: "/", title: [2]string{"Anmelden", "Sign in"}},
		{name: "signin-refused", path: "/", then: func(b *tab) { b.send("/sign-in", "name", "alice", "password", "wrong") },
			title: [2]string{"Fehler: Anmelden", "Error: Sign in"}},
		{name: "disturbed", path: "/", then: func(b *tab) { b.send("/sign-in", "name", "alice", "password", "disturbed") },
			title: [2]string{"Die Anmeldung ist gerade gestört", "Sign-in has a problem right now"}},
		{name: "over", path: "/?over=1", title: [2]string{"Anmelden", "Sign in"}},
		{name: "nowhere", path: "/nowhere", title: [2]string{"Seite nicht gefunden", "Page not found"}},
		{name: "code", level: guard.Code, path: "/code", title: [2]string{"Noch ein Schritt", "One more step"}},
		{name: "code-refused", level: guard.Code, path: "/code", then: func(b *tab) { b.send("/code", "code", "000000") },
			title: [2]string{"Fehler: Noch ein Schritt", "Error: One more step"}},
		{name: "emergency", level: guard.Code, path: "/code?emergency=1", title: [2]string{"Mit Notfallcode anmelden", "Sign in with an emergency code"}},
		{name: "link", path: "/enroll?ticket=abc", title: [2]string{"Willkommen", "Welcome"}},
		{name: "link-gone", path: "/enroll?ticket=old", then: func(b *tab) { b.send("/enroll") }, title: [2]string{"Link abgelaufen", "Link has expired"}},
		{name: "flow", path: "/login/v2/flow?id=abc", title: [2]string{"Ein Programm", "A program"}},
	}
}

func settingUp() []scene {
	return []scene{
		{name: "invite", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { v.Stage = enroll.StageInvite },
			title: [2]string{"Freischaltcode eingeben", "Enter your unlock code"}},
		{name: "begin", level: guard.Setup, path: "/setup", title: [2]string{"Einrichten in drei Schritten", "Set up in three steps"}},
		{name: "confirm", level: guard.Setup, path: "/setup", view: waiting, title: [2]string{"Handy verbinden", "Connect your phone"}},
		{name: "confirm-refused", level: guard.Setup, path: "/setup", view: waiting, then: func(b *tab) { b.send("/setup/confirm", "code", "000000") },
			title: [2]string{"Fehler: Handy verbinden", "Error: Connect your phone"}},
		{name: "codes-first", level: guard.Setup, path: "/setup", view: waiting, then: func(b *tab) { b.send("/setup/confirm", "code", "123456") },
			title: [2]string{"Ihre Notfallcodes", "Your emergency codes"}},
		{name: "devices", level: guard.Full, path: "/devices", view: came, title: [2]string{"Wo benutzen Sie Ihren Kalender?", "Which devices sync your calendar?"}},
		{name: "devices-none", level: guard.Full, path: "/devices", title: [2]string{"Wo benutzen Sie Ihren Kalender?", "Which devices sync your calendar?"}},
	}
}

// list is what a person with several devices sees.
func list(v *enroll.View) {
	v.Services, v.CodesLeft = []string{"dav", "imap"}, 2
	v.AppPasswords = []account.Record{
		{ID: "1", Label: "Annas Handy", Created: now().AddDate(0, -1, 0), Services: []string{"dav"},
			LastUsed: now().Add(-time.Hour), LastService: "dav", LastAgent: "DAVx5/4.3", LastFrom: "192.0.2.7"},
		{ID: "2", Label: "Thunderbird im Büro", Created: now().AddDate(0, -6, 0), LastUsed: now().AddDate(0, -4, 0), LastService: "imap"},
		{ID: "3", Label: "Tablet", Created: now().AddDate(0, 0, -2)},
	}
	v.Astray = []account.Event{
		{At: now().Add(-10 * time.Minute), Service: "dav", Agent: "iOS/17.1 dataaccessd/1.0", Address: "192.0.2.9"},
		{At: now().AddDate(0, 0, -1), Service: "dav", Agent: "Thunderbird/128.0", Address: "2001:db8:1:2::3"},
	}
}

func make1(program string) func(*tab) {
	return func(b *tab) { b.send("/passwords/new", "program", program) }
}

func atHome() []scene {
	stale := func(v *enroll.View) { v.Fresh = false }
	issued := [2]string{"Ihr neues App-Passwort", "Your new app password"}
	return []scene{
		{name: "home", level: guard.Full, path: "/home", title: [2]string{"Übersicht", "Overview"}},
		{name: "home-list", level: guard.Full, path: "/home?note=renamed", view: list, title: [2]string{"Übersicht", "Overview"}},
		{name: "wish", level: guard.Full, path: "/passwords/new", view: list, title: [2]string{"Neues App-Passwort", "New app password"}},
		{name: "wish-refused", level: guard.Full, path: "/passwords/new", view: list, then: func(b *tab) { b.send("/passwords/new", "program", "mac", "service", "") },
			title: [2]string{"Fehler: Neues App-Passwort", "Error: New app password"}},
		{name: "issued-iphone", level: guard.Full, path: "/passwords/new", then: make1("iphone"), title: issued},
		{name: "issued-android", level: guard.Full, path: "/passwords/new", then: make1("android"), title: issued},
		{name: "issued-thunderbird", level: guard.Full, path: "/passwords/new", then: make1("thunderbird"), title: issued},
		{name: "wait", level: guard.Full, path: "/passwords/wait?id=3", view: list, title: [2]string{"Warten auf das Gerät", "Waiting for the device"}},
		{name: "wait-seen", level: guard.Full, path: "/passwords/wait?id=1", view: list, title: [2]string{"Es klappt", "It works"}},
		{name: "tries", level: guard.Full, path: "/tries", view: list, title: [2]string{"Warum ist mein Kalender nicht aktuell?", "Why is my device not syncing?"}},
		{name: "tries-watch", level: guard.Full, path: "/tries/watch", title: [2]string{"Warum ist mein Kalender nicht aktuell?", "Why is my device not syncing?"}},
		{name: "grant", level: guard.Full, path: "/login/v2/flow?id=abc", then: func(b *tab) { b.send("/login/v2/flow") },
			title: [2]string{"App-Passwort weitergeben?", "Give this program an app password?"}},
		{name: "rename", level: guard.Full, path: "/passwords/rename?id=2", view: list, title: [2]string{"App-Passwort umbenennen", "Rename an app password"}},
		{name: "remove", level: guard.Full, path: "/passwords/remove?id=1", view: list, title: [2]string{"App-Passwort entfernen?", "Remove app password?"}},
		{name: "unused", level: guard.Full, path: "/passwords/unused", view: list, title: [2]string{"Unbenutzte", "Remove unused"}},
		{name: "grant-refused", level: guard.Full, path: "/login/v2/flow?id=abc", then: func(b *tab) { b.send("/login/v2/flow"); b.send("/login/v2/grant") },
			title: [2]string{"Fehler: App-Passwort weitergeben?", "Error: Give this program an app password?"}},
		{name: "renew", level: guard.Full, path: "/codes", title: [2]string{"Neue Notfallcodes machen", "Make new emergency codes"}},
		{name: "codes", level: guard.Full, path: "/codes", then: func(b *tab) { b.send("/codes") }, title: [2]string{"Ihre Notfallcodes", "Your emergency codes"}},
		{name: "again", level: guard.Full, path: "/codes", view: stale, title: [2]string{"Bitte noch einmal anmelden", "Please sign in again"}},
	}
}

// two phones, one of which holds an app password.
func two(v *enroll.View) {
	list(v)
	v.Devices = []account.Record{
		{ID: "d1", Factor: "totp", Label: "Annas Handy", Created: now().AddDate(0, -2, 0), LastUsed: now().Add(-75 * time.Minute)},
		{ID: "d2", Factor: "totp", Label: "Tablet in der Küche", Created: now().AddDate(0, 0, -9), LastUsed: now().AddDate(0, 0, -3)},
	}
	v.AppPasswords[0].Device, v.Astray, v.CodesLeft = "d1", nil, 9
}

func withPhones() []scene {
	lost := [2]string{"Handy verloren?", "Lost your phone?"}
	return []scene{
		{name: "phone", level: guard.Full, path: "/phone", title: [2]string{"Handy wechseln", "Replace phone"}},
		{name: "phone-confirm", level: guard.Full, path: "/phone?id=d1", view: func(v *enroll.View) { waiting(v); v.Setup.Plan.Replaces = "d1" },
			title: [2]string{"Handy verbinden", "Connect your phone"}},
		{name: "phone-which", level: guard.Full, path: "/phone", view: two, title: [2]string{"Handy wechseln", "Replace phone"}},
		{name: "phone-add", level: guard.Full, path: "/phone/add", view: two, title: [2]string{"Noch ein Handy verbinden", "Connect another phone"}},
		{name: "phone-rename", level: guard.Full, path: "/phones/rename?id=d2", view: two, title: [2]string{"Handy umbenennen", "Rename phone"}},
		{name: "phone-remove", level: guard.Full, path: "/phones/remove?id=d2", view: two, title: [2]string{"Handy entfernen?", "Remove phone?"}},
		{name: "phone-remove-refused", level: guard.Full, path: "/phones/remove?id=d2", view: two, then: func(b *tab) { b.send("/phones/remove", "code", "000000") },
			title: [2]string{"Fehler: Handy entfernen?", "Error: Remove phone?"}},
		{name: "lost-which", level: guard.Full, path: "/phones/lost", view: two, title: lost},
		{name: "lost-phone", level: guard.Full, path: "/phones/lost?id=d1", view: two, title: lost},
		{name: "lost-last", level: guard.Full, path: "/phones/lost", title: lost},
		{name: "lost-replace", level: guard.Full, path: "/phones/lost", view: func(v *enroll.View) { v.MayLoseLast = false }, title: lost},
		{name: "home-phones", level: guard.Full, path: "/home", view: two, title: [2]string{"Übersicht", "Overview"}},
	}
}

// came is somebody whose programs came with the normal password.
func came(v *enroll.View) {
	v.Services = []string{"dav", "imap"}
	v.Programs = []string{"iOS/17.1 dataaccessd/1.0", "Mozilla/5.0 Thunderbird/128.0", "vdirsyncer/0.19"}
}

// eachDevice is the way from device to device.
func eachDevice() []scene {
	one := func(b *tab) { b.send("/devices") }
	made := func(b *tab) { one(b); b.send("/passwords/new") }
	then := func(path string) func(*tab) { return func(b *tab) { made(b); b.open(path) } }
	wish := [2]string{"Neues App-Passwort", "New app password"}
	return []scene{
		{name: "device", level: guard.Full, path: "/devices", view: came, then: one, title: wish},
		{name: "device-refused", level: guard.Full, path: "/devices", view: came, then: func(b *tab) { one(b); b.send("/passwords/new", "service", "") },
			title: [2]string{"Fehler: " + wish[0], "Error: " + wish[1]}},
		{name: "device-issued", level: guard.Full, path: "/devices", view: came, then: made, title: [2]string{"Ihr neues App-Passwort", "Your new app password"}},
		{name: "device-wait", level: guard.Full, path: "/devices", view: came, then: then("/devices/step?n=1"), title: [2]string{"Warten auf das Gerät", "Waiting for the device"}},
		{name: "device-end", level: guard.Full, path: "/devices", view: came, then: then("/devices/step?n=4"), title: [2]string{"Ihre Geräte", "Your devices"}},
		{name: "device-home", level: guard.Full, path: "/devices", view: came, then: then("/home"), title: [2]string{"Übersicht", "Overview"}},
	}
}

// refusals are the ways in which a form can come back.
func refusals() []scene {
	stale := [2]string{"Bitte noch einmal", "Please try again"}
	full := func(v *enroll.View) {
		two(v)
		for len(v.Devices) < v.MostDevices {
			v.Devices = append(v.Devices, account.Record{ID: "d9", Factor: "totp", Created: now()})
		}
	}
	long := strings.Repeat("Handy ", 11)
	return []scene{
		{name: "signin-stale", path: "/", then: func(b *tab) { b.send("/sign-in", "form", "old", "name", "alice") }, title: [2]string{"Anmelden", "Sign in"}},
		{name: "stale", level: guard.Code, path: "/code", then: func(b *tab) { b.send("/code", "form", "old") }, title: stale},
		{name: "code-slow-refused", level: guard.Code, path: "/code", then: func(b *tab) { b.send("/code", "code", "222222") },
			title: [2]string{"Fehler: Noch ein Schritt", "Error: One more step"}},
		{name: "emergency-refused", level: guard.Code, path: "/code?emergency=1", then: func(b *tab) { b.send("/code", "code", "k7m2x-9qxvd-hz4tw") },
			title: [2]string{"Fehler: Mit Notfallcode anmelden", "Error: Sign in with an emergency code"}},
		{name: "invite-refused", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { v.Stage = enroll.StageInvite }, then: func(b *tab) { b.send("/setup/invite", "code", "wrong") },
			title: [2]string{"Fehler: Freischaltcode eingeben", "Error: Enter your unlock code"}},
		{name: "wish-many-refused", level: guard.Full, path: "/passwords/new", view: list, then: func(b *tab) { b.send("/passwords/new", "program", "other", "label", many) },
			title: [2]string{"Fehler: Neues App-Passwort", "Error: New app password"}},
		{name: "rename-refused", level: guard.Full, path: "/passwords/rename?id=2", view: two, then: func(b *tab) { b.send("/passwords/rename", "label", "") },
			title: [2]string{"Fehler: App-Passwort umbenennen", "Error: Rename an app password"}},
		{name: "phone-rename-refused", level: guard.Full, path: "/phones/rename?id=d2", view: two, then: func(b *tab) { b.send("/phones/rename", "label", long) },
			title: [2]string{"Fehler: Handy umbenennen", "Error: Rename phone"}},
		{name: "phone-add-refused", level: guard.Full, path: "/phone/add", view: two, then: func(b *tab) { b.send("/phone/begin", "label", long) },
			title: [2]string{"Fehler: Noch ein Handy verbinden", "Error: Connect another phone"}},
		{name: "phone-many", level: guard.Full, path: "/phone/add", view: full, then: func(b *tab) { b.send("/phone/begin", "label", many) },
			title: [2]string{"Zu viele Handys", "Too many phones"}},
	}
}

// bare is somebody who has nothing: the last phone is lost, the codes are used up.
func bare(v *enroll.View) { v.Devices, v.CodesLeft = nil, 0 }

// leftOvers are states that are rare, empty, or over.
func leftOvers() []scene {
	tries := [2]string{"Warum ist mein Kalender nicht aktuell?", "Why is my device not syncing?"}
	none := func(v *enroll.View) { v.CodesLeft = 0 }
	watched := func(ago time.Duration) string { return "/tries?watch=" + strconv.FormatInt(now().Add(-ago).Unix(), 10) }
	return []scene{
		{name: "flow-over", path: "/login/v2/flow?id=old", title: [2]string{"Anfrage abgelaufen", "Request expired"}},
		{name: "grant-done", level: guard.Full, path: "/login/v2/flow?id=abc", then: func(b *tab) { b.send("/login/v2/flow"); b.send("/login/v2/grant", "mine", "yes") },
			title: [2]string{"Fertig", "Done"}},
		{name: "home-bare", level: guard.Full, path: "/home?note=once", view: bare, title: [2]string{"Übersicht", "Overview"}},
		{name: "tries-none", level: guard.Full, path: watched(6 * time.Minute), view: bare, title: tries},
		{name: "tries-seen", level: guard.Full, path: watched(4 * time.Minute), view: list, title: tries},
		{name: "profile-spent", level: guard.Full, path: "/passwords/profile?id=3", view: list, title: [2]string{"Dieses Profil ist schon geladen", "This profile has been downloaded already"}},
		{name: "issued-other", level: guard.Full, path: "/passwords/new", view: func(v *enroll.View) { v.Services = []string{"imap", "files"} },
			then:  func(b *tab) { b.send("/passwords/new", "program", "other", "label", "Donaudampfschifffahrtskalender") },
			title: [2]string{"Ihr neues App-Passwort", "Your new app password"}},
		{name: "phone-of-two", level: guard.Full, path: "/phone?id=d2", view: two, title: [2]string{"Handy wechseln", "Replace phone"}},
		{name: "phone-add-confirm", level: guard.Full, path: "/phone/add", view: waiting, title: [2]string{"Handy verbinden", "Connect your phone"}},
		{name: "lost-last-new", level: guard.Full, path: "/phones/lost", view: none, title: [2]string{"Handy verloren?", "Lost your phone?"}},
		{name: "codes-lost", level: guard.Full, path: "/phones/lost", view: none, then: func(b *tab) { b.send("/phones/lost") },
			title: [2]string{"Ihre Notfallcodes", "Your emergency codes"}},
	}
}

// fromAnApp is somebody whom a web application has sent, and who goes back there.
func fromAnApp() []scene {
	on := func(path string) func(*tab) {
		return func(b *tab) { b.be(b.st.cookie(b.t, guard.Full), b.st.errand(b.t)); b.open(path) }
	}
	return []scene{
		{name: "onward", level: guard.Full, path: "/home", then: on("/back"), leaves: true, title: [2]string{"Es geht weiter", "On your way"}},
		{name: "home-onward", level: guard.Full, path: "/home", then: on("/home?note=kept"), title: [2]string{"Übersicht", "Overview"}},
		{name: "devices-onward", level: guard.Full, path: "/home", then: on("/devices"), title: [2]string{"Wo benutzen Sie Ihren Kalender?", "Which devices sync your calendar?"}},
	}
}

// play leads the tab to the scene on the screen that it has.
func (b *tab) play(s scene) {
	b.t.Helper()
	b.st.set(s.level, s.view)
	b.be(b.st.cookie(b.t, s.level))
	b.requests()
	b.open(s.path)
	if s.then != nil {
		s.then(b)
	}
	if s.leaves {
		b.left()
	}
}

// left waits until the browser has asked the web application, which keeps it here.
func (b *tab) left() {
	b.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		b.mu.Lock()
		gone := slices.Contains(b.asked, app+"/inbox")
		b.mu.Unlock()
		if gone {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("the page does not go on by itself\n%s", b.words())
		case <-tick.C:
		}
	}
}
