// Package events is where every finished act goes, exactly once: one Event
// feeds the log, the counters, the tries that the support desk sees and the
// hooks, so that they cannot disagree.
//
// It is not the audit: acts that change something are audited by the store in
// the transaction of the change, and come here afterwards. What changes nothing
// is handed to the store from here: tries, for the support screen, and alarms,
// for the audit. This is the one place that audits an alarm, whoever gives it:
// the engine, the directory or the store itself. It decides nothing, and
// nobody waits for it: what cannot be written down in time is dropped and
// counted. The mains build the Bus and run it; packages check, enroll and the
// front ends are handed it behind an interface of their own.
//
// The ordinary log has no clear name of a subject, only a pseudonym; the clear
// name stands in the audit and in the tries alone.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

const (
	// maxQueue bounds what waits for the store: about 10 s of a busy day.
	maxQueue = 8192
	// maxBatch bounds one write.
	maxBatch = 512
	// flushEvery is how long a try may take to show on the support screen.
	flushEvery = time.Second
	// writeTimeout bounds one write to the store.
	writeTimeout = 5 * time.Second
	// usedEvery is how coarse a record's last use is kept.
	usedEvery = time.Minute
	// maxUsed bounds the memory of last uses.
	maxUsed = 100_000
)

// Counters counts acts.
type Counters interface {
	Observe(e account.Event)
	// Lost counts what was not written down: "tries", "uses", "log_lines" or
	// "alarms".
	Lost(what string, n int)
}

// Journal is the part of the store that keeps acts.
type Journal interface {
	Log(ctx context.Context, tries []account.Event, used []account.Record) error
	Events(ctx context.Context, after int64, limit int) ([]account.Event, error)
	// Commit audits alarms.
	Commit(ctx context.Context, c account.Change) error
}

// People finds the person behind a login.
type People interface {
	Find(ctx context.Context, name string) (account.Facts, error)
}

// Named is a hook and its name in the config.
type Named struct {
	Name string
	Hook hook.Hook
	// Mail lets the hook know how to reach the person that an act is about.
	Mail bool
}

// Config is what a Bus is made of. Hooks, Cursor and People may be absent, all
// else is required; Attend replaces Hooks and People.
type Config struct {
	Log      *slog.Logger
	Counters Counters
	Journal  Journal
	// Hooks hear of every audited act, in order, at least once.
	Hooks []Named
	// Cursor remembers how far each hook has got; required where there are
	// hooks.
	Cursor Cursor
	// People is required where a hook has Mail.
	People People
	// Pseudonym replaces the id of a subject in the log.
	Pseudonym func(account.ID) string
	Now       func() time.Time
}

// Bus takes every finished act. Its methods may be called from anywhere.
type Bus struct {
	cfg    Config
	flood  flood
	alarms alarms
	wake   chan struct{} // a batch is full, or an alarm waits
	news   chan struct{} // something was audited
	round  chan struct{} // somebody asks whether the loop of Run comes round
	feeds  feeds

	mu    sync.Mutex
	tries []account.Event
	// flying is how many more are on their way to the store.
	flying int
	// alike finds a waiting try by what it has in common with the next one of
	// its kind, so that a device that syncs a hundred times a second is one
	// write.
	alike map[account.Event]int
	used  map[string]account.Record
	last  map[string]time.Time // by record: when its use was last taken
}

// New makes a Bus. Record works at once; Run writes what it has taken.
func New(cfg Config) *Bus {
	return &Bus{
		cfg: cfg, flood: flood{seen: map[line]*repeat{}}, alarms: alarms{seen: map[alarm]*repeat{}},
		wake: make(chan struct{}, 1), news: make(chan struct{}, 1), round: make(chan struct{}), alike: map[account.Event]int{},
		used: map[string]account.Record{}, last: map[string]time.Time{},
	}
}

// Record takes one finished act: logs it, counts it, and queues a try for the
// support screen, an alarm for the audit. It never blocks on anything outside
// the process but the logger.
func (b *Bus) Record(e account.Event) {
	e = clean(e)
	if e.Act == account.ActAlarm && e.At.IsZero() {
		e.At = b.cfg.Now()
	}
	if e.Act == account.ActAlarm && e.Actor == "" {
		e.Actor = "daemon"
	}
	b.cfg.Counters.Observe(e)
	b.log(e)
	if e.Act == account.ActAlarm {
		b.alarmed(e)
		return
	}
	if e.Act != account.ActCheck {
		// The store has audited it with its change; hooks read it there.
		signal(b.news)
		return
	}
	if e.Verdict == factor.Accept && b.noted(e.Record) {
		// The use stands in the record, which the support screen shows with
		// place and time; a row for each sync would say no more.
		return
	}
	full, waiting := b.queue(e)
	if full {
		b.cfg.Counters.Lost("tries", 1)
	} else if waiting >= maxBatch {
		signal(b.wake)
	}
}

