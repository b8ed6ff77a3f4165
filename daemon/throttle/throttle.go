// Package throttle says who may try now.
//
// Three tiers, each for another attacker. A source (a network address) that
// sends wrong secrets is slowed down, whoever it asks for. A subject's
// directory password can be tried a few times quickly, then slower and slower;
// networks that the person has used before have a budget of their own, so that
// an attack from elsewhere does not keep the owner out. A subject's code can be
// tried only by somebody who has the password, on a small budget that success
// does not clear.
//
// It does not verify anything and does not know what a password is. Package
// check asks it before it verifies; the support tool asks it why somebody is
// waiting. The tiers of a subject are kept durably by the store. The tier of
// sources lives in memory on purpose: writing a row for every wrong guess of
// an unguessable app password would make refusals dearer than acceptances.
package throttle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Limits are the numbers of the three tiers. None may be zero: zero never
// means unlimited.
type Limits struct {
	// SourcePerMinute is how many wrong secrets a source may send a minute, in
	// the long run and in one burst. The network around it (IPv4 /24, IPv6
	// /48) may send eight times as many.
	SourcePerMinute int
	// FirstQuick is how many wrong passwords a subject has without waiting.
	FirstQuick int
	// FirstMaxWait is the longest wait between two passwords.
	FirstMaxWait time.Duration
	// FirstPerHour bounds wrong passwords; keep it below the directory's own
	// lock-out.
	FirstPerHour int
	// SecondQuick is how many wrong codes a subject has without waiting.
	SecondQuick int
	// SecondPerDay and SecondPerMonth bound wrong codes in 24 hours and in 30
	// days; success clears neither.
	SecondPerDay   int
	SecondPerMonth int
}

// Defaults are the limits that the documentation gives figures for.
func Defaults() Limits {
	return Limits{
		SourcePerMinute: 60,
		FirstQuick:      3, FirstMaxWait: time.Minute, FirstPerHour: 30,
		SecondQuick: 5, SecondPerDay: 20, SecondPerMonth: 100,
	}
}

func (l Limits) validate() error {
	for name, n := range map[string]int{
		"SourcePerMinute": l.SourcePerMinute,
		"FirstQuick":      l.FirstQuick, "FirstMaxWait": int(l.FirstMaxWait), "FirstPerHour": l.FirstPerHour,
		"SecondQuick": l.SecondQuick, "SecondPerDay": l.SecondPerDay, "SecondPerMonth": l.SecondPerMonth,
	} {
		if n <= 0 {
			return fmt.Errorf("throttle limit %s is %d: it must be positive, zero never means unlimited", name, n)
		}
	}
	if l.SourcePerMinute > mostPerMinute {
		return fmt.Errorf("throttle limit SourcePerMinute is %d: more than %d a minute would be no limit", l.SourcePerMinute, mostPerMinute)
	}
	return nil
}

// mostPerMinute keeps the time that one wrong secret costs far from zero.
const mostPerMinute = 1_000_000

// Store counts tries durably, before they are verified.
type Store interface {
	Fail(ctx context.Context, t account.Try) (number int64, wait time.Duration, err error)
}

// Throttle holds the limits. It is safe for concurrent use.
type Throttle struct {
	limits  atomic.Pointer[Limits]
	store   Store
	now     func() time.Time
	sources *sketch
	idle    *Pace
	fleet   fleet
}

// New returns a Throttle, or an error if a limit is zero or negative.
func New(limits Limits, store Store, now func() time.Time) (*Throttle, error) {
	idle, err := NewPace(idlePerMinute, now)
	if err != nil {
		return nil, err
	}
	t := &Throttle{store: store, now: now, sources: newSketch(), idle: idle}
	return t, t.Limit(limits)
}

// Limit changes the limits. What was counted before counts on.
func (t *Throttle) Limit(limits Limits) error {
	if err := limits.validate(); err != nil {
		return err
	}
	t.limits.Store(&limits)
	return nil
}

const (
	hour  = time.Hour
	day   = 24 * time.Hour
	month = 30 * day
)

