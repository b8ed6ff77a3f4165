package desk

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"charm.land/bubbles/v2/textinput"

	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Init begins with the search.
func (f *form) Init() tea.Cmd { return textinput.Blink }

// Update takes what was typed or answered.
func (f *form) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		f.width, f.height = msg.Width, msg.Height
		f.fit()
	case found:
		return f, f.seen(msg)
	case done:
		f.end(msg)
	case tick:
		if f.stage == looking && f.person.Name == msg.name {
			return f, f.look(msg.name)
		}
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			return f, tea.Quit
		}
		return f, f.press(msg)
	default:
		return f, f.write(msg)
	}
	return f, nil
}

// seen takes the answer about a person: the one that was asked for, or the same as
// before, read anew.
func (f *form) seen(m found) tea.Cmd {
	switch {
	case f.stage == searching && f.busy && m.asked == f.login.Value():
		f.busy = false
		if m.err != nil {
			f.note = m.err.Error()
			return nil
		}
		f.stage, f.person, f.note, f.top = looking, m.person, "", 0
	case f.stage == looking && m.asked == f.person.Name && m.err == nil && m.person.ID == f.person.ID:
		f.person = m.person
	case f.stage == looking && m.asked == f.person.Name && m.err != nil:
		f.note = m.err.Error()
	default:
		return nil // of a call that is over
	}
	return wait(f.person.Name)
}

// end takes what became of an order. What was refused can be put right.
func (f *form) end(m done) {
	if f.stage != working {
		return
	}
	if m.err != nil {
		f.stage, f.note = writing, f.words.refused+m.err.Error()
		return
	}
	f.stage, f.done, f.note = finished, m.done, ""
}

func (f *form) press(k tea.KeyPressMsg) tea.Cmd {
	switch f.stage {
	case searching:
		return f.pressSearching(k)
	case looking:
		return f.pressLooking(k)
	case choosing:
		return f.pressChoosing(k)
	case writing:
		return f.pressWriting(k)
	case asking:
		return f.pressAsking(k)
	case finished:
		if k.String() == "enter" {
			f.begin()
		}
	}
	return nil
}

func (f *form) pressSearching(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		return tea.Quit
	case "enter":
		name := strings.TrimSpace(f.login.Value())
		if name == "" || f.busy {
			return nil
		}
		f.login.SetValue(name)
		f.busy, f.note = true, ""
		return f.look(name)
	}
	if f.busy {
		return nil // the answer belongs to what stands there
	}
	return f.write(k)
}

func (f *form) pressLooking(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		f.begin()
	case "down":
		f.top++
	case "up":
		f.top = max(0, f.top-1)
	case "pgdown", "space":
		f.top += f.room()
	case "pgup":
		f.top = max(0, f.top-f.room())
	default:
		for _, v := range verbs() {
			if v.key == k.String() {
				f.verb, f.record, f.note = v, api.Record{}, ""
				if v.one {
					return f.choose()
				}
				return f.fill()
			}
		}
	}
	return nil
}

// fill opens the fields of what is to be done.
func (f *form) fill() tea.Cmd {
	f.stage, f.note = writing, ""
	return f.open(0)
}

// open goes to a field.
func (f *form) open(field int) tea.Cmd {
	f.fields[f.at].Blur()
	f.at = field
	return f.fields[f.at].Focus()
}

func (f *form) pressWriting(k tea.KeyPressMsg) tea.Cmd {
	fields := 2
	if f.verb.lasts {
		fields = 3
	}
	switch k.String() {
	case "esc":
		f.stage, f.note = looking, ""
		return wait(f.person.Name)
	case "enter":
		if f.at > 0 { // for how long is rarely asked: the next key leads there
			f.stage, f.note = asking, ""
			return nil
		}
		fallthrough
	case "tab", "down":
		return f.open((f.at + 1) % fields)
	case "shift+tab", "up":
		return f.open((f.at + fields - 1) % fields)
	}
	return f.write(k)
}

func (f *form) pressAsking(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case k.String() == "esc":
		f.stage = writing
	case len(k.String()) == 1 && strings.Contains(f.words.yes, k.String()):
		f.stage = working
		return f.act()
	}
	return nil
}

// write lets the field that is open take what was typed.
func (f *form) write(msg tea.Msg) (cmd tea.Cmd) {
	switch f.stage {
	case searching:
		f.login, cmd = f.login.Update(msg)
	case writing:
		f.fields[f.at], cmd = f.fields[f.at].Update(msg)
	}
	return cmd
}
