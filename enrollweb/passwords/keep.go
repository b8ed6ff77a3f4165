package passwords

import (
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

func (ps *Pages) renameForm(v *visit.Visit) {
	if view, ok := v.View(); ok {
		if rec, found := appPassword(view, v.R.URL.Query().Get("id")); found {
			ps.showRename(v, http.StatusOK, look.Page{View: view, Record: rec, Name: rec.Label})
			return
		}
		v.To("/home?note=removed")
	}
}

func (ps *Pages) showRename(v *visit.Visit, status int, p look.Page) {
	p.Title, p.Signed, p.Here = "rename.title", true, "/passwords/rename?id="+url.QueryEscape(p.Record.ID)
	v.Show(status, "rename", p)
}

func (ps *Pages) rename(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	rec, found := appPassword(view, v.R.PostForm.Get("id"))
	if !found {
		v.To("/home?note=removed")
		return
	}
	label := v.R.PostForm.Get("label")
	if no, ok := v.Failed(ps.Maker.Rename(v.R.Context(), v.Session, rec.ID, label)); !ok {
		if no != nil {
			ps.showRename(v, v.RefusalStatus(no), look.Page{View: view, Record: rec, Name: label, Error: v.Words.T("wish.label_wrong")})
		}
		return
	}
	if phone := device(view, v.R.PostForm); phone != rec.Device && v.R.PostForm.Has("device") {
		if no, ok := v.Failed(ps.Maker.PlaceOn(v.R.Context(), v.Session, rec.ID, phone)); !ok {
			if no != nil {
				v.Refused(no)
			}
			return
		}
	}
	v.To("/home?note=renamed")
}

// unusedOf are the app passwords that the page offers to end together.
func unusedOf(v *visit.Visit, view enroll.View) []account.Record {
	var unused []account.Record
	for _, r := range view.AppPasswords {
		if enroll.Unused(r, v.Now()) {
			unused = append(unused, r)
		}
	}
	return unused
}

func (ps *Pages) unusedForm(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	unused := unusedOf(v, view)
	if len(unused) == 0 {
		v.To("/home")
		return
	}
	view.AppPasswords = unused
	v.Show(http.StatusOK, "unused", look.Page{Title: "unused.title", Here: "/passwords/unused", View: view, Signed: true})
}

func (ps *Pages) unused(v *visit.Visit) {
	_, err := ps.Maker.RevokeUnused(v.R.Context(), v.Session)
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			v.Refused(no)
		}
		return
	}
	v.To("/home?note=unused")
}
