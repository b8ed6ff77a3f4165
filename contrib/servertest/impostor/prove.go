package impostor

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
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
// The login is alice, and the password must have the-secret in it. It may be
// called while it is at work.
type Ask func(socket string, times int) ([]Outcome, error)

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
	// They wait, most for four seconds: all at the same time.
	t.Run("in their own time", func(t *testing.T) {
		var all sync.WaitGroup
		defer all.Wait()
		for _, r := range Slow() {
			d := Start(t, r)
			all.Go(func() { ask.of(t, d, []Reply{r}, outage) })
		}
		path := t.TempDir() + "/s"
		Crowd(t, path)
		const times = 3
		all.Go(func() {
			outcomes, err := ask(path, times)
			if err != nil || len(outcomes) != times {
				t.Errorf("a full queue: %v, %v", outcomes, err)
			}
			for _, o := range outcomes {
				outage(t, Reply{Name: "a full queue"}, o)
			}
		})
	})
}

// each asks about each reply, one after the other, and judges what came of it.
func (ask Ask) each(t *testing.T, replies []Reply, judge func(*testing.T, Reply, Outcome)) {
	t.Helper()
	ask.of(t, Start(t, replies...), replies, judge)
}

// of is the same of a daemon that has the replies.
func (ask Ask) of(t *testing.T, d *Daemon, replies []Reply, judge func(*testing.T, Reply, Outcome)) {
	t.Helper()
	outcomes, err := ask(d.Socket, len(replies))
	if err != nil || len(outcomes) != len(replies) || d.Asked() != len(replies) {
		t.Errorf("%d replies, from %s on, asked %d times, %d outcomes: %v", len(replies), replies[0].Name, d.Asked(), len(outcomes), err)
		return
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
