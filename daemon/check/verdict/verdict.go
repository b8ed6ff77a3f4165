// Package verdict weighs what the single factors made of a code: a yes of one
// way, or the one no that may be told.
//
// It is pure: it asks nobody, counts nothing and writes nothing. It belongs to
// package check, which alone may call it.
package verdict

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// later suggests half a minute: long enough for a fail-over, short enough for
// a person.
const later = 30 * time.Second

// Accept is a yes.
func Accept() account.Answer {
	return account.Answer{Verdict: factor.Accept, Reason: account.OK}
}

// Deny is a no.
func Deny(r account.Reason) account.Answer {
	return account.Answer{Verdict: factor.Deny, Reason: r}
}

// Unavailable is not a no: nobody could tell.
func Unavailable(r account.Reason) account.Answer {
	return account.Answer{Verdict: factor.Unavailable, Reason: r, RetryAfter: later}
}

// Throttled is a no until the wait is over.
func Throttled(wait time.Duration) account.Answer {
	return account.Answer{Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: wait}
}

// Finding is what one factor made of the code.
type Finding struct {
	witness.Testimony
	// Away is why nobody could tell; empty where somebody did.
	Away account.Reason
	// Told is the reason of a no.
	Told account.Reason
	// Wait goes with account.Throttled.
	Wait time.Duration
	// Number is the counted try, 0 where nothing was counted.
	Number int64
}

// Yes is a way that accepted and is not yet committed.
type Yes struct {
	Way way.Way
	// Version is the snapshot's that the yes was decided on.
	Version int64
	// Used is a record that accepted; Put are those to be written first.
	Used account.Record
	Put  []account.Record
	// Leave, if set, marks the answer of somebody who has leave to come in without
	// a second factor, as long as nothing is written about them.
	Leave func(account.Answer) account.Answer
	// Refund are the numbers of the tries that were no failures.
	Refund []int64
}

// Accepting returns a way all of whose factors beside the directory accepted.
func Accepting(ways []way.Way, found map[string]Finding) (Yes, bool) {
	for _, w := range ways {
		yes, all := Yes{Way: w}, len(w.Others()) > 0
		for _, kind := range w.Others() {
			f := found[kind]
			all = all && f.Accept && f.Away == "" && f.Told == ""
			yes.Used = f.Record
			if f.Rewritten {
				yes.Put = append(yes.Put, f.Record)
			}
			if f.Number != 0 {
				yes.Refund = append(yes.Refund, f.Number)
			}
		}
		if all {
			return yes, true
		}
	}
	return Yes{}, false
}

// Refusal chooses between no and not now: an outage in any way is never told
// as a wrong code, and its tries are to be taken back. A wait goes before all
// other reasons, and what is more telling before a wrong code.
func Refusal(kinds []string, found map[string]Finding) (ans account.Answer, refund []int64) {
	ans = Deny(account.CodeWrong)
	for _, kind := range kinds {
		f := found[kind]
		switch {
		case f.Away != "":
			ans = Unavailable(f.Away)
			if f.Number != 0 {
				refund = append(refund, f.Number)
			}
		case ans.Verdict == factor.Unavailable:
		case f.Told == account.Throttled:
			ans.Reason, ans.RetryAfter = account.Throttled, max(f.Wait, ans.RetryAfter)
		case ans.Reason == account.CodeWrong && f.Told != "":
			ans.Reason = f.Told
		}
		if f.Drift != 0 && ans.Verdict == factor.Deny {
			ans.Drift = f.Drift
		}
	}
	return ans, refund
}

// Counted tells whether any of the findings cost a try.
func Counted(found map[string]Finding) bool {
	for _, f := range found {
		if f.Number != 0 {
			return true
		}
	}
	return false
}
