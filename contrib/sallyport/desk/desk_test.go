package desk

import (
	"context"
	"errors"
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
}

func (h *house) Person(_ context.Context, name string) (api.Person, error) {
	if name != "alice" && name != "bea" {
		return api.Person{}, errors.New("The directory knows nobody by this name.")
	}
	return api.Person{ID: "1", Name: name, DisplayName: "Alice \x1b[2JMüller", Mail: "alice@example.org", Fitness: "fit", Advice: "Nothing is in the way.",
		Tries: make([]api.Event, 20)}, h.err
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
	h := &house{made: "k7m3p-9x2qr"}
	f := newForm(context.Background(), Config{Client: h, Now: func() time.Time { return time.Unix(1700000000, 0) }, German: german})
	f.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	return &call{form: f, house: h, tb: t}
}

// types presses keys, and lets the answers in, but for the clock's.
func (c *call) types(keys ...string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "down": tea.KeyDown, "pgdown": tea.KeyPgDown}[k]}
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
	for _, text := range texts {
		if !strings.Contains(c.seen(), text) {
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
		c.types("phone lost", "enter", "4711", "enter")
		c.wants(v.says(english()), "You have identified this person", "phone lost", "4711")
		c.types("n", "enter", "tab", "j")
		if len(c.house.done) != 0 {
			t.Fatalf("%s was done without a yes: %v", v.path, c.house.done)
		}
		c.types("y")
		if want := (Order{"alice", v.path, "phone lost", "4711"}); len(c.house.done) != 1 || c.house.done[0] != want {
			t.Errorf("%s: %v", v.path, c.house.done)
		}
	}
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
		for _, keys := range [][]string{{}, {"alice", "enter"}, {"pgdown", "down"}, {"pgdown", "pgdown"}, {"c"}, {strings.Repeat("langer Grund ", 20)}, {"enter", "enter"}, {"j"}} {
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
