package signin

import (
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
	"github.com/sallyport/sallyport/plugins/factor"
)

// codeNote says that a ticket in the browser may still be good, and codeFor for
// how long, in seconds; that is as long as tickets are.
const (
	codeNote = "sallyport-code"
	codeFor  = 5 * 60
)

// atCode puts the browser between the two doors.
func atCode(v *visit.Visit, ticket account.Secret) {
	v.Site.SetCookie(v.W, guard.Code, ticket)
	v.Site.SetNote(v.W, codeNote, "1", codeFor)
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

func (ps *Pages) codeForm(v *visit.Visit) {
	q := v.R.URL.Query()
	ps.showCode(v, http.StatusOK, look.Page{Next: visit.Next(q), Emergency: q.Has("emergency")})
}

func (ps *Pages) showCode(v *visit.Visit, status int, p look.Page) {
	p.Title, p.Here = "code.title", codePath(p.Next, p.Emergency)
	if p.Emergency {
		p.Title = "code.title_emergency"
	}
	v.Show(status, "code", p)
}

func (ps *Pages) code(v *visit.Visit) {
	f, a := v.R.PostForm, ps.attempt(v)
	a.Code, a.Ticket = account.Secret(visit.Compact(f.Get("code"))), v.Session
	p := look.Page{Next: visit.Next(f), Emergency: f.Has("emergency")}
	if a.Code == "" {
		p.Error = v.Words.T("code.missing")
		ps.showCode(v, http.StatusUnprocessableEntity, p)
		return
	}
	ans := ps.Judge.Check(v.R.Context(), a)
	if ans.Verdict == factor.Deny && ans.Reason != account.EnrollRequired && ans.Ticket != "" {
		v.Session, v.Form = ans.Ticket, guard.FormToken(guard.Code, ans.Ticket)
		atCode(v, ans.Ticket)
	}
	switch {
	case ans.Verdict == factor.Unavailable:
		v.Disturbed(ans.RetryAfter, nil)
	case ps.mayEnter(v, ans):
		ps.enter(v, ans.Ticket, p.Next)
	case ans.Reason == account.Throttled:
		v.Wait(ans.RetryAfter)
		p.Error = v.Words.Wait(ans.RetryAfter)
		ps.showCode(v, http.StatusTooManyRequests, p)
	case ans.Reason == account.CodeWrong, ans.Reason == account.CodeUsed, ans.Reason == account.CodeRequired:
		p.Error = v.CodeProblem(&enroll.Refusal{Reason: ans.Reason, Drift: ans.Drift}, p.Emergency)
		ps.showCode(v, http.StatusUnprocessableEntity, p)
	default:
		v.Over()
	}
}
