package passwords

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/clients"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/round"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// roundOf is the round that the browser is on, if it is the owner's.
func roundOf(v *visit.Visit, view enroll.View) round.Round {
	return round.Read(v.Site.Taste(v.R, round.Note), view)
}

func remember(v *visit.Visit, r round.Round) {
	v.Site.SetNote(v.W, round.Note, r.Pack(), round.NoteFor)
}

// devicesForm asks which devices sync, with those ticked that came lately.
func (ps *Pages) devicesForm(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	if len(view.Services) == 0 {
		v.To("/home")
		return
	}
	r := roundOf(v, view)
	v.Show(http.StatusOK, "devices", look.Page{Title: "round.title", Here: "/devices", View: view, Signed: true,
		Onward: v.OnwardHost(), Tour: look.Tour{Round: r, Choices: r.Choices(view)}})
}

// devices begins the round. Nothing ticked is an answer, too.
func (ps *Pages) devices(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	r := roundOf(v, view).Begin(view, v.R.PostForm["device"])
	if len(r.Steps) == 0 {
		v.Site.SetNote(v.W, round.Note, "", -1)
		v.To("/home?note=nodevice")
		return
	}
	remember(v, r)
	v.To(round.At(r.After(0)))
}

// step shows one device of the round: what is to be said for its app password,
// or, where it has one, whether it has synced. After the last one there is a list
// of all.
func (ps *Pages) step(v *visit.Visit) {
	from := since(v)
	view, ok := v.View()
	if !ok {
		return
	}
	q := v.R.URL.Query()
	n, err := strconv.Atoi(q.Get("n"))
	p := look.Page{Tour: look.Tour{Round: roundOf(v, view), At: n, Again: q.Has("again")}}
	if q.Get("note") == "once" {
		p.Notice = v.Words.T("note.once")
	}
	r := p.Tour.Round
	switch {
	case len(r.Steps) == 0: // the cookie is gone, or somebody else's
		v.To("/devices")
	case err != nil || n < 1:
		v.To(round.At(r.After(0)))
	case n > len(r.Steps):
		p.Title, p.Here, p.View, p.Signed, p.Onward = "round.title_end", round.At(n), view, true, v.OnwardHost()
		p.Tour.At = 0
		v.Show(http.StatusOK, "tour", p)
	case r.Steps[n-1].Record != "" && !p.Tour.Again:
		p.Record, _ = appPassword(view, r.Steps[n-1].Record)
		p.Here, p.Watch.Since = round.At(n), from
		showWait(v, view, p)
	default:
		if view, ok = v.FreshView(round.At(n)); !ok {
			return
		}
		if p.Program = r.Steps[n-1].Kind; p.Program != clients.Other || r.Steps[n-1].Name != "" {
			p.Catalog = v.Words
			p.Name = p.StepName(r.Steps[n-1])
		}
		p.Record.Device = carried(view, p.Program)
		ps.showWish(v, http.StatusOK, view, p)
	}
}

// stepOf reads for which step of the round a form asks for an app password; the
// round knows the program. A step that has one already, as for another tab, gets
// no second one unless that is what was asked for. Where it returns false it has
// answered.
func stepOf(v *visit.Visit, view enroll.View) (look.Tour, bool) {
	f := v.R.PostForm
	n, err := strconv.Atoi(f.Get("step"))
	if err != nil {
		return look.Tour{}, true
	}
	t := look.Tour{Round: roundOf(v, view), At: n, Again: f.Has("again")}
	switch {
	case !t.Has(n):
		v.To("/devices")
		return t, false
	case t.Steps[n-1].Record != "" && !t.Again:
		v.To(round.At(n))
		return t, false
	}
	f.Set("program", t.Steps[n-1].Kind)
	return t, true
}

// made notes the new app password of a step. One that it replaces, and that
// nobody ever used, was lost on the way and goes.
func (ps *Pages) made(v *visit.Visit, view enroll.View, t look.Tour, record string) look.Tour {
	instead := v.R.PostForm.Get("instead")
	if t.At > 0 {
		instead = t.Steps[t.At-1].Record
		t.Round = t.With(t.At, record)
		remember(v, t.Round)
	}
	old, found := appPassword(view, instead)
	if found && old.LastUsed.IsZero() {
		if err := ps.Maker.Revoke(v.R.Context(), v.Session, old.ID); err != nil {
			v.Log.Warn("an app password that was never used could not be ended; its owner can remove it on the page", "err", err)
		}
	}
	return t
}

// appPassword finds a record in the person's own list and nowhere else.
func appPassword(view enroll.View, id string) (account.Record, bool) {
	at := slices.IndexFunc(view.AppPasswords, func(r account.Record) bool { return r.ID == id })
	if at < 0 || id == "" {
		return account.Record{}, false
	}
	return view.AppPasswords[at], true
}
