package screen

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// A call's screen fits a terminal of 80 columns and loses no word; without one
// every line stays whole.
func TestTheScreenFitsTheTerminal(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC)
	p := api.Person{Name: "alice", DisplayName: "Alice Müller", Mail: "alice@example.org", Fitness: "fit", Groups: strings.Split("eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn", " "),
		Records: []api.Record{{ID: strings.Repeat("6f1d", 8), Factor: "totp", Label: "Alices altes rotes Telefon", State: "active", Created: now, LastUsed: now, LastService: "web", LastFrom: "2001:db8::7"}},
		Tries:   []api.Event{{At: now, Act: account.ActCheck, Service: "web", Reason: account.CodeWrong, Count: 3, Address: "2001:db8:1:2:3:4:5:6", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"}},
		Blocks:  []api.Block{{What: "code", Tries: 6, Until: now.Add(time.Minute)}},
		Advice:  strings.Repeat("Nothing is in the way. ", 10)}
	show := func(width int) string {
		var b strings.Builder
		(&Screen{Out: &b, Now: func() time.Time { return now }, Width: width}).Person(p)
		return b.String()
	}
	whole, narrow := show(0), show(80)
	for line := range strings.Lines(narrow) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	for _, word := range strings.Fields(whole) {
		if !strings.Contains(narrow, word) && word != strings.ToUpper(word) {
			t.Errorf("%q is lost:\n%s", word, narrow)
		}
	}
	if !strings.Contains(narrow, "id "+strings.Repeat("6f1d", 8)+"\n") {
		t.Errorf("an id cannot be copied:\n%s", narrow)
	}
	if strings.Contains(narrow, "\n\n\n") || !strings.Contains(whole, p.Advice[:len(p.Advice)-1]) {
		t.Errorf("empty lines, or a line broken without need:\n%s", narrow)
	}
}

// A word that does not fit stays whole, and nothing goes on for ever.
func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"a b\n":                   "a b\n",
		"0123456789 0123456789\n": "0123456789\n      0123456789\n",
		"0123456789abcdef\n":      "0123456789abcdef\n",
		"   0123456789abcdef\n":   "   0123456789abcdef\n",
		"":                        "",
		"no end, but long":        "no end,\n      but\n      long",
	} {
		if got := Fold(in, 10); got != want {
			t.Errorf("%q is folded to %q, want %q", in, got, want)
		}
	}
}

func TestColours(t *testing.T) {
	s := &Screen{Colour: true}
	if s.strong("x") != "\x1b[1mx\x1b[0m" || seen(s.alarming("BLOCKED")) != 7 {
		t.Error("no colours, or they take room")
	}
	s.Colour = false
	if s.strong("x") != "x" || s.alarming("x") != "x" {
		t.Error("colours where there are none")
	}
}
