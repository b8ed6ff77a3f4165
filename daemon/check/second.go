package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// rounds is how often a lost compare-and-swap is tried again. Each loss means
// that somebody else wrote on the same subject in between.
const rounds = 3

// judged is what one factor made of the code.
type judged struct {
	verdict factor.Verdict
	reason  account.Reason
	drift   time.Duration
	wait    time.Duration
	// record is the one that matched, as it must be stored before the yes.
	record account.Record
	// rewritten says that the record differs from the stored one.
	rewritten bool
}

// outcome is a way that accepted and is not yet committed.
type outcome struct {
	way     Way
	version int64
	put     []account.Record
	// refund are the numbers of the tries that were no failures.
	refund []int64
}

// judgeSecond judges the code. Every factor of a way is asked before anything
// is committed, and the commit comes before the yes: if somebody else wrote
// first, everything is loaded and asked again.
func (t *try) judgeSecond(ctx context.Context) account.Answer {
	counted := map[string]int64{} // a try counts once, however many rounds it takes
	for range rounds {
		snap, err := t.cfg.Store.Load(ctx, t.facts.ID, t.codeKinds()...)
		if err != nil {
			t.cfg.Log.Error("loading records", "error", err)
			t.takeBack(context.WithoutCancel(ctx))
			return unavailable(account.StoreUnavailable)
		}
		if !t.enrolled(snap) {
			return t.sendToSetup(ctx)
		}
		if t.Code == "" {
			return t.askForCode(ctx)
		}
		asked := map[string]judged{}
		for _, kind := range t.codeKinds() {
			asked[kind] = t.judgeCode(ctx, kind, snap, counted)
		}
		out, ok := t.acceptingWay(asked)
		if !ok {
			return t.refuse(ctx, asked, counted)
		}
		out.version = snap.Version
		for _, kind := range out.way.others() {
			if n, ok := counted[kind]; ok {
				out.refund = append(out.refund, n)
			}
		}
		ans, err := t.letIn(ctx, out)
		if !errors.Is(err, account.ErrConflict) {
			return ans
		}
	}
	// Somebody keeps writing. The tries stay counted: nobody knows whether
	// they were guesses.
	t.takeBack(context.WithoutCancel(ctx))
	return unavailable(account.StoreUnavailable)
}

// codeKinds are the factors that the code is shown to: those of the ways that
// are still open after the first door.
func (t *try) codeKinds() []string {
	return slices.DeleteFunc(t.service.kinds(), func(kind string) bool { return t.factors[kind].Info.Claims })
}

// enrolled tells whether the subject has any of the factors that the code is
// judged by. None is never "no second factor needed".
func (t *try) enrolled(snap account.Snapshot) bool {
	return slices.ContainsFunc(t.codeKinds(), func(kind string) bool { return len(active(snap, kind, t)) > 0 })
}

// judgeCode counts the try of one factor durably, then asks it.
func (t *try) judgeCode(ctx context.Context, kind string, snap account.Snapshot, counted map[string]int64) judged {
	p := t.factors[kind]
	if !p.fits(t.Code.Reveal()) {
		return judged{verdict: factor.Deny, reason: account.CodeWrong}
	}
	records := active(snap, kind, t)
	if len(records) == 0 {
		return judged{verdict: factor.Deny, reason: account.CodeWrong}
	}
	if p.Info.Guessable {
		if !t.cfg.Clock.Safe() {
			return judged{reason: account.ClockUnsafe}
		}
		if _, already := counted[kind]; !already {
			number, wait, err := t.cfg.Throttle.Second(ctx, t.facts.ID, kind)
			if err != nil {
				t.cfg.Log.Error("counting a code", "error", err)
				return judged{reason: account.StoreUnavailable}
			}
			if wait > 0 {
				return judged{verdict: factor.Deny, reason: account.Throttled, wait: wait}
			}
			counted[kind] = number
		}
	}
	res, rec, err := t.verify(ctx, kind, t.Code, records)
	if err != nil {
		return judged{reason: account.PluginUnavailable}
	}
	return t.read(res, rec)
}

// read turns a plugin's result into what must be stored and what may be told.
func (t *try) read(res factor.Result, rec account.Record) judged {
	switch {
	case res.Verdict == factor.Accept && !goodFor(rec, t.Service):
		return judged{verdict: factor.Deny, reason: account.WrongService}
	case res.Verdict == factor.Accept:
		j := judged{verdict: factor.Accept, record: rec}
		if res.Payload != nil {
			j.rewritten = true
			j.record.Payload, j.record.Format = res.Payload, res.Format
		}
		if rec.Uses > 0 {
			// The plugin may only count down: a use is never given back.
			j.rewritten = true
			j.record.Uses = max(0, min(res.Uses, rec.Uses-1))
		}
		return j
	case res.Verdict == factor.Deny && res.Reason == factor.Used:
		return judged{verdict: factor.Deny, reason: account.CodeUsed}
	case res.Verdict == factor.Deny:
		return judged{verdict: factor.Deny, reason: account.CodeWrong, drift: res.Drift}
	default:
		return judged{reason: account.PluginUnavailable}
	}
}

// acceptingWay returns a way all of whose factors accepted.
func (t *try) acceptingWay(asked map[string]judged) (outcome, bool) {
	for _, w := range t.service.Ways {
		out, all := outcome{way: w}, len(w.others()) > 0
		for _, kind := range w.others() {
			j := asked[kind]
			if j.verdict != factor.Accept {
				all = false
				break
			}
			t.used = j.record
			if j.rewritten {
				out.put = append(out.put, j.record)
			}
		}
		if all {
			return out, true
		}
	}
	t.used = account.Record{}
	return outcome{}, false
}

// refuse chooses between no and not now: an outage in any way is never told as
// a wrong code, and its tries are taken back.
func (t *try) refuse(ctx context.Context, asked map[string]judged, counted map[string]int64) account.Answer {
	ans := deny(account.CodeWrong)
	for kind, j := range asked {
		if j.verdict == factor.Unavailable {
			if n, ok := counted[kind]; ok {
				t.refund = append(t.refund, n)
			}
			ans = unavailable(j.reason)
		}
	}
	t.takeBack(context.WithoutCancel(ctx))
	if ans.Verdict == factor.Unavailable {
		return ans
	}
	for _, j := range asked {
		switch j.reason {
		case account.Throttled:
			return throttled(j.wait)
		case account.CodeUsed, account.WrongService:
			ans.Reason = j.reason
		}
		if j.drift != 0 {
			ans.Drift = j.drift
		}
	}
	t.slow(t.facts.ID)
	return ans
}
