package check

import (
	"context"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/leave"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/check/verdict"
)

// leave is what the policy says of the person, by the time of this check.
func (t *try) leave() leave.Case { return t.Leave(t.facts.Subject) }

// owes is what it says in a word.
func (t *try) owes() string { c := t.leave(); return string(c.Line.At(c.Now)) }

// Leave is what the policy says of somebody now. No deadline is judged by a time
// that is over: a clock that was set back opens nothing again.
func (e *Engine) Leave(who account.Subject) leave.Case {
	now := e.cfg.Clock.Now()
	if now.Before(e.cfg.NotBefore) {
		now = e.cfg.NotBefore
	}
	return leave.Case{Line: e.cfg.Policy.For(who), Now: now, Claims: e.roster.Claims}
}

// withoutSecond deals with somebody whose password was right and who has no
// second factor: it is owed, or they have leave. One factor never opens the page.
func (t *try) withoutSecond(ctx context.Context, snap account.Snapshot) (account.Answer, error) {
	c := t.leave()
	why := c.Why(snap)
	switch {
	case why == leave.Grace && !t.cfg.Clock.Safe():
		t.takeBack(ctx)
		return verdict.Unavailable(account.ClockUnsafe), nil
	case why == "" || t.WantTicket:
		return c.Mark(t.hand(ctx, verdict.Deny(account.EnrollRequired), account.TicketEnroll), why), nil
	}
	return t.take(ctx, why, Way{Factors: []string{DirectoryFactor}}, snap)
}

// noMachine refuses a machine, whose password opens nothing that asks for more.
func (t *try) noMachine(ctx context.Context) (account.Answer, bool) {
	c := t.leave()
	if c.Line.At(c.Now) != policy.Machine {
		return account.Answer{}, true
	}
	t.note = c.Machine()
	t.takeBack(ctx)
	return verdict.Deny(account.AppPasswordRequired), false
}

// bridging tells whether the normal password may be good on a service of app
// passwords, for anybody.
func (t *try) bridging() bool {
	return len(t.service.Bridge.Factors) > 0 && t.redeemed == nil && t.leave().Now.Before(t.cfg.Policy.Last())
}

// judgeBridge judges a normal password where it may still be good.
func (t *try) judgeBridge(ctx context.Context) (ans account.Answer) {
	if !t.cfg.Clock.Safe() {
		return verdict.Unavailable(account.ClockUnsafe)
	}
	ans, t.noted = leave.Crossing{
		Case: t.leave(), Nobody: t.barred != "", Rounds: rounds,
		Load:  func() (account.Snapshot, error) { return t.load(ctx) },
		Judge: func(closed bool) (account.Answer, bool) { t.closed = closed; return t.judgePassword(ctx) },
		LetIn: func(snap account.Snapshot) (account.Answer, error) {
			return t.take(ctx, leave.Bridge, t.service.Bridge, snap)
		},
		Back: func() { t.takeBack(ctx) },
	}.Walk()
	return ans
}

// take lets somebody in who has leave, if nothing has been written about them
// since the snapshot.
func (t *try) take(ctx context.Context, why string, w Way, snap account.Snapshot) (account.Answer, error) {
	c := t.leave()
	t.note = c.Note(why)
	ans, err := t.letIn(ctx, verdict.Yes{Way: w, Version: snap.Version, Used: account.Record{Factor: DirectoryFactor},
		Leave: func(a account.Answer) account.Answer { return c.Mark(a, why) }})
	if err != nil {
		t.note = ""
	}
	return ans, err
}
