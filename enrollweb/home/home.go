// Package home is where somebody is who has signed in: what they have, and the
// way out.
//
// It does not change anything; what does has pages of its own. Only package
// enrollweb uses it.
package home

import (
	"net/http"

	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/round"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Routes are its paths.
func Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/home":     {Level: guard.Full, Get: home},
		"/sign-out": {Level: guard.Full, Get: func(v *visit.Visit) { v.ToStanding() }, Post: signOut},
	}
}

func home(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	p := look.Page{Title: "home.title", Here: "/home", View: view, Signed: true, Onward: v.OnwardHost(),
		Tour: look.Tour{Round: round.Read(v.Site.Taste(v.R, round.Note), view)}}
	switch note := v.R.URL.Query().Get("note"); note {
	case "phone", "removed", "renamed", "unused", "once", "kept", "added", "gone", "lost", "nodevice":
		p.Notice = v.Words.T("note." + note)
	}
	v.Show(http.StatusOK, "home", p)
}

// signOut ends the session here and on the server. If the server cannot, the
// cookie stays, so that the person can try again instead of trusting a lie.
func signOut(v *visit.Visit) {
	if _, ok := v.Failed(v.Sessions.End(v.R.Context(), v.Session)); !ok {
		return
	}
	v.Site.DropCookie(v.W, guard.Full)
	v.Site.DropCookie(v.W, guard.Setup)
	v.Forget()
	v.Site.SetNote(v.W, round.Note, "", -1)
	v.Renew()
	v.To("/?bye=1")
}
