package desk

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/sallyport/sallyport/contrib/sallyport/screen"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// One app password of several is chosen from a list, before anything is asked.

// choices are the app passwords that are good.
func (f *form) choices() (all []api.Record) {
	for _, r := range f.person.Records {
		if r.Factor == "app-password" && r.State == "active" {
			all = append(all, r)
		}
	}
	return all
}

// choose opens the list, if there is anything to choose.
func (f *form) choose() tea.Cmd {
	if len(f.choices()) == 0 {
		f.note = f.words.none
		return nil
	}
	f.stage, f.pick = choosing, 0
	return nil
}

func (f *form) pressChoosing(k tea.KeyPressMsg) tea.Cmd {
	all := f.choices()
	switch k.String() {
	case "esc":
		f.stage = looking
		return wait(f.person.Name)
	case "down":
		f.pick = min(f.pick+1, len(all)-1)
	case "up":
		f.pick = max(0, f.pick-1)
	case "enter":
		f.record = all[f.pick]
		return f.fill()
	}
	return nil
}

// list is the part of the app passwords that fits, a line for each.
func (f *form) list() []string {
	s := &screen.Screen{Now: f.cfg.Now}
	lines := []string{f.question(), ""}
	all, room := f.choices(), max(1, f.room()-1)
	from := max(0, f.pick-room+1)
	for i, r := range all[from:min(len(all), from+room)] {
		mark := "  "
		if from+i == f.pick {
			mark = "> "
		}
		lines = append(lines, strings.TrimRight(fit(mark+s.Record(r), f.width), " "))
	}
	return lines
}
