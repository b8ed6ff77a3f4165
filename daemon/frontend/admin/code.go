package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

// How long a code may hold, and how long the text may be that says so.
const (
	maxLife = 16

	minLife  = 5 * time.Minute
	longLife = 24 * time.Hour
)

// code makes a one-time code, and answers with it, once.
func (h *handler) code(w http.ResponseWriter, r *http.Request, operator string) {
	var life time.Duration
	o, ok := readBody(w, r, operator, func(key string, value any) error {
		if key != "for" {
			return errNotMine
		}
		text, err := strictjson.Text(key, value, maxLife)
		if err == nil {
			life, err = time.ParseDuration(text)
		}
		if err != nil || life < minLife || life > longLife {
			return errors.New(`"for" must be 5m to 24h, for example "2h"`)
		}
		return nil
	})
	if !ok {
		return
	}
	o.Life = life
	given, err := h.Support.Code(r.Context(), o.Order)
	if err != nil {
		h.fail(w, "making a code", err)
		return
	}
	send(w, http.StatusOK, api.Done{Done: "code", Code: given.Code.Reveal(), Expires: given.Expires.UTC()})
}

// barred says what the rules refuse. It was audited where it was refused.
func barred(w http.ResponseWriter, no *bylaws.Refusal) {
	p, status := api.Problem{Error: no.Sentence, Hint: no.Hint}, http.StatusForbidden
	switch {
	case no.RetryAfter > 0:
		p.RetryAfter, status = seconds(no.RetryAfter), http.StatusTooManyRequests
	case no.Mendable:
		status = http.StatusBadRequest
	}
	problem(w, status, p)
}

// callerKey is where a request's context has the caller.
type callerKey struct{}

// caller is who asks, as the rules about operators need it.
type caller struct {
	login string
	full  bool
}

// calledBy notes who asks. Their name for the audit is passed by itself.
func calledBy(r *http.Request, p listen.Peer, as role) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller{login: p.Login, full: as >= operator}))
}

// callerOf is who asks. Of whom nothing was noted has no login and the lesser role.
func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}
