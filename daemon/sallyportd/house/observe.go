package house

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/metrics"
)

const (
	// censusEvery is how often people and records are counted for monitoring;
	// counting reads every record.
	censusEvery = time.Minute
	// sweepEvery is how often what has had its time is removed.
	sweepEvery = time.Hour
)

func (h *House) buildMetrics(context.Context) error {
	h.metrics = metrics.New(h.labels(h.cfg.Load()))
	h.metrics.Reloaded(true, h.started)
	return nil
}

// labels are what the metrics know by name.
func (h *House) labels(cfg *config.Config) metrics.Build {
	b := metrics.Build{Version: h.version, Servers: len(cfg.Directory.Servers), Now: h.clock.Now}
	for _, s := range cfg.Services {
		b.Services = append(b.Services, s.Name)
	}
	for _, f := range cfg.Factors {
		b.Plugins = append(b.Plugins, f.Kind)
	}
	for _, k := range cfg.Hooks {
		b.Plugins = append(b.Plugins, k.Name)
	}
	return b
}

func (h *House) observeStore(op string, took time.Duration, err error) {
	if op == "commit" || op == "fail" {
		h.metrics.Took("store_commit", took.Seconds())
	}
	// Who was overtaken, or went away, has seen no fault of the store.
	if err != nil && op != "census" && !errors.Is(err, account.ErrConflict) && !errors.Is(err, account.ErrNotFound) && !errors.Is(err, context.Canceled) {
		h.metrics.StoreFailed(op)
	}
}

func (h *House) refusedPeer(frontEnd string) func(listen.Peer) {
	return func(p listen.Peer) {
		h.metrics.RefusedPeer(frontEnd)
		h.log.Warn("sent a peer away", "front_end", frontEnd, "uid", p.UID, "pid", p.PID)
	}
}

// buildHousekeeping counts and sweeps beside the work.
func (h *House) buildHousekeeping(ctx context.Context) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.keepHouse(ctx)
	}()
	h.onStop(func() error { stop(); <-done; return nil })
	return nil
}

func (h *House) keepHouse(ctx context.Context) {
	count, sweep := time.NewTicker(censusEvery), time.NewTicker(sweepEvery)
	defer count.Stop()
	defer sweep.Stop()
	h.anchors.Begin(ctx)
	h.census(ctx)
	sweeper := h.sweeper()
	failed := func(err error) {
		if err != nil && ctx.Err() == nil {
			h.log.Error("sweeping the store", "error", err)
		}
	}
	failed(sweeper.recall(ctx))
	for {
		select {
		case <-ctx.Done():
			return
		case <-count.C:
			h.throttle.Look()
			h.census(ctx)
		case <-sweep.C:
			failed(sweeper.sweep(ctx))
		}
	}
}

// sweeper makes the sweeper. What the daemon has seen tick is Go's monotonic
// clock, which no setting of the wall clock moves.
func (h *House) sweeper() *sweeper {
	begun := h.clock.Now()
	return &sweeper{
		store: h.state, now: h.clock.Now, safe: h.clock.Safe, log: h.log,
		ticked: func() time.Duration { return h.clock.Now().Sub(begun) },
	}
}

// census feeds the gauges. Asking the clock here also lets it notice a jump
// while nobody logs in.
func (h *House) census(ctx context.Context) {
	h.clock.Safe()
	c, err := h.store.Census(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.log.Error("counting for the metrics", "error", err)
		}
		return
	}
	g := metrics.Gauges{Subjects: c.Subjects, Sessions: c.Sessions, AuditHead: c.AuditHead, ClockSkew: h.clock.Skew()}
	h.upkeep(ctx, &g)
	h.anchors.Look(ctx, c.AuditHead)
	roles := h.duty.Now().Roles
	for kind, n := range c.Factors {
		switch kind {
		case roles.Code:
			g.Enrolled = n.Subjects
		case roles.App:
			g.AppPasswords = n.Records
		}
	}
	h.metrics.Set(g)
	h.metrics.Muster(h.clock.Now())
}

// upkeep adds what tells for how long all will go on.
func (h *House) upkeep(ctx context.Context, g *metrics.Gauges) {
	h.tellCertificates(ctx)
	cfg := h.cfg.Load()
	g.Counted = h.clock.Now()
	g.Deadline = nextDeadline(cfg.Policy, g.Counted)
	for _, file := range []string{cfg.Store, cfg.Store + "-wal"} {
		if st, err := os.Stat(file); err == nil {
			g.StoreBytes += st.Size()
		}
	}
	if g.AuditHead > 0 {
		if last, err := h.store.Events(ctx, g.AuditHead-1, 1); err == nil && len(last) > 0 {
			g.AuditLast = last[0].At
		}
	}
}

// tellCertificates says when those end that are in force.
func (h *House) tellCertificates(ctx context.Context) {
	now := h.duty.Now()
	ends := maps.Clone(now.Ends)
	for i, s := range now.Directory.Status(ctx) {
		ends["directory_"+strconv.Itoa(i)] = s.CertificateEnds
	}
	h.metrics.Certificates(ends)
}

// nextDeadline is the first one that is still to come, and zero where none is.
func nextDeadline(p policy.Policy, now time.Time) (next time.Time) {
	for _, l := range append(slices.Clone(p.Lines), p.Everybody) {
		if l.At(now) == policy.Grace && (next.IsZero() || l.From.Before(next)) {
			next = l.From
		}
	}
	return next
}

var _ events.Counters = (*metrics.Metrics)(nil)

// pseudonyms names people in the log. A few are remembered: the log names the
// same ones again and again.
type pseudonyms struct {
	mac   func(purpose string, data []byte) []byte
	mu    sync.Mutex
	known map[account.ID]string
}

// maxPseudonyms bounds the memory, to about 10 MB.
const maxPseudonyms = 1 << 16

func (p *pseudonyms) of(id account.ID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, ok := p.known[id]
	if !ok {
		name = hex.EncodeToString(p.mac("pseudonym", []byte(id))[:8])
		if len(p.known) >= maxPseudonyms {
			clear(p.known)
		}
		p.known[id] = name
	}
	return name
}

// alarm takes what the store and the directory say of things that should never
// happen. Neither is asked anything before the bus is there.
func (h *House) alarm(e account.Event) { h.bus.Record(e) }

// buildEvents starts the bus that every finished act goes through. Its hooks
// come with each shift.
func (h *House) buildEvents(ctx context.Context) error {
	cfg := events.Config{
		Log: h.log, Counters: h.metrics, Journal: h.store, Cursor: events.Files{Dir: h.cfg.Load().State}, Now: h.clock.Now,
		Pseudonym: (&pseudonyms{mac: h.ring.MAC, known: map[account.ID]string{}}).of,
	}
	h.bus = events.New(cfg)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.bus.Run(ctx)
	}()
	h.onStop(func() error { stop(); <-done; return nil })
	return nil
}
