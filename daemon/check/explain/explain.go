// Package explain tells in plain words which ways in are open to somebody, and
// which line of the config decides.
//
// It sees no secret, counts nothing, changes nothing and asks no hook. What hangs
// on the program that asks, its address above all, it cannot know. It belongs to
// package check, which alone may call it.
package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/leave"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/check/veto"
	"github.com/sallyport/sallyport/daemon/check/way"
)

// Step is one line of an explanation: what was asked, what came of it, and
// which line of the config decided.
type Step struct {
	// Asked is the question, for example "account fit?".
	Asked string `json:"asked"`
	// Answer is what came of it, in plain words.
	Answer string `json:"answer"`
	// Config is the place that decides, as "file:line key"; empty where no
	// setting does.
	Config string `json:"config,omitempty"`
	// Stops says that nothing after this step would be looked at.
	Stops bool `json:"stops,omitempty"`
}

// Waits tells how long somebody would have to wait, and after how many tries,
// without counting one: for the password (kind empty) or a code behind it, and
// for a code that no password stands before.
type Waits interface {
	Wait(ctx context.Context, id account.ID, kind string) (time.Duration, int, error)
	WaitAlone(ctx context.Context, id account.ID, kind string) (time.Duration, int, error)
}

// Walker is what a walk reads from, at one moment.
type Walker struct {
	// Services are all of the config, by name.
	Services map[string]way.Service
	// Find looks a person up by a typed name, Load reads what they have.
	Find  func(ctx context.Context, name string) (account.Facts, error)
	Load  func(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error)
	Waits Waits
	// Leave is what the policy says of somebody.
	Leave func(who account.Subject) leave.Case
	Hooks []veto.Hook
	Now   time.Time
}

