package check

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
)

// judgeWithDirectory asks the directory first. Only a right password lets a
// code be looked at, or anything about the second factor be told.
func (t *try) judgeWithDirectory(ctx context.Context) account.Answer {
	if t.redeemed == nil {
		if ans, ok := t.judgePassword(ctx); !ok {
			return ans
		}
	}
	alone := slices.IndexFunc(t.service.Ways, func(w Way) bool { return len(w.Factors) == 1 && w.hasDirectory() })
	if alone >= 0 {
		ans, _ := t.letIn(ctx, outcome{way: t.service.Ways[alone], version: -1})
		return ans
	}
	return t.judgeSecond(ctx)
}

// judgePassword counts the try durably, then asks the directory. What was
// refused a moment ago is answered from memory: it counts once and is not sent
// again.
func (t *try) judgePassword(ctx context.Context) (account.Answer, bool) {
	stale := t.fingerprint("directory", t.facts.ID, t.Password)
	if t.stale.refused(stale, t.started, t.facts.PasswordChanged) {
		return deny(account.BadCredentials), false
	}
	if err := t.recognise(ctx); err != nil {
		t.cfg.Log.Error("looking up a familiar network", "error", err)
		return unavailable(account.StoreUnavailable), false
	}
	number, wait, err := t.cfg.Throttle.First(ctx, t.facts.ID, t.familiar)
	if err != nil {
		t.cfg.Log.Error("counting a password", "error", err)
		return unavailable(account.StoreUnavailable), false
	}
	if wait > 0 {
		return throttled(wait), false
	}
	reason, err := t.cfg.Directory.Bind(ctx, t.facts, t.Password)
	switch {
	case err != nil:
		t.cfg.Log.Error("asking the directory", "error", err)
		t.refund = append(t.refund, number)
		t.takeBack(context.WithoutCancel(ctx))
		return unavailable(account.DirectoryUnavailable), false
	case reason == account.OK:
		t.refund = append(t.refund, number)
		return account.Answer{}, true
	case reason == account.BadCredentials:
		t.stale.remember(stale, t.started)
	}
	t.slow(t.facts.ID)
	return deny(reason), false
}

// recognise finds out whether the subject has logged in from this network
// lately, which gives it a budget that strangers cannot use up.
func (t *try) recognise(ctx context.Context) error {
	ref, ok := t.sourceRef()
	if !ok {
		return nil
	}
	tok, err := t.cfg.Store.Token(ctx, ref)
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.familiar = t.started.Before(tok.Expires)
	return nil
}

// sourceRef names the subject's memory of this network; false where the
// address is unknown.
func (t *try) sourceRef() (account.TokenRef, bool) {
	network := t.Client.Network()
	if !network.IsValid() {
		return account.TokenRef{}, false
	}
	data := string(t.facts.ID) + "\x00" + network.String()
	return account.TokenRef{Kind: account.TokenSource, Hash: [32]byte(t.cfg.MAC("source", []byte(data)))}, true
}
