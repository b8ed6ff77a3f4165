package events

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// alarmEvery is how often the same alarm is audited: the audit is kept for
	// ever, and whoever can set off an alarm must not be able to fill it.
	alarmEvery = time.Minute
	// maxAlarms bounds the different ones of that time, and how many wait.
	maxAlarms = 60
)

// alarms are on their way to the audit. They may come from inside the store, in
// the middle of a write, so that nothing is written where they are taken.
type alarms struct {
	mu      sync.Mutex
	seen    map[alarm]*repeat
	waiting []account.Event
}

// alarm is what makes two alarms the same.
type alarm struct {
	subject      account.ID
	name, record string
	note         string
}

// take lets an alarm wait to be audited, unless the same has just been; that
// one is counted, and the next that is audited tells how many it stands for. It
// returns false where there are too many different ones.
func (a *alarms) take(e account.Event, now time.Time) bool {
	k := alarm{subject: e.Subject, name: e.Name, record: e.Record, note: e.Note}
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.seen[k]
	if ok && now.Sub(r.since) < alarmEvery && !now.Before(r.since) {
		r.held++
		return true
	}
	if !ok {
		a.prune(now)
		if len(a.seen) >= maxAlarms {
			return false
		}
		r = &repeat{}
		a.seen[k] = r
	}
	if len(a.waiting) >= maxAlarms {
		return false
	}
	if r.held > 0 {
		e.Count = r.held + 1
	}
	*r = repeat{since: now}
	a.waiting = append(a.waiting, e)
	return true
}

// prune makes room where it is short; what was held back of an alarm that does
// not come again stands in the log and in the counters.
func (a *alarms) prune(now time.Time) {
	if len(a.seen) < maxAlarms {
		return
	}
	for k, r := range a.seen {
		if now.Sub(r.since) >= alarmEvery || now.Before(r.since) {
			delete(a.seen, k)
		}
	}
}

// takeAll hands out what waits.
func (a *alarms) takeAll() []account.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.waiting
	a.waiting = nil
	return waiting
}

// giveBack lets what could not be written wait again, before what came since.
func (a *alarms) giveBack(events []account.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(events, a.waiting...)
}

// alarmed queues an alarm for the audit.
func (b *Bus) alarmed(e account.Event) {
	if !b.alarms.take(e, b.cfg.Now()) {
		b.cfg.Counters.Lost("alarms", 1)
	}
	signal(b.wake)
}

// audit writes down the alarms that wait, where the hooks find them. After an
// outage of the store an alarm may stand there twice.
func (b *Bus) audit(ctx context.Context) {
	events := b.alarms.takeAll()
	if len(events) == 0 {
		return
	}
	// The end of the daemon does not break off a write: it would be done twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := b.cfg.Journal.Commit(ctx, account.Change{Version: -1, Events: events}); err != nil {
		b.cfg.Log.Warn("alarms could not be audited, trying again", "error", err.Error(), "waiting", len(events))
		b.alarms.giveBack(events)
		return
	}
	signal(b.news)
}
