// Package house builds every part of the daemon from its config, in one visible
// list, and stops them in reverse.
//
// It is wiring, not rules: it passes values from the config to the parts and
// parts to each other. It is a piece of the daemon's main, which alone may
// import it.
package house

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/handed"
	"github.com/sallyport/sallyport/daemon/metrics"
	"github.com/sallyport/sallyport/daemon/sallyportd/anchors"
	"github.com/sallyport/sallyport/daemon/sallyportd/clock"
	"github.com/sallyport/sallyport/daemon/sallyportd/house/shift"
	"github.com/sallyport/sallyport/daemon/sallyportd/keeper"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/sallyportd/watch"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/retention"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// House is every part of the running daemon.
type House struct {
	// cfg is the config that is in force.
	cfg     atomic.Pointer[config.Config]
	log     *slog.Logger
	clock   *clock.Clock
	started time.Time
	version string

	metrics  *metrics.Metrics
	state    *state.State
	ring     *seal.Ring
	store    *sqlite.Store
	anchors  *anchors.Keeper
	bus      *events.Bus
	throttle *watch.Throttle
	// duty is the shift that answers: all parts that a reload replaces.
	duty   shift.Duty
	ground *shift.Ground
	// standIns, if set, are there in place of plugin processes.
	standIns shift.Plugins
	reloads  reloads
	sockets  map[string]net.Listener
	// given are the sockets of systemd that nobody has taken over yet.
	given  *handed.Sockets
	fronts []*front

	// undo ends what was begun, last first.
	undo []func() error
	// failed hears of a part that ended by itself.
	failed chan error
}

// Open builds every part and lets it serve. If one part cannot be built, those
// that were are stopped again. ctx bounds the start, not the life.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger, version string) (*House, error) {
	h := &House{log: log, clock: clock.New(), version: version, failed: make(chan error, 8)}
	h.cfg.Store(cfg)
	h.started = h.clock.Now()
	if err := h.build(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Failed delivers the error of a part that ended by itself.
func (h *House) Failed() <-chan error { return h.failed }

// build makes every part, in the order in which they need each other.
func (h *House) build(ctx context.Context) error {
	for _, part := range []struct {
		name  string
		build func(context.Context) error
	}{
		{"metrics", h.buildMetrics},
		{"store", h.buildStore},
		{"throttle", h.buildThrottle},
		{"events", h.buildEvents},
		{"first shift", h.buildShift},
		{"housekeeping", h.buildHousekeeping},
		{"front ends", h.buildFrontEnds},
		{"page", h.buildPage},
		{"metrics page", h.buildMetricsPage},
	} {
		if err := part.build(ctx); err != nil {
			return fmt.Errorf("starting the %s: %w", part.name, err)
		}
	}
	return nil
}

// Close ends every part in reverse, letting requests under way finish.
func (h *House) Close() error {
	var all error
	for i := len(h.undo) - 1; i >= 0; i-- {
		all = errors.Join(all, h.undo[i]())
	}
	h.undo = nil
	return all
}

func (h *House) onStop(f func() error) { h.undo = append(h.undo, f) }

func (h *House) buildStore(ctx context.Context) (err error) {
	if err := machine.OwnFolder(h.cfg.Load().State); err != nil {
		return err
	}
	cfg := h.cfg.Load()
	h.state, err = state.Open(ctx, state.Config{
		Path: cfg.Store, Journal: cfg.Journal, KEK: machine.KEK(cfg.KEK), Now: h.clock.Now, Log: h.log,
		Observe: h.observeStore, Alarm: h.alarm, Record: func(e account.Event) { h.bus.Record(e) },
		Retention: func() retention.Limits { return retention.Limits(h.cfg.Load().Retention) },
	})
	if err != nil {
		return err
	}
	h.onStop(h.state.Close)
	h.ring, h.store = h.state.Ring, h.state.Store
	h.anchors = &anchors.Keeper{Store: h.store, Folder: cfg.Journal, Now: h.clock.Now, Log: h.log, Alarm: h.alarm}
	h.onStop(h.anchors.Stop)
	return nil
}

func (h *House) buildThrottle(context.Context) error {
	rules, err := throttle.New(limits(h.cfg.Load().Throttle), h.store, h.clock.Now)
	if err != nil {
		return err
	}
	h.throttle = watch.New(rules, h.metrics, h.log)
	return nil
}

func limits(t config.Throttle) throttle.Limits {
	return throttle.Limits{
		SourcePerMinute: t.SourcePerMinute,
		FirstQuick:      t.FirstFactorQuick, FirstMaxWait: t.FirstFactorMaxWait, FirstPerHour: t.FirstFactorPerHour,
		SecondQuick: t.SecondFactorQuick, SecondPerDay: t.SecondFactorPerDay, SecondPerMonth: t.SecondFactorPerMonth,
	}
}

// buildShift builds the parts that a reload replaces.
func (h *House) buildShift(ctx context.Context) error {
	h.ground = &shift.Ground{
		Log: h.log, Clock: h.clock, Metrics: h.metrics, Store: h.store, Ring: h.ring, Bus: h.bus,
		Throttle: h.throttle, System: h, StandIns: h.standIns,
		Keeper: keeper.Keeper{State: h.state, Program: h.version}, Floor: h.state.Floor,
	}
	s, err := shift.Build(ctx, h.cfg.Load(), h.ground, nil)
	if err != nil {
		return err
	}
	h.onStop(h.endReloads)
	h.bus.Attend(s.Hooks(), s.Directory)
	h.duty.Change(s)
	return nil
}

// drainFor is how long requests that are under way may take at the end.
const drainFor = 10 * time.Second

// server is a front end on its way to a listener: an http.Server, or a
// stream.Server.
type server interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// front is a server on its socket.
type front struct {
	what   string
	socket net.Listener
	server server
	// ending says that its end is no accident.
	ending atomic.Bool
}

// serve runs a server until the house stops, letting requests finish.
func (h *House) serve(what string, l net.Listener, s server) {
	if len(h.fronts) == 0 {
		h.onStop(h.endFronts)
	}
	f := &front{what: what, socket: l, server: s}
	h.fronts = append(h.fronts, f)
	if web, ok := s.(*http.Server); ok {
		web.ConnState = listen.ConnState
	}
	go func() {
		if err := s.Serve(l); err != nil && !f.ending.Load() {
			h.failed <- fmt.Errorf("%s ended by itself: %w", what, err)
		}
	}()
	h.log.Info("listening", "what", what, "address", l.Addr().String())
}

// endFronts ends all of them at once: whoever comes meanwhile waits in a socket
// of systemd for the next daemon, and should not wait for one after the other.
func (h *House) endFronts() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	problems := make([]error, len(h.fronts))
	var all sync.WaitGroup
	for i, f := range h.fronts {
		all.Go(func() { problems[i] = f.end(ctx) })
	}
	all.Wait()
	return errors.Join(problems...)
}

func (f *front) end(ctx context.Context) error {
	f.ending.Store(true)
	if web, ok := f.server.(*http.Server); ok && f.socket.Addr().Network() == "tcp" {
		web.SetKeepAlivesEnabled(false)
	}
	err := listen.Drain(ctx, f.socket)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // Shutdown says it, too
	}
	if late := f.server.Shutdown(ctx); late != nil {
		return errors.Join(err, fmt.Errorf("draining %s: %w", f.what, late), f.server.Close())
	}
	return err
}
