package visit

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// View asks what the owner of the cookie may see. A session of the wrong kind
// is treated as none. Where it returns false it has answered.
func (v *Visit) View() (enroll.View, bool) {
	view, err := v.Sessions.View(v.R.Context(), v.Session)
	want := account.TokenSetup
	if v.Level == guard.Full {
		want = account.TokenSession
	}
	switch {
	case errors.Is(err, account.ErrNotFound), err == nil && view.Kind != want:
		v.Over()
		return view, false
	case err != nil:
		v.Disturbed(0, err)
		return view, false
	}
	return view, true
}

// ByItself says that the page asks by itself, and perhaps nobody sits before it:
// the visit keeps no session alive.
func (v *Visit) ByItself() { v.R = v.R.WithContext(records.Unasked(v.R.Context())) }

// FreshView is View for what only somebody may do who signed in a moment ago;
// the others are asked to sign in again, and come back to next.
func (v *Visit) FreshView(next string) (enroll.View, bool) {
	view, ok := v.View()
	if ok && !view.Fresh {
		status := http.StatusOK
		if v.R.Method == http.MethodPost {
			status = http.StatusForbidden
		}
		v.Show(status, "again", look.Page{Title: "again.title", Here: next, Next: next, Signed: true})
		return view, false
	}
	return view, ok
}

// Admit puts a new session in place of whatever the browser held.
func (v *Visit) Admit(s enroll.Session) {
	if old := v.Cookie(guard.Full); old != "" && old != s.Token {
		// Confirm has ended it already where it replaced it; an error leaves a
		// session whose id nobody holds any more.
		if err := v.Sessions.End(v.R.Context(), old); err != nil && !errors.Is(err, account.ErrNotFound) {
			v.Log.Warn("an earlier session could not be ended", "err", err)
		}
		v.Site.DropCookie(v.W, guard.Full)
	}
	if s.Kind != account.TokenSession {
		v.Site.SetCookie(v.W, guard.Setup, s.Token)
		return
	}
	v.Site.DropCookie(v.W, guard.Setup)
	v.Site.SetCookie(v.W, guard.Full, s.Token)
}

// Over leads back to the sign-in with a sentence. Somebody whose set-up was
// finished meanwhile (a reload, a second click) has a full session and goes on.
// A cookie that was not sent is left alone: under SameSite=Strict a link from
// elsewhere brings none, and must not end a session. Who brings none and sends no
// form was perhaps never signed in, and is not told that they no longer are.
func (v *Visit) Over() {
	q := url.Values{}
	if v.Session != "" {
		v.Site.DropCookie(v.W, v.Level)
	}
	if v.Session != "" || v.R.Method == http.MethodPost {
		q.Set("over", "1")
	}
	if v.Level != guard.Full && v.Cookie(guard.Full) != "" {
		v.To("/home")
		return
	}
	for _, next := range []string{v.R.PostForm.Get("next"), v.retry(), v.R.URL.Path} {
		if next = Next(url.Values{"next": {next}}); next != "" {
			q.Set("next", next)
			break
		}
	}
	if len(q) == 0 {
		v.To("/")
		return
	}
	v.To("/?" + q.Encode())
}

// ToStanding leads to where somebody of this level is.
func (v *Visit) ToStanding() {
	if v.Level == guard.Setup {
		v.To("/setup")
		return
	}
	v.To("/home")
}

// stale is a form whose token does not fit its cookie: an old tab, or a form
// from elsewhere.
func (v *Visit) stale() {
	if v.Level == guard.Pre && v.R.URL.Path == "/sign-in" {
		v.Show(http.StatusForbidden, "signin", look.Page{Title: "signin.title", Here: "/", Notice: v.Words.T("stale"),
			Name: v.R.PostForm.Get("name"), Next: Next(v.R.PostForm)})
		return
	}
	v.again(http.StatusForbidden, "stale", v.Words.T("stale"))
}
