package check

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// try is one attempt on its way to a verdict.
type try struct {
	*Engine
	account.Attempt
	started time.Time
	service Service
	facts   account.Facts
	// redeemed is set while the attempt continues an earlier right password.
	redeemed *account.Token
	// used is the record that accepted.
	used account.Record
	// refund are counted tries that turned out not to be failures; whatever
	// is written next takes them back.
	refund []int64
	// familiar says that the subject has logged in from this network before.
	familiar bool
}

// judge walks the rules in their order: may this be asked, may this source
// try, who is it, is the account fit, does a hook object, and only then the
// ways in.
func (t *try) judge(ctx context.Context) account.Answer {
	var known bool
	if t.service, known = t.services[t.Service]; !known {
		return deny(account.NotAllowed)
	}
	if t.Ticket == "" && (t.Name == "" || t.Password == "") {
		// An empty password is refused before anybody is asked: to a
		// directory it would be an anonymous bind, and succeed.
		return deny(account.BadCredentials)
	}
	if wait := t.cfg.Throttle.MaySend(t.Client, t.Service, t.Name); wait > 0 {
		return throttled(wait)
	}
	if ans, stop := t.askHooks(ctx); stop {
		return ans
	}
	if t.Ticket != "" {
		if ans, ok := t.redeemPassword(ctx); !ok {
			return ans
		}
	}
	if ans, ok := t.identify(ctx); !ok {
		return ans
	}
	if claimed, ans := t.judgeClaimed(ctx); claimed {
		return ans
	}
	if t.splitField() {
		// An app password with a code behind it is still one.
		if claimed, ans := t.judgeClaimed(ctx); claimed {
			return ans
		}
	}
	if !t.service.hasDirectory() {
		return t.judgeWithoutDirectory(ctx)
	}
	return t.judgeWithDirectory(ctx)
}

// askHooks lets each hook say no. A hook can never say yes.
func (t *try) askHooks(ctx context.Context) (ans account.Answer, stop bool) {
	seen := hook.Attempt{Service: t.Service, FrontEnd: t.FrontEnd, Name: t.Name, Agent: t.Client.Agent}
	if t.Client.Addr.IsValid() {
		seen.Address = t.Client.Addr.String()
	}
	for _, h := range t.cfg.Hooks {
		veto, err := h.Hook.Before(ctx, seen)
		switch {
		case err != nil && h.AllowOnError:
			t.cfg.Log.Warn("hook could not tell, going on as configured", "hook", h.Name, "error", err)
		case err != nil:
			t.cfg.Log.Error("hook could not tell", "hook", h.Name, "error", err)
			return unavailable(account.PluginUnavailable), true
		case veto.Refuse:
			t.cfg.Log.Info("hook vetoed", "hook", h.Name, "note", veto.Note)
			return deny(account.Vetoed), true
		}
	}
	return account.Answer{}, false
}

// identify finds the one subject behind the name and asks whether the account
// is fit. A stranger costs the directory and the plugins what a member costs.
func (t *try) identify(ctx context.Context) (account.Answer, bool) {
	facts, err := t.cfg.Directory.Find(ctx, t.Name)
	if errors.Is(err, account.ErrNotFound) {
		t.feign(ctx)
		t.slow("")
		return deny(account.UnknownUser), false
	}
	if err != nil {
		t.cfg.Log.Error("finding an account", "error", err)
		return unavailable(account.DirectoryUnavailable), false
	}
	t.facts = facts
	if t.started.Sub(facts.AsOf) > t.cfg.MaxStale {
		return unavailable(account.DirectoryUnavailable), false
	}
	if t.redeemed != nil && t.redeemed.Subject != facts.ID {
		return deny(account.BadCredentials), false
	}
	switch facts.Fitness {
	case account.Fit:
		return account.Answer{}, true
	case account.Disabled:
		t.feign(ctx)
		t.slow(facts.ID)
		return deny(account.AccountDisabled), false
	case account.Locked:
		t.feign(ctx)
		t.slow(facts.ID)
		return deny(account.AccountLockedByDirectory), false
	default:
		return unavailable(account.DirectoryUnavailable), false
	}
}

// feign does for a stranger what would have been done for a member, and
// forgets the outcome.
func (t *try) feign(ctx context.Context) {
	for _, p := range t.factors {
		if p.Info.Claims && p.fits(t.Password.Reveal()) {
			res, err := p.Plugin.Verify(ctx, factor.Request{Input: t.Password.Reveal(), Now: t.started})
			if err == nil && res.Reason != factor.Typo {
				return // it has an app password's form: it never reaches LDAP
			}
		}
	}
	if t.service.hasDirectory() {
		if err := t.cfg.Directory.Decoy(ctx, t.Password); err != nil {
			t.cfg.Log.Debug("decoy bind", "error", err)
		}
	}
}

// slow counts a wrong secret against its source, the same secret only once.
func (t *try) slow(id account.ID) {
	f := t.fingerprint("source:"+t.Service+":"+t.Name, id, t.Password+"\x00"+t.Code)
	if t.stale.refused(f, t.started, time.Time{}) {
		return
	}
	t.stale.remember(f, t.started)
	t.cfg.Throttle.Slow(t.Client, t.Service, t.Name)
}

// splitField takes the code off the end of the only field, where the front end
// has one field and a way needs both, and tells whether it did. There is no separator: the code is the
// last N characters if they are digits.
func (t *try) splitField() bool {
	if !t.OneField || t.Code != "" || !t.service.hasDirectory() {
		return false
	}
	typed := t.Password.Reveal()
	for _, w := range t.service.Ways {
		if !w.hasDirectory() {
			continue
		}
		for _, kind := range w.others() {
			p := t.factors[kind]
			at := len(typed) - p.Info.Digits
			if p.Info.Digits > 0 && at > 0 && p.fits(typed[at:]) {
				t.Password, t.Code = account.Secret(typed[:at]), account.Secret(typed[at:])
				return true
			}
		}
	}
	return false
}

// commit writes the change, taking back what was counted without need.
func (t *try) commit(ctx context.Context, c account.Change) error {
	c.Subject = t.facts.ID
	c.Refund = append(c.Refund, t.refund...)
	if err := t.cfg.Store.Commit(ctx, c); err != nil {
		return err
	}
	t.refund = nil
	return nil
}

// takeBack gives counted tries back when nothing else is to be written. If
// that fails they stay counted, which errs on the safe side.
func (t *try) takeBack(ctx context.Context) {
	if len(t.refund) == 0 {
		return
	}
	if err := t.commit(ctx, account.Change{Version: -1}); err != nil {
		t.cfg.Log.Error("taking back a counted try", "error", err)
	}
}
