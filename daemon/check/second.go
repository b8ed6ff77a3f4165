package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/codes"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// rounds is how often a lost compare-and-swap is tried again. Each loss means
// that somebody else wrote on the same subject in between.
const rounds = 3

// judgeSecond judges the code. Every factor of a way is asked before anything
// is committed, and the commit comes before the yes: if somebody else wrote
// first, everything is loaded and asked again.
func (t *try) judgeSecond(ctx context.Context) account.Answer {
	counted := map[string]int64{} // a try counts once, however many rounds it takes
	kinds := t.codeKinds()
	var yes verdict.Yes
	for range rounds {
		snap, err := t.load(ctx, kinds...)
		if err != nil {
			break
		}
		if t.service.HasDirectory() && !t.enrolled(snap) {
			ans, err := t.withoutSecond(ctx, snap)
			if !errors.Is(err, account.ErrConflict) {
				return ans
			}
			continue
		}
		if t.Code == "" {
			return t.askForCode(ctx)
		}
		found := map[string]verdict.Finding{}
		for _, kind := range kinds {
			f := t.judgeCode(ctx, kind, snap, counted[kind])
			found[kind], counted[kind] = f, f.Number
		}
		var ok bool
		if yes, ok = verdict.Accepting(t.service.Ways, found); !ok {
			return t.refuse(ctx, found)
		}
		yes.Version = snap.Version
		ans, err := t.letIn(ctx, yes)
		if !errors.Is(err, account.ErrConflict) {
			return ans
		}
		if t.ticketGone(ctx) {
			return verdict.Deny(account.BadCredentials)
		}
	}
	// The store is away, or somebody keeps writing. Where a code was judged it
	// was right: no failure.
	t.takeBack(ctx, yes.Refund...)
	return verdict.Unavailable(account.StoreUnavailable)
}

// codeKinds are the factors that the code is shown to: those of the ways that
// are still open after the first door.
func (t *try) codeKinds() []string {
	return slices.DeleteFunc(t.service.Kinds(), func(kind string) bool { return t.roster.Factors[kind].Info.Claims })
}

// enrolled tells whether the subject has any of the factors that the code is
// judged by. None is never "no second factor needed".
func (t *try) enrolled(snap account.Snapshot) bool {
	return slices.ContainsFunc(t.codeKinds(), func(kind string) bool { return len(witness.Active(snap, kind, t.started)) > 0 })
}

// judgeCode counts the try of one factor durably, once, then asks it.
func (t *try) judgeCode(ctx context.Context, kind string, snap account.Snapshot, counted int64) verdict.Finding {
	count, records := t.cfg.Throttle.Second, witness.Active(snap, kind, t.started)
	if !t.service.HasDirectory() {
		count = t.cfg.Throttle.SecondAlone
		// A code from support is worth nothing without the password.
		records = slices.DeleteFunc(records, func(r account.Record) bool { return r.FromSupport(kind) })
	}
	return codes.Door{
		Factor: t.roster.Factors[kind], Records: records,
		Service: t.Service, Behind: t.service.HasDirectory(), Safe: t.cfg.Clock.Safe(), Log: t.cfg.Log,
		Count: func(ctx context.Context) (int64, time.Duration, error) { return count(ctx, t.facts.ID, kind) },
		Ask: func(ctx context.Context, records []account.Record) (witness.Testimony, error) {
			return t.ask(ctx, kind, t.Code, records)
		},
	}.Judge(ctx, t.Code, counted)
}

// refuse says no, or not now, and takes back what was no failure. A wrong code
// behind a right password is audited: it may be somebody who has the password.
// So that it cannot fill the audit, every row has cost a counted try, but for
// one a minute.
func (t *try) refuse(ctx context.Context, found map[string]verdict.Finding) account.Answer {
	ans, refund := verdict.Refusal(t.codeKinds(), found)
	wrong := ans.Reason == account.CodeWrong && (verdict.Counted(found) || t.Audited.First(t.fingerprint("audited", ""), t.started))
	if t.service.HasDirectory() && (wrong || ans.Reason == account.CodeUsed) {
		t.audit = append(t.audit, t.event(ans, t.cfg.Clock.Now().Sub(t.started)))
	}
	t.takeBack(ctx, refund...)
	if ans.Verdict == factor.Deny {
		t.slow() // a wait too, or nothing would slow down who goes on and on
	}
	return ans
}
