package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/explain"
)

// Step is one line of an explanation: what was asked, what came of it, and
// which line of the config decided.
type Step = explain.Step

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
	steps = append(steps, explain.Account(facts, now)...)
	if steps[len(steps)-1].Stops {
		return steps, nil
	}
	snap, err := e.cfg.Store.Load(ctx, facts.ID)
	if err != nil {
		return nil, fmt.Errorf("loading the records: %w", err)
	}
	return append(steps, explain.Ways(s, snap, now)...), nil
}