// Walk explains what a name would meet at a service. The error wraps
// account.ErrNotFound for a service that is not known, else
// account.ErrUnavailable.
func (w Walker) Walk(ctx context.Context, name, service string) ([]Step, error) {
	s, known := w.Services[service]
	if !known {
		return nil, fmt.Errorf("no service %q: %w", service, account.ErrNotFound)
	}
	steps := append([]Step{{Asked: "service known?", Answer: "yes", Config: s.Config}}, hooks(w.Hooks)...)
	facts, err := w.Find(ctx, name)
	if errors.Is(err, account.ErrNotFound) {
		return append(steps, Step{Asked: "account found?", Answer: "no: the directory has no single entry of this name, or the name is not allowed", Stops: true}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the account: %w", err)
	}
	steps = append(steps, person(facts, w.Now)...)
	if steps[len(steps)-1].Stops {
		return steps, nil
	}
	if theirs := s.For(facts.Groups); theirs.Config != s.Config {
		s = theirs
		steps = append(steps, Step{Asked: "ways of their own?", Answer: "yes: those of a group", Config: s.Config})
	}
	snap, err := w.Load(ctx, facts.ID)
	if err != nil {
		return nil, fmt.Errorf("loading the records: %w", err)
	}
	c := w.Leave(facts.Subject)
	if c.Line.Config != "" {
		steps = append(steps, Step{Asked: "second factor owed?", Answer: c.Told(snap), Config: c.Line.Config})
	}
	waits, held, err := w.waits(ctx, facts.Subject, s)
	if err != nil {
		return nil, fmt.Errorf("asking who has to wait: %w", err)
	}
	steps = append(append(steps, held...), ways(s, snap, waits, w.Now)...)
	return onLeave(steps, s, c, snap), nil
}

// onLeave corrects the result for who has leave, or never has any.
func onLeave(steps []Step, s way.Service, c leave.Case, snap account.Snapshot) []Step {
	end := &steps[len(steps)-1]
	_, alone := s.Alone(way.Directory)
	if len(s.Bridge.Factors) > 0 {
		bridge := Step{Asked: "normal password?", Answer: "no: " + c.Closed(snap), Config: s.Bridge.Config}
		if c.Open(snap) {
			bridge.Answer = "yes: until their first app password is in use, or " + c.Line.From.Format(time.DateOnly)
			*end = Step{Asked: "result?", Answer: "can log in with the normal password, and by any open way"}
		}
		return append(steps[:len(steps)-1], bridge, *end)
	}
	switch {
	case !s.HasDirectory() || alone:
	case c.Line.At(c.Now) == policy.Machine:
		*end = Step{Asked: "result?", Answer: "no password opens this for a machine", Stops: true}
	case end.Stops && c.Why(snap) != "":
		*end = Step{Asked: "result?", Answer: "can log in with the right password alone, not at the page"}
	}
	return steps
}

// hooks tells of everybody who is asked before the person is even looked up.
// They see the address and the program, so that what they say is not known here.
func hooks(all []veto.Hook) []Step {
	var steps []Step
	for _, h := range all {
		then := "refused for the time being"
		if h.AllowOnError {
			then = "let pass"
		}
		steps = append(steps, Step{Asked: "hook asked?", Config: h.Config,
			Answer: fmt.Sprintf("yes: %s may refuse any try; while it cannot answer, tries are %s", h.Name, then)})
	}
	return steps
}

// waits looks at every budget that the service draws on. The first result says
// who has to wait, by factor.
func (w Walker) waits(ctx context.Context, who account.Subject, s way.Service) (map[string]bool, []Step, error) {
	waits, ask, kinds := map[string]bool{}, w.Waits.WaitAlone, s.Kinds()
	if s.HasDirectory() {
		ask, kinds = w.Waits.Wait, append([]string{way.Directory}, kinds...)
	}
	var steps []Step
	for _, kind := range kinds {
		budget, word := kind, kind
		if kind == way.Directory {
			budget, word = "", "the password"
		}
		left, tries, err := ask(ctx, who.ID, budget)
		if err != nil {
			return nil, nil, err
		}
		if left <= 0 {
			continue
		}
		waits[kind] = true
		steps = append(steps, Step{Asked: "has to wait?", Answer: fmt.Sprintf("yes: up to %s for %s, after %d wrong tries; sallyport unlock %s lifts it",
			(left + time.Second - 1).Truncate(time.Second), word, tries, who.Name)})
	}
	if len(steps) == 0 {
		steps = []Step{{Asked: "has to wait?", Answer: "no; whether the address that asks has to wait is not known here"}}
	}
	return waits, steps, nil
}

// person tells of the account itself. Only fitness decides.
func person(f account.Facts, now time.Time) []Step {
	found := Step{Asked: "account found?", Answer: fmt.Sprintf("yes: %s (%s), as of %s ago", f.Name, f.DN, now.Sub(f.AsOf).Round(time.Second))}
	fit := Step{Asked: "account fit?", Stops: true}
	switch f.Fitness {
	case account.Fit:
		fit.Answer, fit.Stops = "yes", false
	case account.Disabled:
		fit.Answer = "no: disabled, or does not match the account filter"
	case account.Locked:
		fit.Answer = "no: locked by the directory"
	default:
		fit.Answer = "nobody could tell"
	}
	return []Step{found, fit}
}

// ways tells of every way in of the service, and of the result.
func ways(s way.Service, snap account.Snapshot, waits map[string]bool, now time.Time) []Step {
	var steps []Step
	open, later := false, false
	for _, w := range s.Ways {
		var parts []string
		word := "open"
		if slices.ContainsFunc(w.Factors, func(f string) bool { return waits[f] }) {
			word = "open later"
		}
		for _, f := range w.Factors {
			if f != way.Directory && !slices.ContainsFunc(snap.Records, func(r account.Record) bool {
				return r.Factor == f && r.Active(now) && (len(r.Services) == 0 || slices.Contains(r.Services, s.Name))
			}) {
				f += " (nothing enrolled)"
				word = "closed"
			}
			parts = append(parts, f)
		}
		open, later = open || word == "open", later || word == "open later"
		steps = append(steps, Step{Asked: "way in?", Answer: word + ": needs " + strings.Join(parts, " and "), Config: w.Config})
	}
	end := Step{Asked: "result?", Answer: "can log in by any open way"}
	switch {
	case !open && later:
		end = Step{Asked: "result?", Answer: "cannot log in now: whatever is tried has to wait, the right secret too", Stops: true}
	case !open && waits[way.Directory]:
		end = Step{Asked: "result?", Answer: "has to wait now; then the right password alone leads to the set-up and nothing else", Stops: true}
	case !open && s.HasDirectory():
		end = Step{Asked: "result?", Answer: "the right password alone leads to the set-up and nothing else", Stops: true}
	case !open:
		end = Step{Asked: "result?", Answer: "cannot log in: no way is open; what is missing has to be made on the page", Stops: true}
	}
	if snap.InviteRequired {
		steps = append(steps, Step{Asked: "reset?", Answer: "yes: the next set-up asks for the invite code"})
	}
	return append(steps, end)
}
