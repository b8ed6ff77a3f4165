package admin

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/frontend/admin/view"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	maxService  = 64
	maxPassword = 1024
	maxCode     = 64

	defaultEvents = 50
	maxEvents     = 1000
	// maxAnchors is room for those of some years.
	maxAnchors = 4 << 20
)

func (h *handler) status(w http.ResponseWriter, r *http.Request, _ string) {
	s, err := h.System.Status(r.Context())
	if err != nil {
		h.fail(w, "reading the status", err)
		return
	}
	if s.Enrollment.Records == nil {
		s.Enrollment.Records = map[string]int{}
	}
	s.Directory, s.Plugins, s.Listeners = list(s.Directory), list(s.Plugins), list(s.Listeners)
	send(w, http.StatusOK, s)
}

// list makes an empty list of none, so that the JSON never says null.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}

func (h *handler) user(w http.ResponseWriter, r *http.Request, _ string) {
	name, ok := personName(w, r)
	if !ok {
		return
	}
	o, err := h.Support.User(r.Context(), name)
	if err != nil {
		h.fail(w, "looking up the person", err)
		return
	}
	send(w, http.StatusOK, view.Person(o, h.Now()))
}

func (h *handler) reset(w http.ResponseWriter, r *http.Request, operator string) {
	o, ok := readOrder(w, r, operator, false)
	if !ok {
		return
	}
	invite, err := h.Support.Reset(r.Context(), o.Order)
	if err != nil {
		h.fail(w, "the reset", err)
		return
	}
	// The one place where a code leaves the daemon: the operator reads it to
	// the person, once.
	send(w, http.StatusOK, api.Done{Done: "reset", Removed: invite.Removed,
		Invite: invite.Code.Reveal(), Expires: invite.Expires.UTC()})
}

func (h *handler) unlock(w http.ResponseWriter, r *http.Request, operator string) {
	o, ok := readOrder(w, r, operator, false)
	if !ok {
		return
	}
	if err := h.Support.Unlock(r.Context(), o.Order); err != nil {
		h.fail(w, "the unlocking", err)
		return
	}
	send(w, http.StatusOK, api.Done{Done: "unlock"})
}

func (h *handler) revoke(w http.ResponseWriter, r *http.Request, operator string) {
	o, ok := readOrder(w, r, operator, true)
	if !ok {
		return
	}
	n, err := h.Support.Revoke(r.Context(), o.Order)
	switch {
	case err != nil:
		h.fail(w, "the revocation", err)
	case n == 0 && o.Record != "":
		h.fail(w, "the revocation", account.ErrNotFound)
	default:
		send(w, http.StatusOK, api.Done{Done: "revoke", Removed: n})
	}
}

func (h *handler) endSessions(w http.ResponseWriter, r *http.Request, operator string) {
	o, ok := readOrder(w, r, operator, false)
	if !ok {
		return
	}
	if err := h.Support.EndSessions(r.Context(), o.Order); err != nil {
		h.fail(w, "ending the sessions", err)
		return
	}
	send(w, http.StatusOK, api.Done{Done: "end-sessions"})
}

func (h *handler) explain(w http.ResponseWriter, r *http.Request, _ string) {
	name, ok := personName(w, r)
	if !ok {
		return
	}
	service := r.URL.Query().Get("service")
	if service == "" || len(service) > maxService {
		bad(w, "the service is missing: ?service=NAME")
		return
	}
	steps, err := h.Engine.Explain(r.Context(), name, service)
	if errors.Is(err, account.ErrNotFound) {
		problem(w, http.StatusNotFound, api.Problem{Error: "There is no such service.",
			Hint: "The services are the [[service]] sections of the config."})
		return
	}
	if err != nil {
		h.fail(w, "the explanation", err)
		return
	}
	send(w, http.StatusOK, api.Explanation{Name: name, Service: service, Steps: list(steps)})
}

