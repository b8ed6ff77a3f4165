// Package watch lets the operator see what the throttle does: whom it makes
// wait, and that wrong secrets come in like an attack on everybody.
//
// It changes no limit and decides nothing: that is package throttle. It is a
// piece of the daemon's main, which alone may import it.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// Metrics is what is counted.
type Metrics interface {
	// Throttled counts a try that had to wait: "source", "first" or "second".
	Throttled(bucket string)
	// Attack says whether an attack is on.
	Attack(on bool)
}

// Throttle is a throttle that is watched. It is safe for concurrent use.
type Throttle struct {
	*throttle.Throttle
	metrics Metrics
	log     *slog.Logger

	mu sync.Mutex
	// attacked is what was told last.
	attacked bool
}

// New watches a throttle.
func New(t *throttle.Throttle, m Metrics, log *slog.Logger) *Throttle {
	return &Throttle{Throttle: t, metrics: m, log: log}
}

// MaySend is the throttle's, counted.
func (t *Throttle) MaySend(c account.Client, service, who string) time.Duration {
	wait := t.Throttle.MaySend(c, service, who)
	t.count("source", wait)
	return wait
}

// Idle is the throttle's, counted.
func (t *Throttle) Idle(c account.Client) time.Duration {
	wait := t.Throttle.Idle(c)
	t.count("source", wait)
	return wait
}

// Slow is the throttle's, with a look at whether an attack began.
func (t *Throttle) Slow(c account.Client, service, who string) {
	t.Throttle.Slow(c, service, who)
	t.Look()
}

// First is the throttle's, counted.
func (t *Throttle) First(ctx context.Context, id account.ID, familiar bool) (int64, time.Duration, error) {
	number, wait, err := t.Throttle.First(ctx, id, familiar)
	t.count("first", wait)
	return number, wait, err
}

// Second is the throttle's, counted.
func (t *Throttle) Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error) {
	number, wait, err := t.Throttle.Second(ctx, id, kind)
	t.count("second", wait)
	return number, wait, err
}

// SecondAlone is the throttle's, counted.
func (t *Throttle) SecondAlone(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error) {
	number, wait, err := t.Throttle.SecondAlone(ctx, id, kind)
	t.count("second", wait)
	return number, wait, err
}

func (t *Throttle) count(bucket string, wait time.Duration) {
	if wait > 0 {
		t.metrics.Throttled(bucket)
	}
}

// Look tells of an attack once when it begins and once when it is over. Every
// wrong secret looks; somebody must look from time to time as well, to see the
// end of it.
func (t *Throttle) Look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	on := t.UnderAttack()
	if on == t.attacked {
		return
	}
	t.attacked = on
	t.metrics.Attack(on)
	if on {
		t.log.Warn("attack: wrong secrets come in ten times as fast as usual; addresses and passwords from unfamiliar networks have a fourth of their tries until it is over")
	} else {
		t.log.Info("the attack is over: everybody has their usual tries again")
	}
}
