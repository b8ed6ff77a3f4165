package sabredav

import (
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/impostor"
)

// TestReplies: the class, on both shapes of its base.
func TestReplies(t *testing.T) {
	shapes(t, func(t *testing.T, _ *daemon, q question) {
		php := needPHP(t)
		impostor.Prove(t, func(socket string, times int) ([]impostor.Outcome, error) {
			q := q
			q.Socket, q.Times, q.Password = socket, times, []byte("the-secret")
			answers, err := asks(php, q)
			outcomes := make([]impostor.Outcome, len(answers))
			for i, a := range answers {
				outcomes[i] = outcome(a)
			}
			return outcomes, err
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
