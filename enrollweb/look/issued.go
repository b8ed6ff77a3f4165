package look

import (
	"slices"

	"github.com/sallyport/sallyport/enrollweb/clients"
	"github.com/sallyport/sallyport/enrollweb/recipe"
)

// Syncs tells whether the app password is for calendars or contacts, as far as
// the page knows: files and e-mail have recipes of their own kind.
func (p Page) Syncs() bool {
	if len(p.Places) > 0 {
		return slices.ContainsFunc(p.Places, recipe.Place.Syncs)
	}
	return slices.ContainsFunc(p.View.Services, func(s string) bool { return s != "files" && s != "imap" })
}

// Mails tells whether it is for e-mail, as far as the page knows a mail server.
func (p Page) Mails() bool { return slices.ContainsFunc(p.Places, recipe.Place.Mails) }

// LastOfLogin tells whether the user name stands behind the address with this index:
// after all that it is for, and before what wants another.
func (p Page) LastOfLogin(i int) bool {
	return i+1 == len(p.Places) || p.Places[i+1].Login != p.Places[i].Login
}

// Unnamed tells whether the app password has the name of those without one.
func (p Page) Unnamed() bool { return p.Name == p.T("wish.unnamed") }

// OnNone tells whether "on none of the phones" is ticked to begin with: not where
// the program is one for phones, and nobody can know which of several; and not
// where the program is chosen on the same page.
func (p Page) OnNone() bool {
	open := p.ChoosesProgram() || clients.Carried(p.Program) && len(p.View.Devices) > 1
	return p.OnPhone(p.Record) == "" && !open
}

// ChoosesProgram tells whether the page asks for which program an app password is.
func (p Page) ChoosesProgram() bool { return p.Title == "wish.title" && p.Tour.At == 0 }