// noted tells whether Used keeps the last use of the record.
func (b *Bus) noted(record string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.last[record]
	return ok
}

// queue lets a try wait to be written, or adds it to one that waits already and
// differs in nothing but when and how long.
func (b *Bus) queue(e account.Event) (full bool, waiting int) {
	kind := e
	kind.At, kind.Took, kind.Count = time.Time{}, 0, 0
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.alike[kind]; ok {
		e.Count = max(1, e.Count) + max(1, b.tries[i].Count)
		b.tries[i] = e
		return false, len(b.tries)
	}
	if len(b.tries)+b.flying >= maxQueue {
		return true, len(b.tries)
	}
	b.alike[kind] = len(b.tries)
	b.tries = append(b.tries, e)
	return false, len(b.tries)
}

// Used takes note that a record has just let somebody in, at most once a
// minute for each record.
func (b *Bus) Used(r account.Record) {
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if last, ok := b.last[r.ID]; ok && now.Sub(last) < usedEvery && !now.Before(last) {
		return
	}
	if len(b.last) >= maxUsed {
		for id, at := range b.last {
			if now.Sub(at) >= usedEvery {
				delete(b.last, id)
			}
		}
		if len(b.last) >= maxUsed {
			b.cfg.Counters.Lost("uses", 1)
			return
		}
	}
	b.last[r.ID] = now
	r.Payload = nil
	r.LastAgent = cut(r.LastAgent)
	b.used[r.ID] = r
}

// Run writes what was recorded, about every second, and feeds the hooks, until
// the context ends; then it writes what is left, and returns.
func (b *Bus) Run(ctx context.Context) {
	end := b.feeds.begin(ctx, b)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			end()
			b.drain(context.WithoutCancel(ctx))
			return
		case <-b.news:
			b.feeds.nudge()
		case <-b.round:
		case <-b.wake:
			b.audit(ctx)
			b.flush(ctx)
		case <-tick.C:
			b.audit(ctx)
			b.flush(ctx)
			b.report()
		}
	}
}

// Alive returns once the loop of Run has come round; an error says that it has
// not before the context ended.
func (b *Bus) Alive(ctx context.Context) error {
	select {
	case b.round <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("what was recorded is not being written: %w", ctx.Err())
	}
}

// drain writes everything that is left; it gives up where a write fails.
func (b *Bus) drain(ctx context.Context) {
	b.audit(ctx)
	for b.flush(ctx) {
	}
	b.report()
}

// flush writes one batch, and tells whether there may be more. What could not
// be written stays queued: an outage of the store shorter than the queue loses
// nothing.
func (b *Bus) flush(ctx context.Context) bool {
	b.mu.Lock()
	n := min(len(b.tries), maxBatch)
	tries := slices.Clone(b.tries[:n])
	// What is on its way to the store is not added to any more.
	b.tries, b.alike, b.flying = slices.Clone(b.tries[n:]), map[account.Event]int{}, n
	used := make([]account.Record, 0, len(b.used))
	for _, r := range b.used {
		used = append(used, r)
	}
	b.used = map[string]account.Record{}
	b.mu.Unlock()
	if len(tries) == 0 && len(used) == 0 {
		return false
	}
	// The end of the daemon does not break off a write: it would be done twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := b.cfg.Journal.Log(ctx, tries, used)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying = 0
	if err != nil {
		b.tries, b.alike = append(tries, b.tries...), map[account.Event]int{}
		b.cfg.Log.Warn("tries could not be written, trying again", "error", err.Error(), "waiting", len(b.tries))
		for _, r := range used {
			if _, newer := b.used[r.ID]; !newer {
				b.used[r.ID] = r
			}
		}
		return false
	}
	if len(b.tries) >= maxBatch {
		signal(b.wake)
	}
	return len(b.tries) > 0
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // one signal is enough
	}
}

// verdictLevel keeps outages visible and refusals quiet.
func verdictLevel(e account.Event) slog.Level {
	switch {
	case e.Act == account.ActAlarm:
		return slog.LevelError
	case e.Act == account.ActCheck && e.Verdict == factor.Unavailable:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
