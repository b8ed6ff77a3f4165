package desk

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// house answers for alice and bea, and notes what it was told to do.
type house struct {
	err  error
	done []Order
	// made is the code that it gives out.
	made string
	// records are what everybody has.
	records []api.Record
}

// passwords are app passwords, beside what is none, or no good any more.
func passwords(labels ...string) []api.Record {
	all := []api.Record{{ID: "phone", Factor: "totp", Label: "Phone", State: "active"}, {ID: "old", Factor: "app-password", Label: "Old", State: "revoked"}}
	for i, label := range labels {
		all = append(all, api.Record{ID: fmt.Sprint("id-", i), Factor: "app-password", Label: label, State: "active", Created: time.Unix(1700000000, 0)})
	}
	return all
}

func (h *house) Person(_ context.Context, name string) (api.Person, error) {
	if name != "alice" && name != "bea" {
		return api.Person{}, errors.New("The directory knows nobody by this name.")
	}
	return api.Person{ID: "1", Name: name, DisplayName: "Alice \x1b[2JMüller", Mail: "alice@example.org", Fitness: "fit", Advice: "Nothing is in the way.",
		Tries: make([]api.Event, 20), Records: h.records}, h.err
}

func (h *house) Act(_ context.Context, o Order) (api.Done, error) {
	h.done = append(h.done, o)
	return api.Done{Done: o.Verb, Code: h.made}, h.err
}

// call is a form at work, without a terminal.
type call struct {
	*form
	house *house
	tb    testing.TB
}

func newCall(t testing.TB, german bool) *call {
	h := &house{made: "k7m3p-9x2qr", records: passwords("Tablet", "Laptop \x1b[2J", "")}
	f := newForm(context.Background(), Config{Client: h, Now: func() time.Time { return time.Unix(1700000000, 0) }, German: german})
	f.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	return &call{form: f, house: h, tb: t}
}

// types presses keys, and lets the answers in, but for the clock's.
func (c *call) types(keys ...string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "down": tea.KeyDown, "up": tea.KeyUp,
			"pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}[k]}
		if msg.Code == 0 {
			for _, r := range k {
				c.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
				if c.stage == working {
					c.Update(c.act()())
				}
			}
			continue
		}
		asked := c.stage == searching && k == "enter"
		_, cmd := c.Update(msg)
		if asked && cmd != nil {
			c.Update(cmd())
		}
	}
}

func (c *call) seen() string { return c.View().Content }

func (c *call) wants(texts ...string) {
	c.tb.Helper()
	letters := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(c.seen(), "")
	for _, text := range texts {
		if !strings.Contains(letters, text) {
			c.tb.Errorf("no %q in:\n%s", text, c.seen())
		}
	}
}

// Nothing is done before a reason was given and a question was answered that names
// the person, whatever the verb; and then exactly what was asked for.
func TestEveryVerbAsksFirst(t *testing.T) {
	for _, v := range verbs() {
		c := newCall(t, false)
		c.types("alice", "enter", v.key)
		c.wants(v.says(english()), "alice@example.org")
		says, want := v.says(english()), Order{Name: "alice", Verb: v.path, Reason: "phone lost", Ticket: "4711"}
		switch {
		case v.one:
			c.types("down", "enter")
			says, want.Record = `Revoke the app password "Laptop `, "id-1"
		case v.lasts:
			want.For = "1h"
		}
		c.types("phone lost", "enter", "4711", "enter")
		c.wants(says, "You have identified this person", "phone lost", "4711")
		c.types("n", "enter", "tab", "j")
		if len(c.house.done) != 0 {
			t.Fatalf("%s was done without a yes: %v", v.path, c.house.done)
		}
		c.types("y")
		if len(c.house.done) != 1 || c.house.done[0] != want {
			t.Errorf("%s: %+v", v.key, c.house.done)
		}
	}
}

// One app password of several is chosen from those that are good, by its name, or by
// its id where it has none; nothing is done to the others.
func TestOneAppPassword(t *testing.T) {
	c := newCall(t, false)
	c.types("alice", "enter", "o")
	c.wants("> Tablet, made ", "  Laptop ", "  id-2, made ")
	if s := c.seen(); strings.Contains(s, "Phone") || strings.Contains(s, "Old") || strings.Contains(s, "\x1b[2J") {
		t.Errorf("to choose from are:\n%s", s)
	}
	c.types("up", "down", "down", "down", "down")
	c.wants("> id-2, made ")
	c.types("esc")
	c.wants("o/p one/all app passwords")
	c.types("o", "down", "down", "enter", "sold it", "enter", "enter")
	c.wants(`Revoke the app password "id-2" of`, "sold it")
	c.types("y")
	if want := (Order{Name: "alice", Verb: "revoke", Reason: "sold it", Record: "id-2"}); len(c.house.done) != 1 || c.house.done[0] != want {
		t.Errorf("done: %+v", c.house.done)
	}
	// The next call is about nobody's app password, and then about all of them.
	c.types("enter", "alice", "enter", "p", "stolen", "enter", "enter", "y")
	if want := (Order{Name: "alice", Verb: "revoke", Reason: "stolen"}); len(c.house.done) != 2 || c.house.done[1] != want {
		t.Errorf("done: %+v", c.house.done)
	}
	c.house.records = passwords()
	c.types("enter", "bea", "enter", "o")
	c.wants("There is no app password that is good.", "bea")
	if c.stage != looking {
		t.Errorf("there is something to choose: stage %d", c.stage)
	}
	// An order that names one does not become one for all where somebody goes back.
	c.house.records = passwords("Tablet")
	c.types("esc", "bea", "enter", "o", "enter", "esc", "s", "left", "enter", "enter", "y")
	if want := (Order{Name: "bea", Verb: "end-sessions", Reason: "left"}); len(c.house.done) != 3 || c.house.done[2] != want {
		t.Errorf("done: %+v", c.house.done)
	}
}

