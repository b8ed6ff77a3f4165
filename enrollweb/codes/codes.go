// Package codes is the sheet of emergency codes, on the page and as a file, and
// how to get a new one.
//
// It makes none and keeps none: package enroll does. Only package enrollweb, its
// set-up and its phones use it.
package codes

import (
	"context"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Maker makes a new sheet of emergency codes and ends the old one.
type Maker interface {
	Codes(ctx context.Context, session account.Secret) ([]account.Secret, error)
}

// Pages are the pages of emergency codes.
type Pages struct {
	Maker Maker
	once  guard.Once
}

// Routes are their paths.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/codes": {Level: guard.Full, Get: ps.codesForm, Post: ps.newCodes},
		// No Get: a program that asks a second time by itself must not keep some
		// other page under the name of the file.
		"/codes/file": {Level: guard.Full, Post: ps.file},
		"/codes/kept": {Level: guard.Full, Get: func(v *visit.Visit) { v.To("/home") }, Post: ps.kept},
	}
}

func (ps *Pages) codesForm(v *visit.Visit) {
	if view, ok := v.FreshView("/codes"); ok {
		p := look.Page{Title: "renew.title", Here: "/codes", View: view, Signed: true, Once: v.Random()}
		if v.R.URL.Query().Get("note") == "unkept" {
			p.Notice = v.Words.T("renew.unkept")
		}
		v.Show(http.StatusOK, "renew", p)
	}
}

func (ps *Pages) newCodes(v *visit.Visit) {
	if _, ok := v.FreshView("/codes"); !ok {
		return
	}
	key := v.R.PostForm.Get("once")
	if !ps.once.Take(key) {
		v.To("/home?note=once")
		return
	}
	codes, err := ps.Maker.Codes(v.R.Context(), v.Session)
	if no, ok := v.Failed(err); !ok {
		if ps.once.GiveBack(key); no != nil {
			v.Refused(no)
		}
		return
	}
	Show(v, codes, false)
}

// Show is the only page that ever holds emergency codes. It has no switch
// of language and no link: leaving it must be a decision.
func Show(v *visit.Visit, codes []account.Secret, first bool) {
	p := look.Page{Title: "codes.title", First: first}
	for _, c := range codes {
		p.Shown = append(p.Shown, strings.Join(look.Groups(c.Reveal(), 5), "-"))
	}
	v.Show(http.StatusOK, "codes", p)
}

// kept follows the codes. Nobody can show them again, so without the tick the
// way leads to new ones.
func (ps *Pages) kept(v *visit.Visit) {
	view, ok := v.View()
	switch {
	case !ok:
	case v.R.PostForm.Get("kept") != "yes":
		v.To("/codes?note=unkept")
	case v.Site.Taste(v.R, visit.GrantNote) != "":
		v.To(visit.GrantPath) // a program brought them here, and waits
	case len(view.Devices) == 0: // the last phone is lost, and these are instead of it
		v.To("/phone/add")
	case len(view.AppPasswords) == 0 && len(view.Services) > 0:
		v.To("/devices")
	default:
		v.To("/home?note=kept")
	}
}
