// Package phones is where somebody names a phone, removes one of several, and
// says that one is lost.
//
// It ends nothing itself: package enroll does. How a phone is connected is the
// business of the set-up. Only package enrollweb uses it.
package phones

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/enrollweb/codes"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Keeper names and ends phones. Errors are those of enroll.Refusal.
type Keeper interface {
	// Rename gives a phone another name.
	Rename(ctx context.Context, session account.Secret, record, label string) error
	// RemovePhone ends one of several.
	RemovePhone(ctx context.Context, session account.Secret, r devices.Removal) (enroll.Session, error)
	// LosePhone ends one with the app passwords on it.
	LosePhone(ctx context.Context, session account.Secret, record string) (enroll.Confirmed, error)
}

// Pages are the pages of phones.
type Pages struct{ Keeper Keeper }

// Routes are their paths.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/phones/rename": {Level: guard.Full, Get: ps.renameForm, Post: ps.rename},
		"/phones/remove": {Level: guard.Full, Get: ps.removeForm, Post: ps.remove},
		lostPath:         {Level: guard.Full, Get: ps.lostForm, Post: ps.lost},
	}
}

// lostPath is the one button of somebody who has lost a phone.
const lostPath = "/phones/lost"

func (ps *Pages) renameForm(v *visit.Visit) {
	if view, ok := v.View(); ok {
		if rec, found := view.Device(v.R.URL.Query().Get("id")); found {
			p := look.Page{Catalog: v.Words, View: view, Record: rec}
			p.Name = p.PhoneName(rec)
			ps.showRename(v, http.StatusOK, p)
			return
		}
		v.To("/home")
	}
}

func (ps *Pages) showRename(v *visit.Visit, status int, p look.Page) {
	p.Title, p.Signed, p.Here = "phones.rename", true, "/phones/rename?id="+url.QueryEscape(p.Record.ID)
	v.Show(status, "phone-rename", p)
}

func (ps *Pages) rename(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	rec, found := view.Device(v.R.PostForm.Get("id"))
	if !found {
		v.To("/home")
		return
	}
	label := v.R.PostForm.Get("label")
	if no, ok := v.Failed(ps.Keeper.Rename(v.R.Context(), v.Session, rec.ID, label)); !ok {
		if no != nil {
			ps.showRename(v, v.RefusalStatus(no), look.Page{View: view, Record: rec, Name: label, Error: v.Words.T("wish.label_wrong")})
		}
		return
	}
	v.To("/home?note=renamed")
}

// removable is a phone that is not the last one. Where it returns false it has
// answered.
func removable(v *visit.Visit, id string) (look.Page, bool) {
	view, ok := v.FreshView(visit.One("/phones/remove", id))
	if !ok {
		return look.Page{}, false
	}
	rec, found := view.Device(id)
	if !found || len(view.Devices) < 2 {
		v.To("/home")
		return look.Page{}, false
	}
	return look.Page{View: view, Record: rec}, true
}

func (ps *Pages) removeForm(v *visit.Visit) {
	if p, ok := removable(v, v.R.URL.Query().Get("id")); ok {
		ps.showRemove(v, http.StatusOK, p)
	}
}

func (ps *Pages) showRemove(v *visit.Visit, status int, p look.Page) {
	p.Title, p.Signed, p.Here = "phones.remove", true, "/phones/remove?id="+url.QueryEscape(p.Record.ID)
	v.Show(status, "phone-remove", p)
}

func (ps *Pages) remove(v *visit.Visit) {
	p, ok := removable(v, v.R.PostForm.Get("id"))
	if !ok {
		return
	}
	code := visit.Compact(v.R.PostForm.Get("code"))
	if code == "" {
		p.Error = v.Words.T("code.missing")
		ps.showRemove(v, http.StatusUnprocessableEntity, p)
		return
	}
	next, err := ps.Keeper.RemovePhone(v.R.Context(), v.Session, devices.Removal{Record: p.Record.ID, Code: account.Secret(code)})
	if no, ok := v.Failed(err); !ok {
		switch {
		case no == nil:
		case no.Reason == account.CodeWrong && no.Drift == 0:
			p.Error = v.Words.T("phones.code_wrong")
			ps.showRemove(v, v.RefusalStatus(no), p)
		case no.Reason == account.CodeWrong, no.Reason == account.CodeUsed, no.Reason == account.Throttled:
			p.Error = v.CodeProblem(no, false)
			ps.showRemove(v, v.RefusalStatus(no), p)
		default: // another window was quicker, and this is the last one now
			v.Refused(no)
		}
		return
	}
	v.Admit(next)
	v.To("/home?note=gone")
}

// lostForm names what will end before anything does: the phone that is asked for,
// or the only one; of several it asks which.
func (ps *Pages) lostForm(v *visit.Visit) {
	id := v.R.URL.Query().Get("id")
	view, ok := v.FreshView(visit.One(lostPath, id))
	if !ok {
		return
	}
	if id == "" && len(view.Devices) == 1 {
		id = view.Devices[0].ID
	}
	p := look.Page{Title: "lost.title", View: view, Signed: true, Here: lostPath}
	p.Record, ok = view.Device(id)
	switch {
	case len(view.Devices) == 0:
		v.To("/phone/add")
	case id == "":
		v.Show(http.StatusOK, "lost-which", p)
	case !ok:
		v.To("/home")
	default:
		p.Here += "?id=" + url.QueryEscape(id)
		p.Last = len(view.Devices) == 1
		v.Show(http.StatusOK, "lost", p)
	}
}

// lost ends the phone. After the last one the way leads on to a new one, past the
// emergency codes if there had to be new ones.
func (ps *Pages) lost(v *visit.Visit) {
	view, ok := v.FreshView(visit.One(lostPath, v.R.PostForm.Get("id")))
	if !ok {
		return
	}
	rec, found := view.Device(v.R.PostForm.Get("id"))
	if !found {
		v.To("/home?note=lost")
		return
	}
	done, err := ps.Keeper.LosePhone(v.R.Context(), v.Session, rec.ID)
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			v.Refused(no)
		}
		return
	}
	v.Admit(done.Session)
	v.Become(guard.Full, done.Session.Token)
	switch {
	case len(done.Codes) > 0:
		codes.Show(v, done.Codes, false)
	case len(view.Devices) == 1:
		v.To("/phone/add")
	default:
		v.To("/home?note=lost")
	}
}