// First counts one try of the subject's directory password, unless it has to
// wait. The number takes the try back if it turns out not to be a failure.
func (t *Throttle) First(ctx context.Context, id account.ID, familiar bool) (int64, time.Duration, error) {
	wait := t.firstWait
	if !familiar && t.fleet.tight(t.now()) {
		wait = t.firstWaitTight
	}
	// An hour decides. More would be read, too, by the one writer of the store,
	// for every try of somebody who has been guessing for a month.
	return t.try(ctx, firstBucket(id, familiar), rule{wait, hour})
}

// Second counts one try of the subject's code of the given factor, unless it
// has to wait. Only somebody who knows the password may get this far.
func (t *Throttle) Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error) {
	return t.try(ctx, secondBucket(id, kind), rule{t.secondWait, month})
}

// SecondAlone is Second where no password stands before the code: anybody may
// try there, and must not use up what the owner has behind the password.
func (t *Throttle) SecondAlone(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error) {
	return t.Second(ctx, id, alone(kind))
}

// rule is a policy and how much history it wants.
type rule struct {
	wait   policy
	window time.Duration
}

type policy func(earlier []time.Time, now time.Time) time.Duration

func (t *Throttle) try(ctx context.Context, bucket string, r rule) (int64, time.Duration, error) {
	now := t.now()
	number, left, err := t.store.Fail(ctx, account.Try{
		Bucket: bucket,
		At:     now,
		Since:  now.Add(-r.window),
		Allow:  func(earlier []time.Time) time.Duration { return r.wait(past(earlier, now), now) },
	})
	if err != nil {
		return 0, 0, fmt.Errorf("counting a try: %w", err)
	}
	return number, left, nil
}

// Buckets names everything that is counted for a subject, for codes of the
// given kinds behind a password and alone; the support desk clears it.
func (t *Throttle) Buckets(id account.ID, kinds []string) []string {
	all := []string{firstBucket(id, false), firstBucket(id, true)}
	for _, kind := range kinds {
		all = append(all, secondBucket(id, kind), secondBucket(id, alone(kind)))
	}
	return all
}

// alone names the budget of a factor's codes where no password stands before
// them.
func alone(kind string) string { return "alone:" + kind }

func firstBucket(id account.ID, familiar bool) string {
	if familiar {
		return "first:known:" + string(id)
	}
	return "first:new:" + string(id)
}

func secondBucket(id account.ID, kind string) string {
	return "second:" + kind + ":" + string(id)
}

// Wait tells how long the subject would have to wait for the password (kind
// empty; from whatever network waits longer) or for a code of the given
// factor, and how many tries are counted in the longest window. It counts
// nothing.
func (t *Throttle) Wait(ctx context.Context, id account.ID, kind string) (time.Duration, int, error) {
	if kind != "" {
		return t.look(ctx, secondBucket(id, kind), t.secondWait)
	}
	wait, tries, err := t.look(ctx, firstBucket(id, false), t.firstWait)
	if err != nil {
		return 0, 0, err
	}
	known, more, err := t.look(ctx, firstBucket(id, true), t.firstWait)
	if err != nil {
		return 0, 0, err
	}
	return max(wait, known), tries + more, nil
}

// WaitAlone is Wait for a code of the factor that no password stands before.
func (t *Throttle) WaitAlone(ctx context.Context, id account.ID, kind string) (time.Duration, int, error) {
	return t.Wait(ctx, id, alone(kind))
}

func (t *Throttle) look(ctx context.Context, bucket string, wait policy) (left time.Duration, tries int, err error) {
	now := t.now()
	_, _, err = t.store.Fail(ctx, account.Try{
		Bucket: bucket,
		At:     now,
		Since:  now.Add(-month),
		// Always asking for a wait makes this a look, not a try.
		Allow: func(earlier []time.Time) time.Duration {
			earlier = past(earlier, now)
			left, tries = wait(earlier, now), len(earlier)
			return month
		},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("looking at the tries: %w", err)
	}
	return left, tries, nil
}
