package look

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/words"
)

func page(t *testing.T, lang string) Page {
	t.Helper()
	texts, err := words.Load("", lang, "")
	if err != nil {
		t.Fatal(err)
	}
	berlin := time.FixedZone("CET", 3600)
	return Page{Catalog: texts.Pick(httptest.NewRequest("GET", "/", nil), ""), Now: time.Date(2026, 11, 23, 10, 30, 0, 0, berlin)}
}

// A use is told with time, service, program and network, each where it is known.
func TestLastUse(t *testing.T) {
	at := time.Date(2026, 11, 23, 7, 15, 0, 0, time.UTC)
	for _, c := range []struct {
		lang   string
		record account.Record
		want   string
	}{
		{"en", account.Record{}, "never"},
		{"de", account.Record{LastUsed: at, LastService: "dav", LastAgent: "DAVx5/4.3.1-ose okhttp", LastFrom: "192.0.2.7"},
			"heute, 08:15 Uhr ·\u00a0Kalender und Kontakte ·\u00a0Android (DAVx5) ·\u00a0Netz\u00a0192.0.2.7"},
		{"en", account.Record{LastUsed: at.AddDate(0, 0, -1), LastService: "wiki", LastAgent: "iOS/17.1 (21B74) dataaccessd/1.0", LastFrom: "2001:db8:1:2:3::4"},
			"22 November 2026, 08:15 ·\u00a0wiki ·\u00a0iPhone or iPad ·\u00a0network\u00a02001:db8:1:2::/64"},
		{"de", account.Record{LastUsed: at.AddDate(0, -2, 0)}, "23. September 2026, 08:15 Uhr"},
		// Just before midnight in Greenwich is the next day here.
		{"en", account.Record{LastUsed: time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC), LastFrom: "not an address"}, "today, 00:30"},
	} {
		p := page(t, c.lang)
		if got := p.LastUsed(c.record) + p.LastPlace(c.record); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	e := account.Event{At: at, Service: "dav", Agent: "Thunderbird/128.0", Address: "::ffff:192.0.2.9"}
	if got, want := page(t, "en").Strayed(e), "today, 08:15 ·\u00a0Calendar and contacts ·\u00a0Thunderbird ·\u00a0network\u00a0192.0.2.9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A User-Agent is a stranger's to write: nothing that reads like a sentence, or
// an address, gets onto the page.
func TestNamesOfPrograms(t *testing.T) {
	for agent, want := range map[string]string{
		"": "", "DAVx5/4.3": "Android (DAVx5)", "Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Thunderbird/128.0": "Thunderbird",
		"CalDavSynchronizer/4.2": "Outlook", "macOS/14.1 (23B74) CalendarAgent/961": "Mac", "Mac OS X/10.6.8 (10K549)": "Mac",
		"Evolution/3.52.1": "Evolution", "KashCal": "KashCal", "vdirsyncer/0.19": "vdirsyncer",
		"Mozilla/5.0 (X11)": "", "Call us: +49 190 1234": "", "evil.example": "", "Ihr Konto ist gesperrt": "",
		strings.Repeat("a", 25): "", "ÜberCal/1": "", "<b>": "",
	} {
		if got := page(t, "en").program(agent); got != want {
			t.Errorf("%q is called %q, want %q", agent, got, want)
		}
	}
}

// What went wrong catches the eye and not what is good, and two devices without an
// app password are told apart by their programs.
func TestTell(t *testing.T) {
	try := func(reason account.Reason, agent string) Told {
		return Told{Event: account.Event{At: time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC), Service: "dav", Agent: agent, Reason: reason}}
	}
	p := page(t, "en")
	for _, c := range []struct {
		told        Told
		name, place string
		good, wrong bool
	}{
		{try(account.AppPasswordRevoked, "Thunderbird/128"), "Thunderbird without a valid app password", "today, 10:15 ·\u00a0Calendar and contacts", false, true},
		{try(account.AppPasswordRequired, "Your account is locked"), "A device without a valid app password", "today, 10:15 ·\u00a0Calendar and contacts", false, true},
		{Told{Event: try(account.OK, "Thunderbird/128").Event, Label: "Office"}, "Office", "today, 10:15 ·\u00a0Calendar and contacts ·\u00a0Thunderbird", true, false},
		{Told{Label: "Never"}, "Never", "", false, false},
	} {
		if got := p.Tell(c.told); got.Name != c.name || got.Place != c.place || got.Good != c.good || got.Wrong != c.wrong {
			t.Errorf("got %+v, want %+v", got, c)
		}
	}
}

// A code is cut after its dashes, and nothing of it is lost.
func TestParts(t *testing.T) {
	if got := page(t, "de").Parts("k7m2x-9qxvd-hz4tw"); len(got) != 3 || got[0] != "k7m2x-" || strings.Join(got, "") != "k7m2x-9qxvd-hz4tw" {
		t.Errorf("parts %q", got)
	}
}
