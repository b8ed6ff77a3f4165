package signin

import (
	"github.com/sallyport/sallyport/enrollweb/guard"
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
	v.Forget()
	v.Through(way.Address, way.Host)
}
