package admin

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
)

func (h *handler) report(w http.ResponseWriter, r *http.Request, operator string) {
	if err := (ledger.Call{Source: h.Ledger, Operator: operator, Now: h.Now}).Report(w, r); err != nil {
		h.Log.Error("admin request failed", "front_end", frontEnd, "doing", "the report", "error", err)
		problem(w, http.StatusServiceUnavailable, api.Problem{Error: "The report cannot be made right now.", Hint: err.Error(), RetryAfter: seconds(0)})
	}
}

func (h *handler) exportAudit(w http.ResponseWriter, r *http.Request, operator string) {
	h.ledgerFailed(w, "reading the audit", ledger.Call{Source: h.Ledger, Operator: operator, Now: h.Now}.Audit(w, r))
}

func (h *handler) exportPerson(w http.ResponseWriter, r *http.Request, operator string) {
	name, ok := personName(w, r)
	if !ok {
		return
	}
	err := ledger.ErrNone
	var d ledger.Dossier
	if h.Ledger != nil {
		d, err = h.Ledger.Person(r.Context(), ledger.Order{Name: name, Operator: operator})
	}
	if err != nil {
		h.ledgerFailed(w, "gathering what is kept", err)
		return
	}
	send(w, http.StatusOK, d)
}

func (h *handler) erase(w http.ResponseWriter, r *http.Request, operator string) {
	still := false
	o, ok := readBody(w, r, operator, func(key string, value any) error {
		if key != "still_there" {
			return errNotMine
		}
		if still = value == true; !still {
			return errors.New(`"still_there" must be true, or left out`)
		}
		return nil
	})
	if !ok {
		return
	}
	err := ledger.ErrNone
	var gone ledger.Erased
	if h.Ledger != nil {
		gone, err = h.Ledger.Erase(r.Context(), ledger.Order{Name: o.Name, Operator: operator, Reason: o.Reason, Ticket: o.Ticket, StillHere: still})
	}
	if err != nil {
		h.ledgerFailed(w, "the erasure", err)
		return
	}
	send(w, http.StatusOK, gone)
}

// ledgerFailed turns an error into an answer; nil is none.
func (h *handler) ledgerFailed(w http.ResponseWriter, what string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrTime):
		bad(w, ledger.ErrTime.Error())
	case errors.Is(err, account.ErrNotFound):
		problem(w, http.StatusNotFound, api.Problem{Error: "The directory knows nobody by this name, and nothing is kept of anybody who had it.",
			Hint: "Check the spelling; the login is wanted, or the id."})
	case errors.Is(err, ledger.ErrSeveral):
		problem(w, http.StatusConflict, api.Problem{Error: "Several people had this login, and none of them has it now.",
			Hint: "Give the id of the one who is meant in place of the login. See: sallyport audit export."})
	case errors.Is(err, ledger.ErrStillHere):
		problem(w, http.StatusConflict, api.Problem{Error: "The directory still has this person: what is erased would come back with the next login.",
			Hint: "Delete the account in the directory first, or give --still-there to erase all the same."})
	default:
		h.fail(w, what, err)
	}
}
