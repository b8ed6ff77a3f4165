// Package passwords is where somebody makes an app password, sees it once, and
// removes it.
//
// It makes none itself: package enroll does. Only package enrollweb uses it.
package passwords

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Maker makes and ends app passwords.
type Maker interface {
	// Issue makes one, which is shown once.
	Issue(ctx context.Context, session account.Secret, w enroll.Wish) (account.Secret, error)
	// Revoke ends one.
	Revoke(ctx context.Context, session account.Secret, record string) error
}

// Pages are the pages of app passwords.
type Pages struct {
	Maker Maker
	once  guard.Once
}

// Routes are their paths.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/passwords/new":    {Level: guard.Full, Get: ps.wishForm, Post: ps.issue},
		"/passwords/remove": {Level: guard.Full, Get: ps.removeForm, Post: ps.remove},
	}
}

// programs are the kinds of program that the page knows a recipe for.
func programs() []string {
	return []string{"iphone", "mac", "android", "thunderbird", "outlook", "other"}
}

// maxLabel is the most characters of a label, as enroll.Wish says.
const maxLabel = 64

func (ps *Pages) wishForm(v *visit.Visit) {
	if view, ok := v.FreshView("/passwords/new"); ok {
		ps.showWish(v, http.StatusOK, view, look.Page{First: v.R.URL.Query().Has("first"), Program: "iphone"})
	}
}

func (ps *Pages) showWish(v *visit.Visit, status int, view enroll.View, p look.Page) {
	p.View, p.Here, p.Title, p.Signed = view, "/passwords/new", "wish.title", true
	p.Programs, p.Once = programs(), v.Random()
	v.Show(status, "wish", p)
}

func (ps *Pages) issue(v *visit.Visit) {
	view, ok := v.FreshView("/passwords/new")
	if !ok {
		return
	}
	f := v.R.PostForm
	p := look.Page{Name: strings.TrimSpace(f.Get("label")), Program: f.Get("program"), Once: f.Get("once")}
	if !slices.Contains(programs(), p.Program) {
		p.Program = "other"
	}
	if p.Name == "" && p.Program != "other" {
		p.Name = v.Words.T("program." + p.Program)
	}
	if p.Name == "" || utf8.RuneCountInString(p.Name) > maxLabel {
		p.Error = v.Words.T("wish.label_wrong")
		ps.showWish(v, http.StatusUnprocessableEntity, view, p)
		return
	}
	// No tick is no wish: an empty list would mean all of them.
	services := slices.DeleteFunc(f["service"], func(s string) bool { return !slices.Contains(view.Services, s) })
	if len(view.Services) > 1 && len(services) == 0 {
		p.Notice = v.Words.T("wish.service_missing")
		ps.showWish(v, http.StatusUnprocessableEntity, view, p)
		return
	}
	if !ps.once.Take(p.Once) {
		v.To("/home?note=once")
		return
	}
	secret, err := ps.Maker.Issue(v.R.Context(), v.Session, enroll.Wish{Label: p.Name, Services: services})
	if no, ok := v.Failed(err); !ok {
		if ps.once.GiveBack(p.Once); no != nil {
			p.Error = v.Words.T("wish.refused")
			ps.showWish(v, v.RefusalStatus(no), view, p)
		}
		return
	}
	p.Title, p.View, p.Shown, p.Signed = "issued.title", view, look.Groups(secret.Reveal(), 4), true
	v.Show(http.StatusOK, "issued", p)
}

// appPassword finds a record in the person's own list and nowhere else.
func appPassword(view enroll.View, id string) (account.Record, bool) {
	at := slices.IndexFunc(view.AppPasswords, func(r account.Record) bool { return r.ID == id })
	if at < 0 || id == "" {
		return account.Record{}, false
	}
	return view.AppPasswords[at], true
}

func (ps *Pages) removeForm(v *visit.Visit) {
	view, ok := v.FreshView("/home")
	if !ok {
		return
	}
	id := v.R.URL.Query().Get("id")
	rec, found := appPassword(view, id)
	if !found {
		v.To("/home?note=removed")
		return
	}
	v.Show(http.StatusOK, "remove", look.Page{Title: "remove.title", View: view, Record: rec, Signed: true,
		Here: "/passwords/remove?id=" + url.QueryEscape(id)})
}

func (ps *Pages) remove(v *visit.Visit) {
	view, ok := v.FreshView("/home")
	if !ok {
		return
	}
	id := v.R.PostForm.Get("id")
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
