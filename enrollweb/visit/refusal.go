package visit

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// Failed sorts an error of what stands behind the page. true means that there
// was none; a refusal comes back for the caller to word; everything else is
// answered.
func (v *Visit) Failed(err error) (*enroll.Refusal, bool) {
	var no *enroll.Refusal
	switch {
	case err == nil:
		return nil, true
	case errors.As(err, &no):
		return no, false
	case errors.Is(err, account.ErrNotFound):
		v.Over()
	case errors.Is(err, account.ErrConflict):
		// Somebody, or another tab, was quicker: show how things stand now.
		v.ToStanding()
	default:
		v.Disturbed(0, err)
	}
	return nil, false
}

// Refused is a no to something that has no field to explain it at.
func (v *Visit) Refused(no *enroll.Refusal) {
	if no.Reason == account.Throttled {
		v.Slow(no.RetryAfter)
		return
	}
	v.Message(v.RefusalStatus(no), "refused")
}

// Slow says how long to wait after too many tries.
func (v *Visit) Slow(wait time.Duration) {
	v.Wait(wait)
	v.again(http.StatusTooManyRequests, "throttled", v.Words.Wait(wait))
}

// RefusalStatus is the status of an answer that says no, and tells how long to
// wait.
func (v *Visit) RefusalStatus(no *enroll.Refusal) int {
	if no.Reason != account.Throttled {
		return http.StatusUnprocessableEntity
	}
	v.Wait(no.RetryAfter)
	return http.StatusTooManyRequests
}

// CodeProblem is the sentence next to a code field. A clock that is off is
// named instead of a wrong code: that is what the person can mend.
func (v *Visit) CodeProblem(no *enroll.Refusal, emergency bool) string {
	switch {
	case no.Reason == account.Throttled:
		return v.Words.Wait(no.RetryAfter)
	case emergency:
		return v.Words.T("code.wrong_emergency")
	case no.Drift != 0:
		return v.Words.Drift(no.Drift)
	case no.Reason == account.CodeUsed:
		return v.Words.T("code.used")
	default:
		return v.Words.T("code.wrong")
	}
}

// Disturbed says that nothing is wrong with what was typed. The error goes to
// the log only; by contract it holds no secret.
func (v *Visit) Disturbed(wait time.Duration, err error) {
	if err != nil {
		v.Log.Error("page could not answer", slog.String("path", v.R.URL.Path), slog.Any("err", err))
	}
	if wait <= 0 {
		wait = 10 * time.Second
	}
	v.Wait(wait)
	v.again(http.StatusServiceUnavailable, "disturbed", v.Words.T("disturbed"))
}

// Wait tells programs how long to wait: whole seconds, at least one.
func (v *Visit) Wait(d time.Duration) {
	v.W.Header().Set("Retry-After", strconv.Itoa(max(1, int((d+time.Second-1)/time.Second))))
}
