// Package veto asks the hooks before an attempt is judged.
//
// A hook can say no, and never yes. The package belongs to package check,
// which alone may call it.
package veto

import (
	"context"
	"log/slog"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/plugins/hook"
)

// Hook is one configured hook.
type Hook struct {
	Name string
	Hook hook.Hook
	// AllowOnError lets an attempt go on when the hook cannot tell.
	AllowOnError bool
	// Config is where the hook stands, as "file:line key".
	Config string
}

// Ask lets each hook say no; then the answer is to be given, and stop is true.
func Ask(ctx context.Context, hooks []Hook, a account.Attempt, log *slog.Logger) (ans account.Answer, stop bool) {
	seen := hook.Attempt{Service: a.Service, FrontEnd: a.FrontEnd, Name: a.Name, Agent: a.Client.Agent}
	if a.Client.Addr.IsValid() {
		seen.Address = a.Client.Addr.String()
	}
	for _, h := range hooks {
		said, err := h.Hook.Before(ctx, seen)
		switch {
		case err == nil && said.Refuse:
			log.Info("hook vetoed", "hook", h.Name, "note", said.Note)
			return verdict.Deny(account.Vetoed), true
		case err != nil && !h.AllowOnError:
			log.Error("hook could not tell", "hook", h.Name, "error", err)
			return verdict.Unavailable(account.PluginUnavailable), true
		case err != nil:
			log.Warn("hook could not tell, going on as configured", "hook", h.Name, "error", err)
		}
	}
	return ans, false
}
