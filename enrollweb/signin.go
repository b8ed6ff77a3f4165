package enrollweb

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/plugins/factor"
)

// signInForm is the start. Who is signed in already goes home, unless they were
// sent here to sign in again.
func (v *visit) signInForm() {
	q := v.r.URL.Query()
	p := look.Page{Title: "signin.title", Here: "/", Next: nextOf(q)}
	switch {
	case q.Has("over"):
		p.Notice = v.texts.T("over")
	case q.Has("bye"):
		p.Notice = v.texts.T("bye")
	case q.Has("again"):
		p.Notice = v.texts.T("again")
	case v.cookie(guard.Full) != "":
		v.toHome()
		return
	}
	v.show(http.StatusOK, "signin", p)
}

func (v *visit) attempt() account.Attempt {
	return account.Attempt{Service: v.h.cfg.Service, FrontEnd: "page", WantTicket: true,
		Client: v.h.site.Client(v.r), Peer: account.Peer{UID: -1, GID: -1, PID: -1}}
}

func (v *visit) signIn() {
	f, a := v.r.PostForm, v.attempt()
	a.Name, a.Password = f.Get("name"), account.Secret(f.Get("password"))
	next := nextOf(f)
	refused := func(status int, key string) {
		v.show(status, "signin", look.Page{Title: "signin.title", Here: "/", Name: a.Name, Next: next, Error: v.texts.T(key)})
	}
	if a.Name == "" || a.Password == "" {
		refused(http.StatusUnprocessableEntity, "signin.missing")
		return
	}
	ans := v.h.cfg.SignIn.Check(v.r.Context(), a)
	switch {
	case ans.Verdict == factor.Unavailable:
		v.disturbed(ans.RetryAfter, nil)
	case ans.Ticket != "" && ans.Reason == account.CodeRequired:
		v.renewPre()
		v.setCookie(guard.Code, ans.Ticket)
		v.to(codePath(next, false))
	case v.mayEnter(ans):
		v.enter(ans.Ticket, next)
	case ans.Reason == account.Throttled:
		v.w.Header().Set("Retry-After", retryAfter(ans.RetryAfter))
		refused(http.StatusTooManyRequests, "throttled")
	default:
		// One sentence for all: a stranger must not learn which it was.
		refused(http.StatusUnprocessableEntity, "signin.refused")
	}
}

// mayEnter tells whether the answer's ticket opens the page or the set-up.
func (v *visit) mayEnter(ans account.Answer) bool {
	return ans.Ticket != "" && (ans.Verdict == factor.Accept || ans.Reason == account.EnrollRequired)
}

// renewPre makes forms from before a change of level worthless.
func (v *visit) renewPre() {
	fresh := account.Secret(v.h.random())
	v.setCookie(guard.Pre, fresh)
	if v.level == guard.Pre {
		v.session = fresh
	}
}

// enter redeems a ticket and moves the browser to the level that it opens. A
// full session that was there before is ended: there is one at a time.
func (v *visit) enter(ticket account.Secret, next string) {
	s, err := v.h.cfg.SetUp.Open(v.r.Context(), ticket)
	var no *enroll.Refusal
	switch {
	case errors.Is(err, account.ErrNotFound) && v.r.URL.Path == "/enroll":
		v.message(http.StatusGone, "link.gone")
		return
	case errors.Is(err, account.ErrNotFound):
		v.over()
		return
	case errors.As(err, &no) && no.Reason == account.Throttled:
		v.w.Header().Set("Retry-After", retryAfter(no.RetryAfter))
		v.message(http.StatusTooManyRequests, "throttled")
		return
	case err != nil:
		v.disturbed(0, err)
		return
	}
	v.renewPre()
	if v.admit(s); s.Kind != account.TokenSession {
		next = "/setup"
	} else if next == "" {
		next = "/home"
	}
	v.to(next)
}

