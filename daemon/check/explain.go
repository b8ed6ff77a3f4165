package check

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/explain"
)

// Step is one line of an explanation: what was asked, what came of it, and
// which line of the config decided.
type Step = explain.Step

// Explain walks the decision for a name at a service without any secret. It
// counts nothing and changes nothing. The error wraps account.ErrNotFound for a
// service that is not in the config, else account.ErrUnavailable.
func (e *Engine) Explain(ctx context.Context, name, service string) ([]Step, error) {
	s, known := e.roster.Services[service]
	if !known {
		return nil, fmt.Errorf("no service %q: %w", service, account.ErrNotFound)
	}
	w := explain.Walker{Find: e.cfg.Directory.Find, Load: e.cfg.Store.Load, Waits: e.cfg.Waits, Hooks: e.cfg.Hooks, Now: e.cfg.Clock.Now()}
	return w.Walk(ctx, name, s)
}
