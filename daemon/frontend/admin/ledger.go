package admin

import (
	"errors"
	"net/http"

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

// ledgerFailed turns an error into an answer; nil is none.
func (h *handler) ledgerFailed(w http.ResponseWriter, what string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrTime):
		bad(w, ledger.ErrTime.Error())
	default:
		h.fail(w, what, err)
	}
}
