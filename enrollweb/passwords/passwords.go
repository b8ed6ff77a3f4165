// Package passwords is where somebody makes an app password, sees it once, and
// removes it.
//
// It makes none itself: package enroll does. Only package enrollweb uses it.
package passwords

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/clients"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/round"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Maker makes, names and ends app passwords.
type Maker interface {
	// Issue makes one, which is shown once.
	Issue(ctx context.Context, session account.Secret, w enroll.Wish) (enroll.Issued, error)
	// Rename gives one another name.
	Rename(ctx context.Context, session account.Secret, record, label string) error
	// PlaceOn marks one as on a phone, or as on none for "".
	PlaceOn(ctx context.Context, session account.Secret, record, phone string) error
	// Revoke ends one, RevokeUnused all that enroll.Unused says are.
	Revoke(ctx context.Context, session account.Secret, record string) error
	RevokeUnused(ctx context.Context, session account.Secret) (int, error)
}

// Pages are the pages of app passwords.
type Pages struct {
	Maker Maker
	// Servers are what programs are given.
	Servers []recipe.Server
	// Signer signs profiles for Apple's devices; nil leaves them unsigned.
	Signer *tls.Certificate
	once   guard.Once
}

// Routes are their paths.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/passwords/new":     {Level: guard.Full, Get: ps.wishForm, Post: ps.issue},
		"/passwords/profile": {Level: guard.Full, Get: ps.spentForm, Post: ps.profile},
		"/passwords/wait":    {Level: guard.Full, Get: ps.wait},
		"/passwords/rename":  {Level: guard.Full, Get: ps.renameForm, Post: ps.rename},
		"/passwords/remove":  {Level: guard.Full, Get: ps.removeForm, Post: ps.remove},
		"/devices":           {Level: guard.Full, Get: ps.devicesForm, Post: ps.devices},
		round.Path:           {Level: guard.Full, Get: ps.step},
		"/passwords/unused":  {Level: guard.Full, Get: ps.unusedForm, Post: ps.unused},
	}
}

// likely is the program that somebody will connect first: one that has come with
// the normal password lately.
func likely(view enroll.View) string {
	for _, agent := range view.Programs {
		if kind, _ := clients.Of(agent); kind != clients.Other {
			return kind
		}
	}
	return clients.Kinds()[0]
}

// lives are how long an app password may be asked for, in days; 0 is until it
// is removed.
func lives() []int { return []int{0, 30, 365} }

func (ps *Pages) wishForm(v *visit.Visit) {
	if view, ok := v.FreshView("/passwords/new"); ok {
		ps.showWish(v, http.StatusOK, view, look.Page{Program: likely(view)})
	}
}

func (ps *Pages) showWish(v *visit.Visit, status int, view enroll.View, p look.Page) {
	p.View, p.Here, p.Title, p.Signed = view, "/passwords/new", "wish.title", true
	if p.Tour.At > 0 {
		p.Here = round.At(p.Tour.At)
	}
	p.Onward = v.OnwardHost()
	p.Programs, p.Lives, p.Once = clients.Kinds(), lives(), v.Random()
	v.Show(status, "wish", p)
}

func (ps *Pages) issue(v *visit.Visit) {
	f, here, past := v.R.PostForm, "/passwords/new", "/home?note=once"
	if n, err := strconv.Atoi(f.Get("step")); err == nil {
		here, past = round.At(n), round.At(n)+"&note=once"
	}
	v.Retry = here
	view, ok := v.FreshView(here)
	if !ok {
		return
	}
	tour, ok := stepOf(v, view)
	if !ok {
		return
	}
	p := look.Page{Name: strings.TrimSpace(f.Get("label")), Program: f.Get("program"), Once: f.Get("once"), Tour: tour}
	p.Record.Device = device(view, f)
	if !slices.Contains(clients.Kinds(), p.Program) {
		p.Program = "other"
	}
	if p.Name == "" {
		p.Name = unnamed(v, p.Program)
	}
	if utf8.RuneCountInString(p.Name) > enroll.MaxLabel {
		p.Error = v.Words.T("wish.label_wrong")
		ps.showWish(v, http.StatusUnprocessableEntity, view, p)
		return
	}
	// No tick is no wish: an empty list would mean all of them.
	services := slices.DeleteFunc(f["service"], func(s string) bool { return !slices.Contains(view.Services, s) })
	if len(view.Services) > 1 && len(services) == 0 {
		p.Missing = v.Words.T("wish.service_missing")
		ps.showWish(v, http.StatusUnprocessableEntity, view, p)
		return
	}
	if !ps.once.Take(p.Once) {
		v.To(past)
		return
	}
	made, err := ps.Maker.Issue(v.R.Context(), v.Session, enroll.Wish{Label: p.Name, Services: services, Life: life(f.Get("days")), Device: p.Record.Device})
	if no, ok := v.Failed(err); !ok {
		if ps.once.GiveBack(p.Once); no != nil {
			p.Error = v.Words.T("wish.refused")
			ps.showWish(v, v.RefusalStatus(no), view, p)
		}
		return
	}
	if len(services) > 0 {
		view.Services = services
	}
	p.Tour = ps.made(v, view, tour, made.Record)
	ps.show(v, view, p, made)
}

// device reads on which of the person's phones it shall be; a computer's program
// is on none.
func device(view enroll.View, f url.Values) string {
	if !f.Has("device") {
		return carried(view, f.Get("program"))
	}
	rec, found := view.Device(f.Get("device"))
	if !found || slices.Contains([]string{"mac", "thunderbird", "outlook"}, f.Get("program")) {
		return ""
	}
	return rec.ID
}

// carried is the phone that a program is likely to be on: the only one, where the
// program is one for phones. Of several the person has to say which.
func carried(view enroll.View, program string) string {
	if clients.Carried(program) && len(view.Devices) == 1 {
		return view.Devices[0].ID
	}
	return ""
}

// unnamed is the name of an app password that was given none.
func unnamed(v *visit.Visit, program string) string {
	if program == clients.Other {
		return v.Words.T("wish.unnamed")
	}
	return v.Words.T("program." + program)
}

// life reads how long it shall be good for; what is not offered means for ever.
func life(days string) time.Duration {
	n, err := strconv.Atoi(days)
	if err != nil || !slices.Contains(lives(), n) {
		n = 0
	}
	return time.Duration(n) * 24 * time.Hour
}

func (ps *Pages) removeForm(v *visit.Visit) {
	id := v.R.URL.Query().Get("id")
	view, ok := v.FreshView(visit.One("/passwords/remove", id))
	if !ok {
		return
	}
	rec, found := appPassword(view, id)
	if !found {
		v.To("/home?note=removed")
		return
	}
	v.Show(http.StatusOK, "remove", look.Page{Title: "remove.title", View: view, Record: rec, Signed: true,
		Here: "/passwords/remove?id=" + url.QueryEscape(id)})
}

func (ps *Pages) remove(v *visit.Visit) {
	id := v.R.PostForm.Get("id")
	view, ok := v.FreshView(visit.One("/passwords/remove", id))
	if !ok {
		return
	}
	if _, found := appPassword(view, id); found {
		if no, ok := v.Failed(ps.Maker.Revoke(v.R.Context(), v.Session, id)); !ok {
			if no != nil {
				v.Refused(no)
			}
			return
		}
	}
	v.To("/home?note=removed")
}
