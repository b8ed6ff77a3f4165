package impostor

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Seed is the variable that has the changed replies of an earlier run made again.
const Seed = "SALLYPORT_TEST_SEED"

// Limit is when a helper must have given up: four seconds, and what a machine
// with other things to do adds to it.
const Limit = 4900 * time.Millisecond

// Outcome is what a helper made of one reply.
type Outcome struct {
	// Verdict is "yes", "no" or "later"; whatever else is wrong.
	Verdict string
	// Login is whom it let in.
	Login string
	// Error is what it tells the operator of an outage.
	Error string
	// Seconds are how long it took.
	Seconds float64
}

// Ask runs the helper that many times against the socket, one after the other.
// The login is alice, and the password must have the-secret in it.
type Ask func(t *testing.T, socket string, times int) []Outcome

// Prove shows that a helper takes a right reply for what it is, and everything
// else for an outage, in time.
func Prove(t *testing.T, ask Ask) {
	t.Helper()
	t.Run("right replies", func(t *testing.T) {
		ask.each(t, []Reply{
			{Name: "yes", Text: Yes("alice")}, {Name: "a short yes", Text: accepted + alice + end}, {Name: "no", Text: No()},
			{Name: "a yes in a hurry", Text: Yes("alice"), Every: time.Millisecond}, {Name: "a no in a hurry", Text: No(), Every: time.Millisecond},
			{Name: "other capitals, blanks around", Text: accepted + "x-sallyport-user:\t alice \r\n" + end},
		}, func(t *testing.T, r Reply, o Outcome) {
			if o.Verdict == "later" || r.wrong(o) {
				t.Errorf("%s: %+v", r.Name, o)
			}
		})
	})
	t.Run("outages", func(t *testing.T) { ask.each(t, Outages(), outage) })
	t.Run("changed replies", func(t *testing.T) {
		const times = 3000
		seed, err := strconv.ParseUint(os.Getenv(Seed), 10, 64)
		if err != nil {
			seed = rand.Uint64()
		}
		t.Logf("made again by %s=%d", Seed, seed)
		kinds := map[string]int{}
		ask.each(t, Mutations(rand.New(rand.NewPCG(seed, 0)), times), func(t *testing.T, r Reply, o Outcome) {
			if kinds[o.Verdict]++; r.wrong(o) {
				t.Errorf("%q: %+v", r.Text, o)
			}
		})
		for _, kind := range []string{"yes", "no", "later"} {
			if kinds[kind] < times/50 {
				t.Errorf("shows little: %v", kinds)
			}
		}
	})
	for _, r := range Slow() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			ask.each(t, []Reply{r}, outage)
		})
	}
	t.Run("a full queue", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir() + "/s"
		Crowd(t, path)
		for _, o := range ask(t, path, 3) {
			outage(t, Reply{Name: "a full queue"}, o)
		}
	})
}

// each asks about each reply, one after the other, and judges what came of it.
func (ask Ask) each(t *testing.T, replies []Reply, judge func(*testing.T, Reply, Outcome)) {
	t.Helper()
	d := Start(t, replies...)
	outcomes := ask(t, d.Socket, len(replies))
	if len(outcomes) != len(replies) || d.Asked() != len(replies) {
		t.Fatalf("%d replies, asked %d times, %d outcomes", len(replies), d.Asked(), len(outcomes))
	}
	for i, o := range outcomes {
		judge(t, replies[i], o)
	}
}

func outage(t *testing.T, r Reply, o Outcome) {
	t.Helper()
	if o.Verdict != "later" || o.Error == "" || strings.Contains(o.Error, "the-secret") || o.Seconds > Limit.Seconds() {
		t.Errorf("%s: %+v", r.Name, o)
	}
}

// wrong holds an outcome against what Go's own reader makes of the reply. A
// helper may be stricter, never laxer.
func (r Reply) wrong(o Outcome) bool {
	status, login := r.says()
	switch o.Verdict {
	case "yes":
		return status != 204 || login == "" || login != o.Login
	case "no":
		// Some helpers let in nobody but whom they asked for.
		return status != 401 && (status != 204 || login == "" || login == "alice")
	case "later":
		return o.Login != ""
	default:
		return true
	}
}
