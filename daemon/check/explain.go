package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
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

// Explain walks the decision for a name at a service without any secret. It
// counts nothing and changes nothing. The error wraps account.ErrUnavailable.
func (e *Engine) Explain(ctx context.Context, name, service string) ([]Step, error) {
	s, known := e.services[service]
	if !known {
		return []Step{{Asked: "service known?", Answer: fmt.Sprintf("no: %q is not in the config", service), Stops: true}}, nil
	}
	steps := []Step{{Asked: "service known?", Answer: "yes", Config: s.Config}}
	facts, err := e.cfg.Directory.Find(ctx, name)
	if errors.Is(err, account.ErrNotFound) {
		return append(steps, Step{Asked: "account found?", Answer: "no: the directory has no single entry of this name, or the name is not allowed", Stops: true}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the account: %w", err)
	}
	now := e.cfg.Clock.Now()
	found := Step{Asked: "account found?", Answer: fmt.Sprintf("yes: %s (%s), as of %s ago", facts.Name, facts.DN, now.Sub(facts.AsOf).Round(1e9))}
	fit := Step{Asked: "account fit?", Answer: "yes"}
	switch facts.Fitness {
	case account.Disabled:
		fit = Step{Asked: fit.Asked, Answer: "no: disabled, or does not match the account filter", Stops: true}
	case account.Locked:
		fit = Step{Asked: fit.Asked, Answer: "no: locked by the directory", Stops: true}
	}
	steps = append(steps, found, fit)
	if fit.Stops {
		return steps, nil
	}
	snap, err := e.cfg.Store.Load(ctx, facts.ID)
	if err != nil {
		return nil, fmt.Errorf("loading the records: %w", err)
	}
	t := &try{Engine: e, started: now, service: s, facts: facts, Attempt: account.Attempt{Service: service}}
	return append(steps, t.explainWays(snap)...), nil
}

func (t *try) explainWays(snap account.Snapshot) []Step {
	var steps []Step
	open := false
	for _, w := range t.service.Ways {
		var parts []string
		possible := true
		for _, f := range w.Factors {
			have := f == DirectoryFactor
			for _, r := range ofKind(snap, f) {
				have = have || (r.Active(t.started) && goodFor(r, t.Service))
			}
			word := f
			if !have {
				word, possible = f+" (nothing enrolled)", false
			}
			parts = append(parts, word)
		}
		answer := "open: needs " + strings.Join(parts, " and ")
		if !possible {
			answer = "closed: needs " + strings.Join(parts, " and ")
		}
		open = open || possible
		steps = append(steps, Step{Asked: "way in?", Answer: answer, Config: w.Config})
	}
	end := Step{Asked: "result?", Answer: "can log in by any open way"}
	switch {
	case !open && t.service.hasDirectory():
		end = Step{Asked: "result?", Answer: "the right password alone leads to the set-up and nothing else", Stops: true}
	case !open:
		end = Step{Asked: "result?", Answer: "cannot log in: no way is open; an app password has to be made on the page", Stops: true}
	}
	if snap.InviteRequired {
		steps = append(steps, Step{Asked: "reset?", Answer: "yes: the next set-up asks for the invite code"})
	}
	return append(steps, end)
}
