package check

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/stale"
	"github.com/sallyport/sallyport/daemon/check/ticket"
	"github.com/sallyport/sallyport/daemon/check/verdict"
)

// judgeWithDirectory asks the directory first. Only a right password lets a
// code be looked at, or anything about the second factor be told.
func (t *try) judgeWithDirectory(ctx context.Context) account.Answer {
	if t.redeemed == nil {
		if ans, ok := t.judgePassword(ctx); !ok {
			return ans
		}
	}
	if alone, ok := t.service.Alone(DirectoryFactor); ok {
		ans, _ := t.letIn(ctx, verdict.Yes{Way: alone, Version: -1})
		return ans
	}
	return t.judgeSecond(ctx)
}

// judgePassword counts the try durably, then asks the directory. What was
// refused a moment ago is answered from memory: it counts once and is not sent
// again.
func (t *try) judgePassword(ctx context.Context) (account.Answer, bool) {
	// What a decoy refused is no wrong password once the account is fit again.
	refused := t.fingerprint("directory:"+string(t.barred), t.Password)
	memory := t.memory()
	why, leave := memory.Enter(ctx, refused, t.started, t.facts.PasswordChanged)
	defer leave()
	if why != "" {
		return verdict.Deny(why), false
	}
	if ctx.Err() != nil { // the time went by while somebody asked the same
		return verdict.Unavailable(account.DirectoryUnavailable), false
	}
	if err := t.recognise(ctx); err != nil {
		t.cfg.Log.Error("looking up a familiar network", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), false
	}
	number, wait, err := t.cfg.Throttle.First(ctx, t.facts.ID, t.familiar)
	if err != nil {
		t.cfg.Log.Error("counting a password", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), false
	}
	if wait > 0 {
		// Or nothing would slow down who goes on and on against a closed door.
		t.slow()
		return verdict.Throttled(wait), false
	}
	reason, err := t.bind(ctx)
	switch {
	case err != nil:
		t.cfg.Log.Error("asking the directory", "error", err)
		t.refund = append(t.refund, number)
		t.takeBack(ctx)
		return verdict.Unavailable(account.DirectoryUnavailable), false
	case reason == account.OK:
		t.refund = append(t.refund, number)
		return account.Answer{}, true
	}
	// Neither is an account that the directory keeps locked asked for again and
	// again by a device that does not know.
	memory.Remember(refused, t.started, reason)
	t.slow()
	return verdict.Deny(reason), false
}

// memory is where a refusal is remembered: apart for those who do not exist, so
// that no noise pushes out what devices of people send again and again.
func (t *try) memory() *stale.Secrets {
	if t.barred == account.UnknownUser {
		return t.strangers
	}
	return t.stale
}

// bind asks the directory. Where nobody gets in it costs the same, and is
// always a no.
func (t *try) bind(ctx context.Context) (account.Reason, error) {
	if t.barred != "" {
		return account.BadCredentials, t.cfg.Directory.Decoy(ctx, t.Password)
	}
	return t.cfg.Directory.Bind(ctx, t.facts, t.Password)
}

// recognise finds out whether the subject has logged in from this network
// lately, which gives it a budget that strangers cannot use up.
func (t *try) recognise(ctx context.Context) error {
	ref, ok := t.office.Network(t.facts.ID, t.Client)
	if !ok || t.recognised {
		return nil
	}
	tok, err := t.cfg.Store.Token(ctx, ref)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return err
	}
	t.recognised = true
	if err == nil {
		t.familiar, t.greeted = ticket.Familiar(tok, t.started)
	}
	return nil
}
