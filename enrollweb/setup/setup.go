// Package setup is the set-up window: the invite code where one is asked for,
// the key with its QR code, and the first code that ends it. The replacement of
// a phone walks the same way.
//
// Which step it is, the server says and not the address. Only package enrollweb
// uses it.
package setup

import (
	"context"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/codes"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// SetUp leads to a confirmed code app. Errors are those of enroll.Refusal.
type SetUp interface {
	// Invite redeems the invite code while the stage is enroll.StageInvite.
	Invite(ctx context.Context, session, code account.Secret) error
	// Begin makes the key, or shows the one that still waits.
	Begin(ctx context.Context, session account.Secret) (enroll.View, error)
	// Confirm ends the set-up, or the replacement of a phone, with a first code.
	Confirm(ctx context.Context, session, code account.Secret) (enroll.Confirmed, error)
}

// Pages are the steps of the set-up.
type Pages struct{ SetUp SetUp }

// Routes are the paths of the set-up.
func (ps *Pages) Routes() map[string]visit.Route {
	toSetup := func(v *visit.Visit) { v.To("/setup") }
	toPhone := func(v *visit.Visit) { v.To("/phone") }
	return map[string]visit.Route{
		"/setup":         {Level: guard.Setup, Get: ps.setup},
		"/setup/invite":  {Level: guard.Setup, Get: toSetup, Post: ps.invite},
		"/setup/begin":   {Level: guard.Setup, Get: toSetup, Post: ps.begin},
		"/setup/confirm": {Level: guard.Setup, Get: toSetup, Post: ps.confirm},
		"/phone":         {Level: guard.Full, Get: ps.phone},
		"/phone/begin":   {Level: guard.Full, Get: toPhone, Post: ps.begin},
		"/phone/confirm": {Level: guard.Full, Get: toPhone, Post: ps.confirm},
	}
}

// start is the page on which the set-up, or the replacement, begins.
func (ps *Pages) start(v *visit.Visit) string {
	if v.Level == guard.Full {
		return "/phone"
	}
	return "/setup"
}

// setup shows the step that the server says it is, whatever address or back
// button led here.
func (ps *Pages) setup(v *visit.Visit) {
	if view, ok := v.View(); ok {
		ps.showStage(v, http.StatusOK, view, "")
	}
}

// phone is the same for somebody who has a code app and wants another.
func (ps *Pages) phone(v *visit.Visit) {
	if view, ok := v.FreshView("/phone"); ok {
		ps.showStage(v, http.StatusOK, view, "")
	}
}

func (ps *Pages) showStage(v *visit.Visit, status int, view enroll.View, problem string) {
	p := look.Page{View: view, Here: ps.start(v), Error: problem, Replace: v.Level == guard.Full, Signed: true}
	switch {
	case view.Setup.URI != "" && (view.Stage == enroll.StageConfirm || p.Replace):
		key, err := look.NewKey(view.Setup)
		if err != nil {
			v.Disturbed(0, err)
			return
		}
		p.Setup, p.Title = key, "confirm.title"
		v.Show(status, "confirm", p)
	case p.Replace:
		p.Title = "phone.title"
		v.Show(status, "begin", p)
	case view.Stage == enroll.StageInvite:
		p.Title = "invite.title"
		v.Show(status, "invite", p)
	default:
		p.Title = "begin.title"
		v.Show(status, "begin", p)
	}
}

func (ps *Pages) invite(v *visit.Visit) {
	code := account.Secret(visit.Compact(v.R.PostForm.Get("code")))
	var err error = &enroll.Refusal{Reason: account.CodeWrong}
	if code != "" {
		err = ps.SetUp.Invite(v.R.Context(), v.Session, code)
	}
	if no, ok := v.Failed(err); !ok {
		if no == nil {
			return
		}
		problem := v.Words.T("invite.wrong")
		if no.Reason == account.Throttled {
			problem = v.Words.Wait(no.RetryAfter)
		}
		ps.again(v, no, problem)
		return
	}
	v.To("/setup")
}

func (ps *Pages) begin(v *visit.Visit) {
	if v.Level == guard.Full {
		if _, ok := v.FreshView("/phone"); !ok {
			return
		}
	}
	_, err := ps.SetUp.Begin(v.R.Context(), v.Session)
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			v.Refused(no)
		}
		return
	}
	v.To(ps.start(v))
}

// confirm ends the set-up. The codes are in this one answer and nowhere else;
// a reload finds the old session dead and leads home.
func (ps *Pages) confirm(v *visit.Visit) {
	if v.Level == guard.Full {
		if _, ok := v.FreshView("/phone"); !ok {
			return
		}
	}
	var done enroll.Confirmed
	var err error = &enroll.Refusal{Reason: account.CodeRequired}
	if code := visit.Compact(v.R.PostForm.Get("code")); code != "" {
		done, err = ps.SetUp.Confirm(v.R.Context(), v.Session, account.Secret(code))
	}
	if no, ok := v.Failed(err); !ok {
		switch {
		case no == nil:
		case no.Reason == account.CodeRequired:
			ps.again(v, no, v.Words.T("code.missing"))
		default:
			ps.again(v, no, v.CodeProblem(no, false))
		}
		return
	}
	first := v.Level == guard.Setup
	v.Admit(done.Session)
	v.Level, v.Session = guard.Full, done.Session.Token
	v.Form = guard.FormToken(guard.Full, v.Session)
	switch {
	case len(done.Codes) > 0:
		codes.Show(v, done.Codes, first)
	case first:
		v.To("/passwords/new?first=1")
	default:
		v.To("/home?note=phone")
	}
}

// again shows the same step with a sentence; the key stays the same.
func (ps *Pages) again(v *visit.Visit, no *enroll.Refusal, problem string) {
	view, ok := v.View()
	if !ok {
		return
	}
	ps.showStage(v, v.RefusalStatus(no), view, problem)
}
