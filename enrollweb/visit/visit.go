// Package visit is one request on its way through the page: whose it is, what
// may be done with it, and how it is answered.
//
// It knows no page and decides nothing about signing in. Package enrollweb
// starts a visit; the packages of pages beside it answer it.
package visit

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/back"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/round"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// Sessions are what browsers hold.
type Sessions interface {
	// View is account.ErrNotFound when the session is over. It answers for
	// set-up sessions, too.
	View(ctx context.Context, session account.Secret) (enroll.View, error)
	// End ends the session.
	End(ctx context.Context, session account.Secret) error
}

// Frame is what all visits share. All fields but Operator and Support are
// needed.
type Frame struct {
	Sessions Sessions
	Site     *guard.Site
	Look     *look.Look
	Back     *back.List
	Operator string
	Support  look.Support
	Now      func() time.Time
	Rand     io.Reader
	Log      *slog.Logger
}

// Route is what one path answers to; a nil Get or Post is a 405.
type Route struct {
	Level guard.Level
	Get   func(*Visit)
	Post  func(*Visit)
	// Program answers the POST of a program that is no browser: it has no cookie
	// and no form, and must not be given what needs one.
	Program func(*Visit)
}

// GrantPath is where somebody confirms that a program fetches an app password,
// and GrantNote the cookie that says which, through sign-in and set-up.
const (
	GrantPath = "/login/v2/grant"
	GrantNote = "sallyport-flow"
)

// Visit is one request.
type Visit struct {
	*Frame
	W     http.ResponseWriter
	R     *http.Request
	Words *words.Catalog
	Level guard.Level
	// Session is what the cookie of the route's level held, Form the token that
	// forms of this level carry.
	Session account.Secret
	Form    string
	// Retry is where the button of an outage leads; empty is the page that was
	// asked for. Ticket goes with that button, in a form, where there is one.
	Retry  string
	Ticket string
}

// Identify reads the cookie of the route's level and, on POST, compares the
// form's token with it. It answers by itself where it returns false.
func (v *Visit) Identify(l guard.Level) bool {
	v.Level, v.Session = l, v.Cookie(l)
	if l == guard.Pre && v.Session == "" {
		v.Renew()
	}
	if v.Session == "" {
		v.Over()
		return false
	}
	v.Form = guard.FormToken(l, v.Session)
	if v.R.Method == http.MethodPost && !guard.FormFits(v.Form, v.R.PostForm.Get("form")) {
		v.stale()
		return false
	}
	return true
}

// Become takes the place of the session that the visit began with.
func (v *Visit) Become(l guard.Level, session account.Secret) {
	v.Level, v.Session, v.Form = l, session, guard.FormToken(l, session)
}

// Cookie is what the browser holds of a level.
func (v *Visit) Cookie(l guard.Level) account.Secret { return v.Site.Cookie(v.R, l) }

// Renew makes forms from before a change of level worthless.
func (v *Visit) Renew() {
	fresh := account.Secret(v.Random())
	v.Site.SetCookie(v.W, guard.Pre, fresh)
	if v.Level == guard.Pre {
		v.Session = fresh
	}
}

// Show writes one page.
func (v *Visit) Show(status int, name string, p look.Page) {
	p.Catalog, p.Operator, p.Support = v.Words, v.Operator, v.support()
	p.Form, p.Now, p.Nonce = v.Form, v.Now(), v.Random()
	out, err := v.Look.Draw(name, p)
	if err != nil {
		v.Log.Error("page could not be drawn", "err", err)
		v.undrawn()
		return
	}
	v.Site.AllowScript(v.W.Header(), p.Nonce)
	v.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.W.Header().Set("Content-Language", p.Lang)
	v.W.WriteHeader(status)
	_, _ = v.W.Write(out) // a reader that went away is nobody's error
}

// Message is a page of one sentence; key names it, key.title its heading.
func (v *Visit) Message(status int, key string) {
	v.Show(status, "message", look.Page{Title: key + ".title", Notice: v.Words.T(key), Here: v.retry()})
}

// again is the same about what passes: its button tries again.
func (v *Visit) again(status int, key, says string) {
	v.Show(status, "message", look.Page{Title: key + ".title", Notice: says, Here: v.retry(), Next: v.retry(), Once: v.Ticket})
}

// retry is where somebody was: the page that they asked for, or the one that a
// form belongs to. Of a form only what says which page comes along.
func (v *Visit) retry() string {
	if v.Retry != "" {
		return v.Retry
	}
	q := v.R.URL.Query()
	q.Del("lang")
	q.Del("ticket") // whoever holds it has it in the form
	if v.R.Method == http.MethodPost {
		q = url.Values{}
		for _, name := range []string{"id", "next", "emergency", "program"} {
			if value := v.R.PostForm.Get(name); value != "" {
				q.Set(name, value)
			}
		}
	}
	if len(q) == 0 {
		return v.R.URL.Path
	}
	return v.R.URL.Path + "?" + q.Encode()
}

// Brand names the organisation.
func (v *Visit) Brand() string {
	if v.Operator != "" {
		return v.Operator
	}
	return v.Words.T("brand")
}

// To leads the browser to another page.
func (v *Visit) To(where string) { http.Redirect(v.W, v.R, where, http.StatusSeeOther) }

// Next reads where to go after signing in: one of our own pages, or "".
func Next(form url.Values) string {
	next := form.Get("next")
	path, id, one := strings.Cut(next, "?id=")
	switch path {
	case "/phone", "/phones/lost":
		if !one || plain(id) {
			return next
		}
	case "/phone/add", "/passwords/new", "/devices", "/codes", GrantPath:
		if !one {
			return next
		}
	case "/passwords/profile":
		if id, program, named := strings.Cut(id, "&program="); one && plain(id) && (!named || plain(program)) {
			return next
		}
	case "/phones/remove", "/passwords/remove":
		if one && plain(id) {
			return next
		}
	}
	n, err := strconv.Atoi(next[strings.LastIndex(next, "=")+1:])
	if err == nil && n > 0 && next == round.At(n) {
		return next
	}
	return ""
}

// One is the page about one record, for Next.
func One(path, id string) string {
	if id == "" {
		return path
	}
	return path + "?id=" + url.QueryEscape(id)
}

// plain tells whether an id can be one of ours: it goes into addresses.
func plain(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
	})
}

// Random is a text that nobody can guess.
func (v *Visit) Random() string {
	b := make([]byte, 24)
	if _, err := io.ReadFull(v.Rand, b); err != nil {
		// Without randomness no form can be trusted; net/http ends the request.
		panic(fmt.Errorf("enrollweb: reading random bytes: %w", err))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Compact takes out the blanks that people type or paste into codes.
func Compact(s string) string { return strings.Join(strings.Fields(s), "") }
