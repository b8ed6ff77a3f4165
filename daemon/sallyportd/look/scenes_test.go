package look

import (
	"slices"
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
}

func scenes() []scene {
	return slices.Concat(signingIn(), settingUp(), atHome(), withPhones())
}

func signingIn() []scene {
	return []scene{
		{name: "signin", path: "/", title: [2]string{"Anmelden", "Sign in"}},
		{name: "signin-refused", path: "/", then: func(b *tab) { b.send("/sign-in", "name", "alice", "password", "wrong") },
			title: [2]string{"Fehler: Anmelden", "Error: Sign in"}},
		{name: "disturbed", path: "/", then: func(b *tab) { b.send("/sign-in", "name", "alice", "password", "disturbed") },
			title: [2]string{"Die Anmeldung ist gestört", "Signing in is disturbed"}},
		{name: "over", path: "/?over=1", title: [2]string{"Anmelden", "Sign in"}},
		{name: "nowhere", path: "/nowhere", title: [2]string{"Seite nicht gefunden", "Page not found"}},
		{name: "code", level: guard.Code, path: "/code", title: [2]string{"Noch ein Schritt", "One more step"}},
		{name: "code-refused", level: guard.Code, path: "/code", then: func(b *tab) { b.send("/code", "code", "000000") },
			title: [2]string{"Fehler: Noch ein Schritt", "Error: One more step"}},
		{name: "emergency", level: guard.Code, path: "/code?emergency=1", title: [2]string{"Mit Notfallcode anmelden", "Sign in with an emergency code"}},
		{name: "link", path: "/enroll?ticket=abc", title: [2]string{"Willkommen", "Welcome"}},
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
		{name: "wish-first", level: guard.Full, path: "/passwords/new?first=1", title: [2]string{"Neues App-Passwort", "New app password"}},
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
		{name: "wait", level: guard.Full, path: "/passwords/wait?id=3", view: list, title: [2]string{"Warten auf den ersten Abgleich", "Waiting for the first sync"}},
		{name: "wait-seen", level: guard.Full, path: "/passwords/wait?id=1", view: list, title: [2]string{"Es klappt", "It works"}},
		{name: "tries", level: guard.Full, path: "/tries", view: list, title: [2]string{"Warum gleicht mein Gerät nicht ab?", "Why does my device not sync?"}},
		{name: "tries-watch", level: guard.Full, path: "/tries/watch", title: [2]string{"Warum gleicht mein Gerät nicht ab?", "Why does my device not sync?"}},
		{name: "grant", level: guard.Full, path: "/login/v2/flow?id=abc", then: func(b *tab) { b.send("/login/v2/flow") },
			title: [2]string{"App-Passwort weitergeben?", "Hand over an app password?"}},
		{name: "rename", level: guard.Full, path: "/passwords/rename?id=2", view: list, title: [2]string{"App-Passwort umbenennen", "Rename an app password"}},
		{name: "remove", level: guard.Full, path: "/passwords/remove?id=1", view: list, title: [2]string{"App-Passwort entfernen?", "Remove app password?"}},
		{name: "unused", level: guard.Full, path: "/passwords/unused", view: list, title: [2]string{"Unbenutzte", "Remove unused"}},
		{name: "grant-refused", level: guard.Full, path: "/login/v2/flow?id=abc", then: func(b *tab) { b.send("/login/v2/flow"); b.send("/login/v2/grant") },
			title: [2]string{"Fehler: App-Passwort weitergeben?", "Error: Hand over an app password?"}},
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
}
