// Package signin is the way in: name and password, the code after it, and the
// link that a web application or the support hands out.
//
// It asks a judge and redeems what that gave; it knows no rule. Only package
// enrollweb uses it.
package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Judge judges what somebody typed; check.Engine is one.
type Judge interface {
	Check(ctx context.Context, a account.Attempt) account.Answer
}

// Redeemer turns a ticket that lets somebody in into a session: for the set-up
// after account.EnrollRequired, a full one after an accept.
type Redeemer interface {
	Open(ctx context.Context, ticket account.Secret) (enroll.Session, error)
}

// Host hands somebody who is signed in over to the host of a web application;
// visits.Visits is one.
type Host interface {
	// Hand returns a code for the browser to carry to the origin. The proof binds
	// it to that browser.
	Hand(ctx context.Context, session account.Secret, origin, proof string) (account.Secret, error)
}

// Pages are the pages of the way in. Service is what a sign-in asks for; Host is
// needed only where the list of addresses to go back to has gates.
type Pages struct {
	Judge   Judge
	Redeem  Redeemer
	Host    Host
	Service string
}

// Routes are the paths of the way in.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/":        {Level: guard.Pre, Get: ps.signInForm},
		"/sign-in": {Level: guard.Pre, Get: func(v *visit.Visit) { v.To("/") }, Post: ps.signIn},
		"/enroll":  {Level: guard.Pre, Get: ps.linkForm, Post: ps.link},
		"/back":    {Level: guard.Pre, Get: ps.back},
		"/code":    {Level: guard.Code, Get: ps.codeForm, Post: ps.code},
		"/later":   {Level: guard.Setup, Get: func(v *visit.Visit) { v.To("/setup") }, Post: ps.later},
	}
}

// signInForm is the start. Who is signed in already goes home, unless they were
// sent here to sign in again.
func (ps *Pages) signInForm(v *visit.Visit) {
	if v.Arrive() {
		ps.arrived(v)
		return
	}
	q := v.R.URL.Query()
	p := look.Page{Title: "signin.title", Here: "/", Next: visit.Next(q)}
	switch {
	case q.Has("over"):
		p.Notice = v.Words.T("over")
	case q.Has("bye"):
		p.Notice = v.Words.T("bye")
	case q.Has("again"):
		p.Notice = v.Words.T("again")
	case q.Has("other"): // on purpose, from the middle of a sign-in
	default:
		if where := ps.standing(v, p.Next); where != "" {
			v.To(where)
			return
		}
	}
	v.Show(http.StatusOK, "signin", p)
}

// standing is how far the browser has come, as its page, or "" for the start. A
// new sign-in in the middle of the set-up would make a new key, and the one that
// the phone has by now would be wrong.
func (ps *Pages) standing(v *visit.Visit, next string) string {
	switch {
	case v.Cookie(guard.Full) != "" && next != "":
		return next
	case v.Cookie(guard.Full) != "":
		return "/home"
	case v.Cookie(guard.Setup) != "":
		return "/setup"
	case v.Cookie(guard.Code) != "" && v.Site.Taste(v.R, codeNote) != "":
		return codePath(next, false)
	}
	return ""
}

func (ps *Pages) attempt(v *visit.Visit) account.Attempt {
	return account.Attempt{Service: ps.Service, FrontEnd: "page", WantTicket: true,
		Client: v.Site.Client(v.R), Peer: account.Peer{UID: -1, GID: -1, PID: -1}}
}

func (ps *Pages) signIn(v *visit.Visit) {
	f, a := v.R.PostForm, ps.attempt(v)
	a.Name, a.Password = f.Get("name"), account.Secret(f.Get("password"))
	next := visit.Next(f)
	v.Retry = "/"
	if next != "" {
		v.Retry += "?next=" + url.QueryEscape(next)
	}
	refused := func(status int, says string) {
		v.Show(status, "signin", look.Page{Title: "signin.title", Here: "/", Name: a.Name, Next: next, Error: says})
	}
	if a.Name == "" || a.Password == "" {
		refused(http.StatusUnprocessableEntity, v.Words.T("signin.missing"))
		return
	}
	ans := ps.Judge.Check(v.R.Context(), a)
	switch {
	case ans.Verdict == factor.Unavailable:
		v.Disturbed(ans.RetryAfter, nil)
	case ans.Ticket != "" && ans.Reason == account.CodeRequired:
		v.Renew()
		atCode(v, ans.Ticket)
		v.To(codePath(next, false))
	case ps.mayEnter(v, ans):
		ps.enter(v, ans.Ticket, next)
	case ans.Reason == account.Throttled:
		v.Wait(ans.RetryAfter)
		refused(http.StatusTooManyRequests, v.Words.Wait(ans.RetryAfter))
	default:
		// One sentence for all: a stranger must not learn which it was.
		refused(http.StatusUnprocessableEntity, v.Words.T("signin.refused"))
	}
}

// mayEnter tells whether the answer's ticket opens the page or the set-up.
func (ps *Pages) mayEnter(v *visit.Visit, ans account.Answer) bool {
	return ans.Ticket != "" && (ans.Verdict == factor.Accept || ans.Reason == account.EnrollRequired)
}

// enter redeems a ticket and moves the browser to the level that it opens. A
// full session that was there before is ended: there is one at a time.
func (ps *Pages) enter(v *visit.Visit, ticket account.Secret, next string) {
	s, err := ps.Redeem.Open(v.R.Context(), ticket)
	var no *enroll.Refusal
	switch {
	case errors.Is(err, account.ErrNotFound) && v.R.URL.Path == "/enroll":
		v.Message(http.StatusGone, "link.gone")
		return
	case errors.Is(err, account.ErrNotFound):
		v.Over()
		return
	case errors.As(err, &no) && no.Reason == account.Throttled:
		v.Slow(no.RetryAfter)
		return
	case err != nil:
		v.Disturbed(0, err)
		return
	}
	v.Renew()
	if v.Admit(s); s.Kind != account.TokenSession {
		next = "/setup"
	} else if next == "" {
		next = ps.done(v)
	}
	v.To(next)
}
