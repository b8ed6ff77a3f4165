package visit

import (
	"net/http"

	"github.com/sallyport/sallyport/enrollweb/back"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// backFor is how long, in seconds, an address to go back to is remembered.
const backFor = 60 * 60

// Arrive remembers where a web application wants its person back, if the address
// of the page says so, and tells whether it does. One that is on no list counts
// as none, and takes the place of the one before: that was for another errand.
func (v *Visit) Arrive() bool {
	q := v.R.URL.Query()
	if !q.Has("return") {
		return false
	}
	way, ok := v.Back.Find(q.Get("return"))
	if !ok {
		v.Log.Debug("somebody came with an address to go back to that is on no list")
		v.Forget()
		return false
	}
	v.Site.SetNote(v.W, back.Cookie, way.Proven(q.Get("bind")).Pack(), backFor)
	return true
}

// Onward is where the person came from and wants to go on to.
func (v *Visit) Onward() (back.Way, bool) {
	return v.Back.Unpack(v.Site.Taste(v.R, back.Cookie))
}

// OnwardHost is its host for the page's button, or "".
func (v *Visit) OnwardHost() string {
	way, _ := v.Onward()
	return way.Host
}

// Forget ends the errand.
func (v *Visit) Forget() {
	if v.Site.Taste(v.R, back.Cookie) != "" {
		v.Site.SetNote(v.W, back.Cookie, "", -1)
	}
}

// Through shows a page that goes on by itself at once, and by its button where
// the browser does not. A redirection would not do: browsers hold back cookies
// from those that began elsewhere, and do not let a form end on another site.
func (v *Visit) Through(where, host string) {
	v.W.Header().Set("Refresh", "0; url="+where)
	v.Show(http.StatusOK, "onward", look.Page{Title: "onward.title", Next: where, Onward: host})
}
