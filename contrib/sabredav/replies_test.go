package sabredav

import (
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/impostor"
)

// TestReplies: the class, on both shapes of its base.
func TestReplies(t *testing.T) {
	shapes(t, func(t *testing.T, _ *daemon, q question) {
		impostor.Prove(t, func(t *testing.T, socket string, times int) []impostor.Outcome {
			q := q
			q.Socket, q.Times, q.Password = socket, times, []byte("the-secret")
			outcomes := make([]impostor.Outcome, times)
			for i, a := range asks(t, q) {
				outcomes[i] = outcome(a)
			}
			return outcomes
		})
	})
}

func outcome(a answer) impostor.Outcome {
	o := impostor.Outcome{Login: a.Welcome, Error: a.Error, Seconds: a.Seconds}
	switch {
	case a.Warning != "" || (a.Principal == "") != (a.Welcome == "") || a.Welcome != "" && a.Principal != "principals/"+a.Welcome:
		o.Verdict = "broken"
	case a.Code == 0 && a.Welcome != "":
		o.Verdict = "yes"
	case a.Code == 401:
		o.Verdict = "no"
	case a.Code == 503:
		o.Verdict = "later"
	}
	return o
}
