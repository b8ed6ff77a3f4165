// Package setup is the set-up window: the invite code where one is asked for,
// the key with its QR code, and the first code that ends it. A phone that is
// added, or takes the place of another, walks the same way.
//
// Which step it is, the server says and not the address. Only package enrollweb
// uses it.
package setup

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/enrollweb/codes"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// SetUp leads to a confirmed code app. Errors are those of enroll.Refusal.
type SetUp interface {
	// Invite redeems the invite code while the stage is enroll.StageInvite.
	Invite(ctx context.Context, session, code account.Secret) error
	// Begin makes the key, or shows the one that still waits for the same phone.
	Begin(ctx context.Context, session account.Secret, plan devices.Plan) (enroll.View, error)
	// Confirm ends the set-up with a first code.
	Confirm(ctx context.Context, session, code account.Secret) (enroll.Confirmed, error)
}

// Pages are the steps of the set-up.
type Pages struct{ SetUp SetUp }

// Routes are the paths of the set-up.
func (ps *Pages) Routes() map[string]visit.Route {
	toSetup := func(v *visit.Visit) { v.To("/setup") }
	toPhone := func(v *visit.Visit) { v.To(visit.One("/phone", v.R.URL.Query().Get("id"))) }
	return map[string]visit.Route{
		"/setup":         {Level: guard.Setup, Get: ps.setup},
		"/setup/invite":  {Level: guard.Setup, Get: toSetup, Post: ps.invite},
		"/setup/begin":   {Level: guard.Setup, Get: toSetup, Post: ps.begin},
		"/setup/confirm": {Level: guard.Setup, Get: toSetup, Post: ps.confirm},
		"/phone":         {Level: guard.Full, Get: ps.phone},
		"/phone/add":     {Level: guard.Full, Get: ps.add},
		"/phone/begin":   {Level: guard.Full, Get: toPhone, Post: ps.begin},
		"/phone/confirm": {Level: guard.Full, Get: toPhone, Post: ps.confirm},
	}
}

// start is the page on which a step begins.
func (ps *Pages) start(v *visit.Visit, p look.Page) string {
	switch {
	case v.Level != guard.Full:
		return "/setup"
	case p.Adds:
		return "/phone/add"
	case p.Record.ID != "" && len(p.View.Devices) > 1:
		return "/phone?id=" + url.QueryEscape(p.Record.ID)
	default:
		return "/phone"
	}
}

// setup shows the step that the server says it is, whatever address or back
// button led here.
func (ps *Pages) setup(v *visit.Visit) {
	if view, ok := v.View(); ok {
		ps.showStage(v, http.StatusOK, look.Page{View: view})
	}
}

// phone is the same for somebody who has a phone and wants another in its place:
// the one named, the only one, or that for which a key waits.
func (ps *Pages) phone(v *visit.Visit) {
	id := v.R.URL.Query().Get("id")
	view, ok := v.FreshView(visit.One("/phone", id))
	if !ok {
		return
	}
	switch {
	case id == "" && view.Setup.URI != "":
		id = view.Setup.Plan.Replaces
	case id == "" && len(view.Devices) == 1:
		id = view.Devices[0].ID
	}
	p := look.Page{View: view, Adds: id == ""}
	switch p.Record, ok = view.Device(id); {
	case p.Adds && view.Setup.URI == "" && len(view.Devices) > 0:
		v.Show(http.StatusOK, "which", look.Page{Title: "phone.title", View: view, Here: "/phone", Signed: true})
	case !ok && id != "":
		v.To("/home")
	default:
		ps.showStage(v, http.StatusOK, p)
	}
}

// add is the same for one phone more.
func (ps *Pages) add(v *visit.Visit) {
	if view, ok := v.FreshView("/phone/add"); ok {
		ps.showStage(v, http.StatusOK, look.Page{View: view, Adds: true})
	}
}

