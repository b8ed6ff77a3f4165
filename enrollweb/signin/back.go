package signin

import (
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/enrollweb/back"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// arrived has noted where somebody wants to go back to, and takes that out of
// the address bar. A browser that was sent here by another site has kept back
// the cookie of who is signed in already, so it comes once more from ours.
func (ps *Pages) arrived(v *visit.Visit) {
	if v.R.Header.Get("Sec-Fetch-Site") == "cross-site" {
		v.Through("/back", "")
		return
	}
	v.To("/back")
}

// done is where somebody goes who has signed in and needs nothing.
func (ps *Pages) done(v *visit.Visit) string {
	if _, ok := v.Onward(); ok {
		return "/back"
	}
	return "/home"
}

// back leads to the application that the person came from, and to the sign-in
// if that is still to be done. An outage on the way forgets nothing.
func (ps *Pages) back(v *visit.Visit) {
	way, ok := v.Onward()
	session := v.Cookie(guard.Full)
	if !ok || session == "" {
		v.To("/")
		return
	}
	v.Become(guard.Full, session)
	if _, ok := v.View(); !ok {
		return
	}
	where, ok := ps.taken(v, way)
	if !ok {
		return
	}
	v.Forget()
	v.Through(where, way.Host)
}

// taken is where an application's host takes the person over. Without a proof,
// as after a link that the application itself has made, it is the application,
// whose web server then asks for one. Where it returns false it has answered.
func (ps *Pages) taken(v *visit.Visit, way back.Way) (string, bool) {
	if way.Proof == "" {
		return way.Address, true
	}
	code, err := ps.Host.Hand(v.R.Context(), v.Session, way.Gate, way.Proof)
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			v.Refused(no)
		}
		return "", false
	}
	return way.Gate + "/.sallyport/enter?code=" + url.QueryEscape(code.Reveal()), true
}

// later leaves the set-up undone, which only who needs no second factor now can
// do. They go on to where they came from; a host that takes them over does so
// with this session, which must stay for that.
func (ps *Pages) later(v *visit.Visit) {
	view, ok := v.View()
	if !ok {
		return
	}
	if view.Leave.Why == "" {
		v.To("/setup")
		return
	}
	way, onward := v.Onward()
	if onward {
		where, ok := ps.taken(v, way)
		if !ok {
			return
		}
		way.Address = where
		v.Forget()
	}
	if !onward || way.Proof == "" {
		if _, ok := v.Failed(v.Sessions.End(v.R.Context(), v.Session)); !ok {
			return
		}
		v.Site.DropCookie(v.W, guard.Setup)
		v.Renew()
	}
	if onward {
		v.Through(way.Address, way.Host)
		return
	}
	p := look.Page{Title: "later.title", Notice: v.Words.T("later.exempt"), View: view}
	if view.Leave.DaysLeft > 0 {
		p.Notice = v.Words.T("later.grace", "day", v.Words.Day(p.Due()))
	}
	v.Show(http.StatusOK, "message", p)
}
