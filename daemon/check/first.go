package check

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/first"
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
	if ans, ok := t.noMachine(ctx); !ok {
		return ans
	}
	return t.judgeSecond(ctx)
}

// judgePassword counts the try durably, then asks the directory.
func (t *try) judgePassword(ctx context.Context) (account.Answer, bool) {
	// What a decoy refused is no wrong password once the account is fit again.
	place, counted := "directory:"+string(t.barred), t.facts.ID
	if t.closed { // nor is it one elsewhere, or a try that counts there
		place, counted = "bridge", "bridge:"+t.facts.ID
	}
	refused := t.Stale
	if t.barred == account.UnknownUser { // no noise pushes out what devices of people send
		refused = t.Strangers
	}
	door := first.Door{Directory: t.cfg.Directory, Throttle: t.cfg.Throttle, Log: t.cfg.Log}
	ans, number, right := door.Judge(ctx, first.Password{
		Facts: t.facts, Secret: t.Password, Now: t.started, Counted: counted, Decoy: t.barred != "" || t.closed,
		Memory: refused, Refused: t.fingerprint(place, t.Password), Familiar: t.recognise, Slow: t.slow,
		Back: func(number int64) {
			t.refund = append(t.refund, number)
			t.takeBack(ctx)
		},
	})
	if right {
		t.refund = append(t.refund, number)
	}
	return ans, right
}

// recognise finds out whether the subject has logged in from this network
// lately, which gives it a budget that strangers cannot use up.
func (t *try) recognise(ctx context.Context) (familiar bool, err error) {
	if t.recognised {
		return t.familiar, nil
	}
	ref, ok := t.office.Network(t.facts.ID, t.Client)
	if !ok {
		t.recognised = true
		return false, nil
	}
	tok, err := t.cfg.Store.Token(ctx, ref)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return false, err
	}
	greeted := false
	if err == nil {
		t.familiar, greeted = ticket.Familiar(tok, t.started)
	}
	if !greeted {
		t.greet = &ref
	}
	t.recognised = true
	return t.familiar, nil
}