// check tries a login like any front end. The status is 200 whatever the
// verdict, because the request itself was served; the body tells.
func (h *handler) check(w http.ResponseWriter, r *http.Request, _ string) {
	a := account.Attempt{FrontEnd: frontEnd}
	if p, ok := h.peerOf(r.Context()); ok {
		a.Peer = p.Peer
	}
	set := func(key string, value any) (err error) {
		var s string
		switch key {
		case "service":
			a.Service, err = strictjson.Text(key, value, maxService)
		case "username":
			a.Name, err = strictjson.Text(key, value, maxName)
		case "password":
			s, err = strictjson.Text(key, value, maxPassword)
			a.Password = account.Secret(s)
		case "code":
			s, err = strictjson.Text(key, value, maxCode)
			a.Code = account.Secret(s)
		default:
			return strictjson.Unknown(key)
		}
		return err
	}
	if !readObject(w, r, set) {
		return
	}
	if a.Service == "" || a.Name == "" {
		bad(w, "service and username are needed")
		return
	}
	send(w, http.StatusOK, h.tried(h.Engine.Check(r.Context(), a)))
}

// tried leaves out every ticket: what a right password opens is for the
// person, not for the desk.
func (h *handler) tried(a account.Answer) api.Tried {
	out := api.Tried{Verdict: a.Verdict.String(), Reason: a.Reason, Text: h.Text(a.Reason),
		DriftSeconds: int(a.Drift.Seconds())}
	switch {
	case a.Verdict == factor.Accept:
		out.Name, out.Factors = a.Subject.Name, a.Factors
	case a.Reason == account.Throttled || a.Verdict != factor.Deny:
		out.RetryAfter = seconds(a.RetryAfter)
	}
	return out
}

// audit returns what follows "after"; without it, the newest events.
func (h *handler) audit(w http.ResponseWriter, r *http.Request, _ string) {
	query := r.URL.Query()
	limit, after := int64(defaultEvents), int64(-1)
	for name, into := range map[string]*int64{"limit": &limit, "after": &after} {
		if text := query.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				bad(w, name+" must be a number")
				return
			}
			*into = n
		}
	}
	if limit < 1 || limit > maxEvents {
		bad(w, "limit must be 1 to "+strconv.Itoa(maxEvents))
		return
	}
	if after < 0 {
		s, err := h.System.Status(r.Context())
		if err != nil {
			h.fail(w, "reading the audit", err)
			return
		}
		after = max(0, s.Store.AuditSeq-limit)
	}
	events, err := h.System.Events(r.Context(), after, int(limit))
	if err != nil {
		h.fail(w, "reading the audit", err)
		return
	}
	out := api.Audit{Events: make([]api.Event, 0, len(events)), Next: after}
	for _, e := range events {
		out.Events = append(out.Events, view.Event(e))
		out.Next = max(out.Next, e.Seq)
	}
	send(w, http.StatusOK, out)
}

func (h *handler) backup(w http.ResponseWriter, r *http.Request, operator string) {
	if err := (keeping.Call{Keeper: h.Keeper, Operator: operator, Now: h.Now}).Backup(w, r); err != nil {
		h.fail(w, "the backup", err)
	}
}

func (h *handler) rotate(w http.ResponseWriter, r *http.Request, operator string) {
	if err := (keeping.Call{Keeper: h.Keeper, Operator: operator, Now: h.Now}).Rotate(w, r); err != nil {
		h.fail(w, "changing the keys", err)
	}
}

// verify checks the audit, against the anchors in what was handed in as well.
func (h *handler) verify(w http.ResponseWriter, r *http.Request, _ string) {
	log := ""
	if r.Method == http.MethodPost && !readLong(w, r, maxAnchors, func(key string, value any) (err error) {
		if key != "anchors" {
			return strictjson.Unknown(key)
		}
		log, err = strictjson.Text(key, value, maxAnchors)
		return err
	}) {
		return
	}
	report, err := h.System.VerifyAudit(r.Context(), log)
	if err != nil {
		h.fail(w, "checking the audit", err)
		return
	}
	send(w, http.StatusOK, report)
}
