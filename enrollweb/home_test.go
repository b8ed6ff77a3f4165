package enrollweb

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// atHome is a browser at home whose owner sees what edit makes of the view.
func atHome(t *testing.T, lang string, edit func(*enroll.View)) *browser {
	t.Helper()
	w := newWorld()
	b := signedIn(t, w)
	for _, v := range w.sessions {
		edit(v)
	}
	b.lang = lang
	return b.get("/home")
}

// plain is what a page reads like, blanks made one.
func plain(body string) string {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	return strings.Join(strings.Fields(text), " ")
}

// Each app password says when, for what, with which program and from where it
// was last used, in the order that the server gives; one never used is marked.
func TestTheListSaysWhereEachIsUsed(t *testing.T) {
	b := atHome(t, "de", func(v *enroll.View) {
		v.Services = []string{"dav", "imap"}
		v.AppPasswords = []account.Record{
			{ID: "1", Label: "Handy", Created: now().AddDate(0, -1, 0), Services: []string{"dav"},
				LastUsed: now().Add(-time.Hour), LastService: "dav", LastAgent: "DAVx5/4.3", LastFrom: "192.0.2.7"},
			{ID: "2", Label: "Laptop", Created: now().AddDate(0, 0, -3), LastUsed: now().AddDate(0, 0, -2), LastService: "imap"},
			{ID: "3", Label: "Tablet", Created: now()},
		}
	})
	for _, want := range []string{
		"Handy Zuletzt benutzt: heute, 08:30 Uhr · Kalender und Kontakte · Android (DAVx5) · Netz 192.0.2.7 Gültig seit 23. Oktober 2026 · Gilt für: Kalender und Kontakte Umbenennen Entfernen " +
			"Laptop Zuletzt benutzt: 21. November 2026, 09:30 Uhr · E-Mail Gültig seit 20. November 2026 Umbenennen Entfernen " +
			"Tablet noch nie benutzt Gültig seit 23. November 2026 Umbenennen Entfernen",
	} {
		if got := plain(b.body); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if n := strings.Count(b.body, `class="mark"`); n != 1 {
		t.Errorf("%d app passwords are marked as unused", n)
	}
	b.lang = "en"
	b.get("/passwords/remove?id=1").says(200, "Last used: today, 08:30 ·\u00a0Calendar and contacts ·\u00a0Android (DAVx5) ·\u00a0network\u00a0192.0.2.7")
}

// The calendar that fell silent is named on the page, calmly, with when, what
// and where from.
func TestTheOwnerIsToldOfDevicesWithTheNormalPassword(t *testing.T) {
	stray := func(n int) func(*enroll.View) {
		return func(v *enroll.View) {
			all := []account.Event{
				{At: now().Add(-10 * time.Minute), Service: "dav", Agent: "iOS/17.1 dataaccessd/1.0", Address: "192.0.2.9"},
				{At: now().AddDate(0, 0, -1), Service: "dav", Agent: "Your account is locked, call 0190"},
			}
			v.Astray = all[:n]
		}
	}
	for _, c := range []struct {
		lang string
		n    int
		want string
	}{
		{"de", 1, "Ein Gerät benutzt noch Ihr normales Passwort. Dort hilft nur ein App-Passwort. heute, 09:20 Uhr · Kalender und Kontakte · iPhone oder iPad · Netz 192.0.2.9 Machen Sie hier ein App-Passwort"},
		{"en", 1, "A device still uses your normal password. It needs an app password. today, 09:20 · Calendar and contacts · iPhone or iPad · network 192.0.2.9 Make an app password here"},
		{"en", 2, "Some devices still use your normal password. Each of them needs its own app password. today, 09:20 · Calendar and contacts · iPhone or iPad · network 192.0.2.9 22 November 2026, 09:30 · Calendar and contacts Make"},
	} {
		b := atHome(t, c.lang, stray(c.n))
		if got := plain(b.body); !strings.Contains(got, c.want) {
			t.Errorf("%s, %d: got\n%s\nwant\n%s", c.lang, c.n, got, c.want)
		}
		if strings.Contains(b.body, "0190") {
			t.Error("a stranger's sentence is on the page")
		}
	}
	if b := atHome(t, "en", stray(0)); strings.Contains(b.body, "astray") || strings.Contains(b.body, "still use") {
		t.Errorf("there is nothing to tell:\n%s", b.body)
	}
}

// After a reset the page says that the app passwords went with it.
func TestAResetTellsOfTheAppPasswords(t *testing.T) {
	for lang, want := range map[string]string{"en": "They stopped working when support reset your account.", "de": "Diese gelten nicht mehr, seit der Support Ihren Zugang zurückgesetzt hat."} {
		b := open(t, newWorld())
		b.lang = lang
		b.get("/").post("/sign-in", "name", "alice", "password", "invited").leads("/setup").says(200, want)
		b = open(t, newWorld())
		b.lang = lang
		b.get("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup")
		if strings.Contains(b.body, want) {
			t.Errorf("a first set-up speaks of a reset:\n%s", b.body)
		}
	}
}