func (ps *Pages) showStage(v *visit.Visit, status int, p look.Page) {
	view := p.View
	p.Catalog = v.Words
	p.Signed, p.Here, p.Replace = true, ps.start(v, p), v.Level == guard.Full && !p.Adds
	waits := view.Setup.URI != "" && (view.Stage == enroll.StageConfirm || v.Level == guard.Full)
	switch {
	case waits && view.Setup.Plan.Replaces == p.Record.ID:
		key, err := look.NewKey(view.Setup)
		if err != nil {
			v.Disturbed(0, err)
			return
		}
		p.Setup, p.Title = key, "confirm.title"
		v.Show(status, "confirm", p)
	case v.Level == guard.Full:
		p.Title = "phone.title"
		if p.Adds {
			p.Title = "phone.add_title"
		}
		if p.Name == "" {
			p.Name = p.Suggest()
		}
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
	v.Retry = "/setup"
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
	p, ok := ps.wanted(v)
	if !ok {
		return
	}
	if strings.TrimSpace(p.Name) == "" {
		p.Name = p.Suggest()
	}
	_, err := ps.SetUp.Begin(v.R.Context(), v.Session, devices.Plan{Label: p.Name, Replaces: p.Record.ID})
	if no, ok := v.Failed(err); !ok {
		switch {
		case no == nil:
		case no.Reason == account.Malformed:
			p.Error = v.Words.T("wish.label_wrong")
			ps.showStage(v, v.RefusalStatus(no), p)
		case p.Adds:
			v.Message(v.RefusalStatus(no), "phone.many")
		default:
			v.Refused(no)
		}
		return
	}
	v.To(ps.start(v, p))
}

// about is the page that a form of the set-up belongs to.
func about(v *visit.Visit) string {
	switch id := v.R.PostForm.Get("id"); {
	case v.Level != guard.Full:
		return "/setup"
	case id == "":
		return "/phone/add"
	default:
		return visit.One("/phone", id)
	}
}

// wanted reads which phone a form is about. Where it returns false it has
// answered.
func (ps *Pages) wanted(v *visit.Visit) (p look.Page, ok bool) {
	p.Catalog, p.Name = v.Words, v.R.PostForm.Get("label")
	id := v.R.PostForm.Get("id")
	v.Retry = about(v)
	switch {
	case v.Level != guard.Full:
		p.View, ok = v.View()
	case id == "":
		p.Adds = true
		p.View, ok = v.FreshView(v.Retry)
	default:
		if p.View, ok = v.FreshView(v.Retry); !ok {
			return p, false
		}
		if p.Record, ok = p.View.Device(id); !ok {
			v.To("/home") // it is gone
		}
	}
	return p, ok
}

// confirm ends the set-up. The codes are in this one answer and nowhere else;
// a reload finds the old session dead and leads home.
func (ps *Pages) confirm(v *visit.Visit) {
	v.Retry = about(v)
	if v.Level == guard.Full {
		if _, ok := v.FreshView(v.Retry); !ok {
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
	first, note := v.Level == guard.Setup, "phone"
	if !first && v.R.PostForm.Get("id") == "" {
		note = "added"
	}
	v.Admit(done.Session)
	v.Level, v.Session = guard.Full, done.Session.Token
	v.Form = guard.FormToken(guard.Full, v.Session)
	switch {
	case len(done.Codes) > 0:
		codes.Show(v, done.Codes, first)
	case first:
		v.To("/devices")
	default:
		v.To("/home?note=" + note)
	}
}

// again shows the same step with a sentence; the key stays the same.
func (ps *Pages) again(v *visit.Visit, no *enroll.Refusal, problem string) {
	view, ok := v.View()
	if !ok {
		return
	}
	p := look.Page{View: view, Error: problem}
	if v.Level == guard.Full {
		p.Record, _ = view.Device(view.Setup.Plan.Replaces)
		p.Adds = p.Record.ID == ""
	}
	ps.showStage(v, v.RefusalStatus(no), p)
}
