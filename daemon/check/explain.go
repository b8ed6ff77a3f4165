package check

import (
	"context"

	"github.com/sallyport/sallyport/daemon/check/explain"
)

// Step is one line of an explanation.
type Step = explain.Step

// Explain walks the decision for a name at a service without any secret. It
// counts nothing and changes nothing. The error wraps account.ErrNotFound for a
// service that is not in the config, else account.ErrUnavailable.
func (e *Engine) Explain(ctx context.Context, name, service string) ([]Step, error) {
	return explain.Walker{Services: e.roster.Services, Find: e.cfg.Directory.Find, Load: e.cfg.Store.Load,
		Waits: e.cfg.Waits, Hooks: e.cfg.Hooks, Now: e.cfg.Clock.Now()}.Walk(ctx, name, service)
}
