package look

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// PhoneName is what a phone is called; one without a name is just a phone.
func (p Page) PhoneName(r account.Record) string {
	if r.Label == "" {
		return p.T("list.phone")
	}
	return r.Label
}

// Suggest is a name for the phone that is being connected: that of the one whose
// place it takes, or one that the person does not have yet.
func (p Page) Suggest() string {
	if p.Record.Label != "" {
		return p.Record.Label
	}
	base := p.T("list.phone")
	if name := given(p.View.Subject.DisplayName); name != "" {
		base = p.T("phone.of", "name", name)
	}
	if utf8.RuneCountInString(base) > enroll.MaxLabel-3 {
		base = p.T("list.phone")
	}
	name := base
	for n := 2; slices.ContainsFunc(p.View.Devices, func(r account.Record) bool { return p.PhoneName(r) == name }); n++ {
		name = base + " " + strconv.Itoa(n)
	}
	return name
}

// given is the name that friends use: the first word, or, where the family's
// comes first with a comma, the one after that.
func given(display string) string {
	if _, after, ok := strings.Cut(display, ","); ok {
		display = after
	}
	words := strings.Fields(display)
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// On are the names of the app passwords that are marked as on a phone.
func (p Page) On(r account.Record) []string {
	var names []string
	for _, a := range p.View.AppPasswords {
		if a.Device == r.ID && r.ID != "" {
			names = append(names, a.Label)
		}
	}
	return names
}

// OnPhone names the phone that an app password is marked as on, or "".
func (p Page) OnPhone(a account.Record) string {
	if r, ok := p.View.Device(a.Device); ok {
		return p.PhoneName(r)
	}
	return ""
}

// More tells whether the person may have one phone more.
func (p Page) More() bool { return len(p.View.Devices) < p.View.MostDevices }
