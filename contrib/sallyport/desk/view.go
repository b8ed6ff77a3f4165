package desk

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/sallyport/sallyport/contrib/sallyport/screen"
	"github.com/sallyport/sallyport/contrib/sallyport/spell"
)

// around is how many lines stand around the person: the title, an empty line, what
// to do next, what went wrong, and the keys.
const around = 6

// room is how many lines of a person are seen at once.
func (f *form) room() int { return max(1, f.height-around) }

// View draws the terminal's other screen.
func (f *form) View() tea.View {
	lines := []string{"\x1b[7m" + fit(" sallyport: "+f.words.title+f.who(), f.width) + "\x1b[0m", ""}
	var body []string
	keys := ""
	switch f.stage {
	case searching:
		body, keys = []string{f.login.View()}, f.words.keysSearch
		if f.busy {
			body = append(body, "", f.words.searching)
		}
	case looking:
		body, keys = f.seenOf(), f.words.keysPerson
	case choosing:
		body, keys = f.list(), f.words.keysChoose
	case writing:
		body, keys = []string{f.question(), "", f.fields[0].View(), "", f.fields[1].View()}, f.words.keysForm
		if f.verb.lasts {
			body = append(body, f.fields[2].View())
		}
	case asking:
		body, keys = []string{f.question(), "", f.words.reason + f.fields[0].Value(), f.words.ticket + f.fields[1].Value()}, f.words.keysConfirm
		if f.verb.lasts {
			body = append(body, f.words.life+f.fields[2].Value())
		}
		body = append(body, "", f.words.confirm)
	case working:
		body = []string{f.question(), "", f.words.working}
	case finished:
		body, keys = f.result(), f.words.keysResult
	}
	if f.note != "" {
		body = append(body, "", screen.Clean(f.note))
	}
	lines = append(lines, f.folded(body)...)
	if most := f.height - 1; len(lines) > most {
		lines = lines[:most]
	}
	for len(lines) < f.height-1 {
		lines = append(lines, "")
	}
	v := tea.NewView(strings.Join(append(lines, fit(keys, f.width)), "\n"))
	v.AltScreen = true
	return v
}

// who is on the phone.
func (f *form) who() string {
	if f.person.Name == "" {
		return ""
	}
	return "  " + screen.Clean(f.person.Name+"  "+f.person.DisplayName)
}

// question names what is to be done, and to whom.
func (f *form) question() string {
	what := f.verb.says(f.words)
	if f.record.ID != "" {
		label := f.record.Label
		if label == "" {
			label = f.record.ID
		}
		what = fmt.Sprintf(f.words.oneOf, screen.Clean(label))
	}
	return fmt.Sprintf("%s %s (%s, %s)", what, screen.Clean(f.person.DisplayName), screen.Clean(f.person.Name), screen.Clean(f.person.Mail))
}

// folded are lines that fit the width.
func (f *form) folded(lines []string) []string {
	return strings.Split(screen.Fold(strings.Join(lines, "\n"), f.width), "\n")
}

// printed is what a screen prints.
func (f *form) printed(print func(*screen.Screen)) []string {
	var b strings.Builder
	print(&screen.Screen{Out: &b, Now: f.cfg.Now, Width: f.width})
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// seenOf is the part of the person's screen that fits, and below it, always, what to
// do next.
func (f *form) seenOf() []string {
	all := f.printed(func(s *screen.Screen) { s.Person(f.person) })
	next := f.folded([]string{"> " + screen.Clean(f.person.Advice)})
	room := max(1, f.room()-len(next))
	f.top = max(0, min(f.top, len(all)-room))
	seen := all[f.top:min(len(all), f.top+room)]
	for len(seen) < room {
		seen = append(seen, "")
	}
	return append(append(append([]string{}, seen...), ""), next...)
}

// result shows what was done, and a code as large as letters get here.
func (f *form) result() []string {
	secret := f.done.Code + f.done.Invite
	if secret == "" {
		return f.printed(func(s *screen.Screen) { s.Done(f.person.Name, f.done) })
	}
	var lines []string
	for group := range strings.SplitSeq(screen.Clean(secret), "-") {
		say := spell.English
		if f.cfg.German {
			say = spell.German
		}
		lines = append(lines, "    \x1b[1m"+strings.Join(strings.Split(group, ""), "  ")+"\x1b[0m", "    "+strings.Join(say(group), " - "), "")
	}
	return append([]string{f.question(), "", f.words.spoken, ""}, lines...)
}

// fit cuts a line at the width.
func fit(line string, width int) string {
	r := []rune(line)
	if len(r) > width {
		return string(r[:width])
	}
	return line + strings.Repeat(" ", width-len(r))
}