// admit puts a new session in place of whatever the browser held.
func (v *visit) admit(s enroll.Session) {
	if old := v.cookie(guard.Full); old != "" && old != s.Token {
		// Confirm has ended it already where it replaced it; an error leaves a
		// session whose id nobody holds any more.
		if err := v.h.cfg.Home.End(v.r.Context(), old); err != nil && !errors.Is(err, account.ErrNotFound) {
			v.h.cfg.Log.Warn("an earlier session could not be ended", "err", err)
		}
		v.dropCookie(guard.Full)
	}
	if s.Kind != account.TokenSession {
		v.setCookie(guard.Setup, s.Token)
		return
	}
	v.dropCookie(guard.Setup)
	v.setCookie(guard.Full, s.Token)
}

func codePath(next string, emergency bool) string {
	path, sep := "/code", "?"
	if emergency {
		path, sep = path+"?emergency=1", "&"
	}
	if next != "" {
		path += sep + "next=" + next
	}
	return path
}

func (v *visit) codeForm() {
	q := v.r.URL.Query()
	v.showCode(http.StatusOK, look.Page{Next: nextOf(q), Emergency: q.Has("emergency")})
}

func (v *visit) showCode(status int, p look.Page) {
	p.Title, p.Here = "code.title", codePath(p.Next, p.Emergency)
	if p.Emergency {
		p.Title = "code.title_emergency"
	}
	v.show(status, "code", p)
}

func (v *visit) code() {
	f, a := v.r.PostForm, v.attempt()
	a.Code, a.Ticket = account.Secret(compact(f.Get("code"))), v.session
	p := look.Page{Next: nextOf(f), Emergency: f.Has("emergency")}
	if a.Code == "" {
		p.Error = v.texts.T("code.missing")
		v.showCode(http.StatusUnprocessableEntity, p)
		return
	}
	ans := v.h.cfg.SignIn.Check(v.r.Context(), a)
	if ans.Verdict == factor.Deny && ans.Reason != account.EnrollRequired && ans.Ticket != "" {
		v.session, v.form = ans.Ticket, guard.FormToken(guard.Code, ans.Ticket)
		v.setCookie(guard.Code, ans.Ticket)
	}
	switch {
	case ans.Verdict == factor.Unavailable:
		v.disturbed(ans.RetryAfter, nil)
	case v.mayEnter(ans):
		v.enter(ans.Ticket, p.Next)
	case ans.Reason == account.Throttled:
		v.w.Header().Set("Retry-After", retryAfter(ans.RetryAfter))
		p.Error = v.texts.Wait(ans.RetryAfter)
		v.showCode(http.StatusTooManyRequests, p)
	case ans.Reason == account.CodeWrong, ans.Reason == account.CodeUsed, ans.Reason == account.CodeRequired:
		p.Error = v.codeError(&enroll.Refusal{Reason: ans.Reason, Drift: ans.Drift}, p.Emergency)
		v.showCode(http.StatusUnprocessableEntity, p)
	default:
		v.over()
	}
}

// codeError is the sentence next to a code field. A clock that is off is named
// instead of a wrong code: that is what the person can mend.
func (v *visit) codeError(no *enroll.Refusal, emergency bool) string {
	switch {
	case no.Reason == account.Throttled:
		return v.texts.Wait(no.RetryAfter)
	case emergency:
		return v.texts.T("code.wrong_emergency")
	case no.Drift != 0:
		return v.texts.Drift(no.Drift)
	case no.Reason == account.CodeUsed:
		return v.texts.T("code.used")
	default:
		return v.texts.T("code.wrong")
	}
}

// linkForm shows one button. Mail scanners and previews open links, too; only
// the button's POST redeems the ticket.
func (v *visit) linkForm() {
	ticket := v.r.URL.Query().Get("ticket")
	if ticket == "" {
		v.toStart()
		return
	}
	// The switch of language keeps only what is its own: the ticket must not be
	// written into a page's links a second time.
	v.show(http.StatusOK, "link", look.Page{Title: "link.title", Once: ticket})
}

func (v *visit) link() {
	ticket := v.r.PostForm.Get("ticket")
	if ticket == "" || len(ticket) > 1024 {
		v.message(http.StatusGone, "link.gone")
		return
	}
	v.enter(account.Secret(ticket), "")
}
