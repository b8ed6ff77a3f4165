package enrollweb

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// programs are the kinds of program that the page knows a recipe for.
func programs() []string {
	return []string{"iphone", "mac", "android", "thunderbird", "outlook", "other"}
}

// maxLabel is the most characters of a label, as enroll.Wish says.
const maxLabel = 64

func (v *visit) home() {
	view, ok := v.view()
	if !ok {
		return
	}
	p := look.Page{Title: "home.title", Here: "/home", View: view, Signed: true}
	switch note := v.r.URL.Query().Get("note"); note {
	case "phone", "removed", "once", "kept":
		p.Notice = v.texts.T("note." + note)
	}
	v.show(http.StatusOK, "home", p)
}

// freshView is view for what only somebody may do who signed in a moment ago;
// the others are asked to sign in again, and come back to next.
func (v *visit) freshView(next string) (enroll.View, bool) {
	view, ok := v.view()
	if ok && !view.Fresh {
		status := http.StatusOK
		if v.r.Method == http.MethodPost {
			status = http.StatusForbidden
		}
		v.show(status, "again", look.Page{Title: "again.title", Here: next, Next: next, Signed: true})
		return view, false
	}
	return view, ok
}

func (v *visit) wishForm() {
	if view, ok := v.freshView("/passwords/new"); ok {
		v.showWish(http.StatusOK, view, look.Page{First: v.r.URL.Query().Has("first"), Program: "iphone"})
	}
}

func (v *visit) showWish(status int, view enroll.View, p look.Page) {
	p.View, p.Here, p.Title, p.Signed = view, "/passwords/new", "wish.title", true
	p.Programs, p.Once = programs(), v.h.random()
	v.show(status, "wish", p)
}

func (v *visit) issue() {
	view, ok := v.freshView("/passwords/new")
	if !ok {
		return
	}
	f := v.r.PostForm
	p := look.Page{Name: strings.TrimSpace(f.Get("label")), Program: f.Get("program"), Once: f.Get("once")}
	if !slices.Contains(programs(), p.Program) {
		p.Program = "other"
	}
	if p.Name == "" && p.Program != "other" {
		p.Name = v.texts.T("program." + p.Program)
	}
	if p.Name == "" || utf8.RuneCountInString(p.Name) > maxLabel {
		p.Error = v.texts.T("wish.label_wrong")
		v.showWish(http.StatusUnprocessableEntity, view, p)
		return
	}
	// No tick is no wish: an empty list would mean all of them.
	services := slices.DeleteFunc(f["service"], func(s string) bool { return !slices.Contains(view.Services, s) })
	if len(view.Services) > 1 && len(services) == 0 {
		p.Notice = v.texts.T("wish.service_missing")
		v.showWish(http.StatusUnprocessableEntity, view, p)
		return
	}
	if !v.h.once.Take(p.Once) {
		v.to("/home?note=once")
		return
	}
	secret, err := v.h.cfg.Home.Issue(v.r.Context(), v.session, enroll.Wish{Label: p.Name, Services: services})
	if no, ok := v.failed(err); !ok {
		if v.h.once.GiveBack(p.Once); no != nil {
			p.Error = v.texts.T("wish.refused")
			v.showWish(v.refusalStatus(no), view, p)
		}
		return
	}
	p.Title, p.View, p.Shown, p.Signed = "issued.title", view, look.Groups(secret.Reveal(), 4), true
	v.show(http.StatusOK, "issued", p)
}

// appPassword finds a record in the person's own list and nowhere else.
func appPassword(view enroll.View, id string) (account.Record, bool) {
	at := slices.IndexFunc(view.AppPasswords, func(r account.Record) bool { return r.ID == id })
	if at < 0 || id == "" {
		return account.Record{}, false
	}
	return view.AppPasswords[at], true
}

func (v *visit) removeForm() {
	view, ok := v.freshView("/home")
	if !ok {
		return
	}
	id := v.r.URL.Query().Get("id")
	rec, found := appPassword(view, id)
	if !found {
		v.to("/home?note=removed")
		return
	}
	v.show(http.StatusOK, "remove", look.Page{Title: "remove.title", View: view, Record: rec, Signed: true,
		Here: "/passwords/remove?id=" + url.QueryEscape(id)})
}

func (v *visit) remove() {
	view, ok := v.freshView("/home")
	if !ok {
		return
	}
	id := v.r.PostForm.Get("id")
	if _, found := appPassword(view, id); found {
		if no, ok := v.failed(v.h.cfg.Home.Revoke(v.r.Context(), v.session, id)); !ok {
			if no != nil {
				v.refused(no)
			}
			return
		}
	}
	v.to("/home?note=removed")
}

func (v *visit) codesForm() {
	if view, ok := v.freshView("/codes"); ok {
		v.show(http.StatusOK, "renew", look.Page{Title: "renew.title", Here: "/codes", View: view, Signed: true, Once: v.h.random()})
	}
}

func (v *visit) newCodes() {
	if _, ok := v.freshView("/codes"); !ok {
		return
	}
	key := v.r.PostForm.Get("once")
	if !v.h.once.Take(key) {
		v.to("/home?note=once")
		return
	}
	codes, err := v.h.cfg.Home.Codes(v.r.Context(), v.session)
	if no, ok := v.failed(err); !ok {
		if v.h.once.GiveBack(key); no != nil {
			v.refused(no)
		}
		return
	}
	v.showCodes(codes, false)
}

// showCodes is the only page that ever holds emergency codes. It has no switch
// of language and no link: leaving it must be a decision.
func (v *visit) showCodes(codes []account.Secret, first bool) {
	p := look.Page{Title: "codes.title", First: first}
	for _, c := range codes {
		p.Shown = append(p.Shown, strings.Join(look.Groups(c.Reveal(), 5), "-"))
	}
	v.show(http.StatusOK, "codes", p)
}

// kept follows the codes. Nobody can show them again, so without the tick the
// way leads to new ones.
func (v *visit) kept() {
	view, ok := v.view()
	switch {
	case !ok:
	case v.r.PostForm.Get("kept") != "yes":
		v.to("/codes")
	case len(view.AppPasswords) == 0 && len(view.Services) > 0:
		v.to("/passwords/new?first=1")
	default:
		v.to("/home?note=kept")
	}
}

// signOut ends the session here and on the server. If the server cannot, the
// cookie stays, so that the person can try again instead of trusting a lie.
func (v *visit) signOut() {
	if _, ok := v.failed(v.h.cfg.Home.End(v.r.Context(), v.session)); !ok {
		return
	}
	v.dropCookie(guard.Full)
	v.dropCookie(guard.Setup)
	v.renewPre()
	v.to("/?bye=1")
}
