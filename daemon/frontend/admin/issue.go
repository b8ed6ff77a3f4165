package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

// Issuer makes app passwords for machines, and for whom the policy exempts.
type Issuer interface {
	Issue(ctx context.Context, o enroll.Order, w enroll.Wish) (records.Made, error)
}

// issue makes an app password. Beside the invite code of a reset it is the only
// secret that leaves here, once.
func (h *handler) issue(w http.ResponseWriter, r *http.Request, operator string) {
	var wish enroll.Wish
	o, ok := readBody(w, r, operator, func(key string, value any) (err error) {
		switch key {
		case "label":
			wish.Label, err = strictjson.Text(key, value, enroll.MaxLabel*bytesPerRune)
		case "service": // absent means all
			var service string
			service, err = strictjson.Text(key, value, maxService)
			wish.Services = []string{service}
		default:
			err = errNotMine
		}
		return err
	})
	if !ok {
		return
	}
	if wish.Label == "" {
		bad(w, `"label" is missing: the name by which people will know it`)
		return
	}
	made, err := h.Issuer.Issue(r.Context(), o.Order, wish)
	var refusal *enroll.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Reason == account.NotAllowed:
		problem(w, http.StatusConflict, api.Problem{Error: "The policy makes this person no machine and does not exempt them, or they have as many app passwords as there may be.",
			Hint: "People make their own, at the page. See: sallyport explain NAME SERVICE."})
	case errors.As(err, &refusal) && refusal.Reason == account.Malformed:
		bad(w, "no app password can be made for this service, or the label is longer than 64 characters or not readable")
	case err != nil:
		h.fail(w, "making an app password", err)
	default:
		send(w, http.StatusOK, api.Done{Done: "app-password", Record: made.Record.ID, AppPassword: made.Secret.Reveal()})
	}
}
