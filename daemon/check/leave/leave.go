// Package leave says when somebody without a second factor is let in all the
// same, by the right password alone: before the day from which one is owed,
// where the policy exempts them, and over the bridge of a service until their
// first app password is in use.
//
// It decides what follows from a line of the policy and from what somebody has;
// it judges no password and lets nobody in: that is package check, to which it
// belongs and which alone may call it, but for IsBridge: that reads old notes.
package leave

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/plugins/factor"
)

// The words of account.Answer.
const (
	Grace  = "grace"
	Exempt = "exempt"
	Bridge = "bridge"
)

// Case is one person at one moment.
type Case struct {
	Line policy.Line
	Now  time.Time
	// Claims tells which factors are app passwords; all others are second factors.
	Claims func(kind string) bool
}

// Why is Grace or Exempt where somebody needs no second factor, and else empty.
// Whoever has set one up owes it, usable or not. After a reset nobody has leave:
// the password alone must not be enough where it was not before.
func (c Case) Why(snap account.Snapshot) string {
	second := func(r account.Record) bool { return !r.Pending && !c.Claims(r.Factor) }
	if snap.InviteRequired || slices.ContainsFunc(snap.Records, second) {
		return ""
	}
	switch c.Line.At(c.Now) {
	case policy.Grace:
		return Grace
	case policy.Exempt:
		return Exempt
	default:
		return ""
	}
}

// Open tells whether the normal password is still good on a service with a
// bridge. A second factor alone does not end it: the programs still have to
// change, and that shows when the first app password has let one of them in.
func (c Case) Open(snap account.Snapshot) bool {
	// The record of its use is all there is of who used one before the mark was
	// there.
	used := func(r account.Record) bool { return c.Claims(r.Factor) && !r.LastUsed.IsZero() }
	return c.Line.At(c.Now) == policy.Grace && !snap.Synced && !slices.ContainsFunc(snap.Records, used)
}

// Closed says in words why the bridge is.
func (c Case) Closed(snap account.Snapshot) string {
	switch {
	case c.Line.At(c.Now) == policy.Required && !c.Line.From.IsZero():
		return "their day has come"
	case c.Line.At(c.Now) != policy.Grace:
		return "no day is written that would end it for them"
	case !c.Open(snap):
		return "an app password of theirs is in use, or was"
	default:
		return ""
	}
}

// Told says in words whether a second factor is owed.
func (c Case) Told(snap account.Snapshot) string {
	said := c.Line.Told(c.Now)
	if s := c.Line.At(c.Now); s == policy.Required || s == policy.Machine || c.Why(snap) != "" {
		return said
	}
	if snap.InviteRequired {
		return "yes, after a reset (the policy says: " + said + ")"
	}
	return "yes, one was set up (the policy says: " + said + ")"
}

// bridgeNote is how the note of a bridge begins.
const bridgeNote = "the normal password, good here until the first app password is in use, or "

// IsBridge tells the note of somebody whom a bridge let in.
func IsBridge(note string) bool { return strings.HasPrefix(note, bridgeNote) }

// Note says in words why somebody was let in, for log, audit and last tries.
func (c Case) Note(why string) string {
	switch why {
	case Grace:
		return "no second factor yet, owed from " + c.Line.From.Format(time.DateOnly)
	case Bridge:
		return bridgeNote + c.Line.From.Format(time.DateOnly)
	case Exempt:
		return "no second factor owed: " + c.Line.Exempt
	default:
		return ""
	}
}

// Machine is the note of a refusal.
func (c Case) Machine() string {
	return fmt.Sprintf("a machine (%s): no password opens what asks for a code", c.Line.Machine)
}

// Mark adds to an answer what there is to know about the leave, if there is any.
func (c Case) Mark(ans account.Answer, why string) account.Answer {
	if ans.Leave = why; why == "" {
		return ans
	}
	if left := c.Line.Left(c.Now); left > 0 {
		ans.Due, ans.DaysLeft = c.Line.From, left
	}
	return ans
}

// Crossing is one normal password at a bridge. Whose bridge is closed walks the
// same path with a decoy, so that nobody learns who has set up what.
type Crossing struct {
	Case
	// Nobody says that nobody gets in by this name, whatever they know.
	Nobody bool
	// Rounds is how often somebody else may write first.
	Rounds int
	Load   func() (account.Snapshot, error)
	// Judge judges the password, or a decoy, once.
	Judge func(closed bool) (account.Answer, bool)
	// LetIn writes the yes, if nothing was written since the snapshot.
	LetIn func(account.Snapshot) (account.Answer, error)
	// Back takes back what was counted and was no failure.
	Back func()
}

// Walk is the answer, with why the password was refused, for those who may know
// it: strangers are told what a service of app passwords tells everybody.
func (c Crossing) Walk() (account.Answer, account.Reason) {
	defer c.Back()
	for round := range c.Rounds {
		snap, err := c.Load()
		if err != nil {
			break
		}
		closed := !c.Nobody && !c.Open(snap)
		if round == 0 {
			ans, right := c.Judge(closed)
			switch {
			case !right && (ans.Verdict != factor.Deny || ans.Reason == account.Throttled):
				return ans, ""
			case !right && closed:
				return verdict.Deny(account.AppPasswordRequired), ""
			case !right:
				return verdict.Deny(account.AppPasswordRequired), ans.Reason
			}
		}
		if closed { // meanwhile
			return verdict.Deny(account.AppPasswordRequired), ""
		}
		if ans, err := c.LetIn(snap); !errors.Is(err, account.ErrConflict) {
			return ans, ""
		}
	}
	return verdict.Unavailable(account.StoreUnavailable), ""
}
