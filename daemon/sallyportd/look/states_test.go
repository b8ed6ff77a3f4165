package look

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/enrollweb/guard"
)

// grace is somebody who may set up now and must later.
func grace(v *enroll.View) {
	v.Leave = records.Leave{Why: "grace", Due: time.Date(2026, 12, 11, 0, 0, 0, 0, time.UTC), DaysLeft: 17}
}

// otherWise are states that hang on who somebody is, on the operator's choices and
// on how many tries there were.
func otherWise() []scene {
	setUp, begin := [2]string{"Handy verbinden", "Connect your phone"}, [2]string{"Einrichten in drei Schritten", "Set up in three steps"}
	home, issued := [2]string{"Übersicht", "Overview"}, [2]string{"Ihr neues App-Passwort", "Your new app password"}
	return []scene{
		{name: "throttled-refused", path: "/", then: func(b *tab) { b.send("/sign-in", "name", "alice", "password", "tired") },
			title: [2]string{"Fehler: Anmelden", "Error: Sign in"}},
		{name: "code-throttled-refused", level: guard.Code, path: "/code", then: func(b *tab) { b.send("/code", "code", "333333") },
			title: [2]string{"Fehler: Noch ein Schritt", "Error: One more step"}},
		{name: "begin-grace", level: guard.Setup, path: "/setup", view: grace, title: begin},
		{name: "begin-exempt", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { v.Leave.Why = "exempt" }, title: begin},
		{name: "later", level: guard.Setup, path: "/setup", view: grace, then: func(b *tab) { b.send("/later") },
			title: [2]string{"Gut, dann später", "All right, later"}},
		{name: "confirm-list", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { came(v); waiting(v) }, title: setUp},
		{name: "confirm-drift-refused", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { came(v); waiting(v) },
			then:  func(b *tab) { b.send("/setup/confirm", "code", "222222") },
			title: [2]string{"Fehler: " + setUp[0], "Error: " + setUp[1]}},
		{name: "confirm-no-services", level: guard.Setup, path: "/setup", view: func(v *enroll.View) { v.Services = nil; waiting(v) }, title: setUp},
		{name: "issued-mac", level: guard.Full, path: "/passwords/new", then: make1("mac"), title: issued},
		{name: "issued-outlook", level: guard.Full, path: "/passwords/new", then: make1("outlook"), title: issued},
		{name: "home-no-phone", level: guard.Full, path: "/home", view: func(v *enroll.View) { list(v); v.Devices = nil }, title: home},
		{name: "home-no-codes", level: guard.Full, path: "/home", view: func(v *enroll.View) { two(v); v.CodesLeft = -1 }, title: home},
		{name: "home-no-services", level: guard.Full, path: "/home", view: func(v *enroll.View) { v.Services = nil }, title: home},
		{name: "home-bridged", level: guard.Full, path: "/home", view: func(v *enroll.View) {
			grace(v)
			v.Bridged = []account.Event{{At: now().Add(-20 * time.Minute), Service: "dav", Agent: "iOS/17.1 dataaccessd/1.0", Address: "192.0.2.9"}}
		}, title: home},
	}
}
