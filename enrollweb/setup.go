package enrollweb

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// view asks what the owner of the cookie may see. A session of the wrong kind
// is treated as none. Where it returns false it has answered.
func (v *visit) view() (enroll.View, bool) {
	view, err := v.h.cfg.Home.View(v.r.Context(), v.session)
	want := account.TokenSetup
	if v.level == guard.Full {
		want = account.TokenSession
	}
	switch {
	case errors.Is(err, account.ErrNotFound), err == nil && view.Kind != want:
		v.over()
		return view, false
	case err != nil:
		v.disturbed(0, err)
		return view, false
	}
	return view, true
}

// start is the page on which the set-up, or the replacement, begins.
func (v *visit) start() string {
	if v.level == guard.Full {
		return "/phone"
	}
	return "/setup"
}

// setup shows the step that the server says it is, whatever address or back
// button led here.
func (v *visit) setup() {
	if view, ok := v.view(); ok {
		v.showStage(http.StatusOK, view, "")
	}
}

// phone is the same for somebody who has a code app and wants another.
func (v *visit) phone() {
	if view, ok := v.freshView("/phone"); ok {
		v.showStage(http.StatusOK, view, "")
	}
}

func (v *visit) showStage(status int, view enroll.View, problem string) {
	p := look.Page{View: view, Here: v.start(), Error: problem, Replace: v.level == guard.Full, Signed: true}
	switch {
	case view.Setup.URI != "" && (view.Stage == enroll.StageConfirm || p.Replace):
		key, err := look.NewKey(view.Setup)
		if err != nil {
			v.disturbed(0, err)
			return
		}
		p.Setup, p.Title = key, "confirm.title"
		v.show(status, "confirm", p)
	case p.Replace:
		p.Title = "phone.title"
		v.show(status, "begin", p)
	case view.Stage == enroll.StageInvite:
		p.Title = "invite.title"
		v.show(status, "invite", p)
	default:
		p.Title = "begin.title"
		v.show(status, "begin", p)
	}
}

func (v *visit) invite() {
	code := account.Secret(compact(v.r.PostForm.Get("code")))
	var err error = &enroll.Refusal{Reason: account.CodeWrong}
	if code != "" {
		err = v.h.cfg.SetUp.Invite(v.r.Context(), v.session, code)
	}
	if no, ok := v.failed(err); !ok {
		if no == nil {
			return
		}
		problem := v.texts.T("invite.wrong")
		if no.Reason == account.Throttled {
			problem = v.texts.Wait(no.RetryAfter)
		}
		v.again(no, problem)
		return
	}
	v.toSetup()
}

func (v *visit) begin() {
	if v.level == guard.Full {
		if _, ok := v.freshView("/phone"); !ok {
			return
		}
	}
	_, err := v.h.cfg.SetUp.Begin(v.r.Context(), v.session)
	if no, ok := v.failed(err); !ok {
		if no != nil {
			v.refused(no)
		}
		return
	}
	v.to(v.start())
}

// confirm ends the set-up. The codes are in this one answer and nowhere else;
// a reload finds the old session dead and leads home.
func (v *visit) confirm() {
	if v.level == guard.Full {
		if _, ok := v.freshView("/phone"); !ok {
			return
		}
	}
	var done enroll.Confirmed
	var err error = &enroll.Refusal{Reason: account.CodeRequired}
	if code := compact(v.r.PostForm.Get("code")); code != "" {
		done, err = v.h.cfg.SetUp.Confirm(v.r.Context(), v.session, account.Secret(code))
	}
	if no, ok := v.failed(err); !ok {
		switch {
		case no == nil:
		case no.Reason == account.CodeRequired:
			v.again(no, v.texts.T("code.missing"))
		default:
			v.again(no, v.codeError(no, false))
		}
		return
	}
	first := v.level == guard.Setup
	v.admit(done.Session)
	v.level, v.session = guard.Full, done.Session.Token
	v.form = guard.FormToken(guard.Full, v.session)
	switch {
	case len(done.Codes) > 0:
		v.showCodes(done.Codes, first)
	case first:
		v.to("/passwords/new?first=1")
	default:
		v.to("/home?note=phone")
	}
}

// failed sorts an error of SetUp or Home. true means that there was none; a
// refusal comes back for the caller to word; everything else is answered.
func (v *visit) failed(err error) (*enroll.Refusal, bool) {
	var no *enroll.Refusal
	switch {
	case err == nil:
		return nil, true
	case errors.As(err, &no):
		return no, false
	case errors.Is(err, account.ErrNotFound):
		v.over()
	case errors.Is(err, account.ErrConflict):
		// Somebody, or another tab, was quicker: show how things stand now.
		v.toStanding()
	default:
		v.disturbed(0, err)
	}
	return nil, false
}

// toStanding leads to where somebody of this level is.
func (v *visit) toStanding() {
	if v.level == guard.Setup {
		v.toSetup()
		return
	}
	v.toHome()
}

// again shows the same step with a sentence; the key stays the same.
func (v *visit) again(no *enroll.Refusal, problem string) {
	view, ok := v.view()
	if !ok {
		return
	}
	v.showStage(v.refusalStatus(no), view, problem)
}

// refused is a no to something that has no field to explain it at.
func (v *visit) refused(no *enroll.Refusal) {
	key := "refused"
	if no.Reason == account.Throttled {
		key = "throttled"
	}
	v.message(v.refusalStatus(no), key)
}

func (v *visit) refusalStatus(no *enroll.Refusal) int {
	if no.Reason != account.Throttled {
		return http.StatusUnprocessableEntity
	}
	v.w.Header().Set("Retry-After", retryAfter(no.RetryAfter))
	return http.StatusTooManyRequests
}