// For how long a code holds is a key away, and not in the way.
func TestHowLongACodeHolds(t *testing.T) {
	c := newCall(t, true)
	c.types("alice", "enter", "c")
	c.wants("Gültig für (5m bis 24h): 1h")
	c.types("Handy vergessen", "tab", "4711", "tab", "backspace", "backspace", "8h", "enter")
	c.wants("Gültig für (5m bis 24h): 8h", "Handy vergessen", "4711")
	c.types("j")
	if want := (Order{Name: "alice", Verb: "code", Reason: "Handy vergessen", Ticket: "4711", For: "8h"}); len(c.house.done) != 1 || c.house.done[0] != want {
		t.Errorf("done: %+v", c.house.done)
	}
	c.types("enter", "bea", "enter", "u")
	if strings.Contains(c.seen(), "Gültig") {
		t.Errorf("it is asked where nothing holds:\n%s", c.seen())
	}
	c.types("x", "tab", "tab", "y", "enter", "enter")
	c.wants("Haben Sie die Person geprüft", "Grund: xy")
	c.types("esc", "esc", "c")
	c.wants("Gültig für (5m bis 24h): 1h")
}

// A code is large and spelled, and forgotten at the next call.
func TestACodeIsForgotten(t *testing.T) {
	c := newCall(t, true)
	c.types("alice", "enter", "c", "Handy vergessen", "enter", "enter", "j")
	c.wants("k  7  m  3  p", "Kaufmann - sieben - Martha - drei - Paula", "nächster Anruf")
	c.types("x", "esc")
	c.wants("k  7  m  3  p")
	c.types("enter")
	if s := c.seen(); strings.Contains(s, "k  7") || strings.Contains(s, "alice") || c.done.Code != "" || c.person.Name != "" || c.fields[0].Value() != "" {
		t.Errorf("of the last call is left:\n%s", s)
	}
}

// What belongs to a call that is over changes nothing.
func TestLateAnswers(t *testing.T) {
	c := newCall(t, false)
	c.types("alice", "enter", "esc")
	c.Update(found{asked: "alice", person: api.Person{Name: "alice"}})
	c.Update(done{done: api.Done{Code: "zzzzz"}})
	if c.stage != searching || strings.Contains(c.seen(), "zzzzz") {
		t.Errorf("a late answer is taken:\n%s", c.seen())
	}
	c.types("bea", "enter")
	if _, cmd := c.Update(tick{"alice"}); cmd != nil {
		t.Error("the last call is still read anew")
	}
	c.Update(found{asked: "bea", person: api.Person{ID: "another", Name: "bea", Advice: "mixed up"}})
	if strings.Contains(c.seen(), "mixed up") {
		t.Error("somebody else of the same name is shown")
	}
	c.Update(found{asked: "bea", person: api.Person{ID: "1", Name: "bea", Advice: "Read anew."}})
	c.wants("Read anew.")
}

// Whoever it is and however much there is to see, 24 lines of 80 hold it, nothing
// steers the terminal, and what to do next is always there.
func TestItFitsTheTerminal(t *testing.T) {
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 50, Height: 10}} {
		c := newCall(t, true)
		c.Update(size)
		many := strings.Fields(strings.Repeat("Rechner ", 50))
		c.house.records = passwords(append(many, strings.Repeat("langer Name ", 20))...)
		for _, keys := range [][]string{{}, {"alice", "enter"}, {"o"}, strings.Fields(strings.Repeat("down ", 60)), {"esc"}, {"pgdown", "down"}, {"pgdown", "pgdown"}, {"c"}, {strings.Repeat("langer Grund ", 20)}, {"enter", "enter"}, {"j"}} {
			c.types(keys...)
			lines := strings.Split(c.seen(), "\n")
			if len(lines) != size.Height {
				t.Errorf("after %.20q: %d lines of %d", keys, len(lines), size.Height)
			}
			long := 0
			for _, line := range lines {
				line = regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(line, "")
				if utf8.RuneCountInString(line) > size.Width {
					t.Errorf("after %.20q: %d columns: %q", keys, utf8.RuneCountInString(line), line)
				}
				if strings.Contains(line, "langer Grund") {
					long++
				}
			}
			if c.stage == writing && long > 1 {
				t.Errorf("a long reason takes %d lines of the form", long)
			}
			if strings.Contains(c.seen(), "\x1b[2J") {
				t.Errorf("after %.20q a name steers the terminal", keys)
			}
			if c.stage == choosing && keys[0] == "down" {
				c.wants("> langer Name")
			}
			if c.stage == looking {
				c.wants("> Nothing is in the way.")
			}
		}
	}
}

// An outage while somebody is on the screen is told, and the screen stays.
func TestAnOutageIsTold(t *testing.T) {
	c := newCall(t, false)
	c.types("alice", "enter")
	c.Update(found{asked: "alice", err: errors.New("nobody answers")})
	c.wants("nobody answers", "alice@example.org")
}

func TestWhichLanguage(t *testing.T) {
	for env, want := range map[string]bool{"LANG=de_AT.UTF-8": true, "LANG=en_GB LC_ALL=de": true, "LANG=de_DE LC_ALL=C": false, "LC_MESSAGES=de LANG=en": true, "": false} {
		got := German(func(name string) string {
			for pair := range strings.FieldsSeq(env) {
				if k, v, _ := strings.Cut(pair, "="); k == name {
					return v
				}
			}
			return ""
		})
		if got != want {
			t.Errorf("%q: German %v", env, got)
		}
	}
}
