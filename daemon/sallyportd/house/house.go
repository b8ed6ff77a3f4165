// Package house builds every part of the daemon from its config, in one visible
// list, and stops them in reverse.
//
// It is wiring, not rules: it passes values from the config to the parts and
// parts to each other. It is a piece of the daemon's main, which alone may
// import it.
package house

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/metrics"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/sallyportd/clock"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/sallyportd/watch"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// plugins are the plugin processes as the house uses them.
type plugins interface {
	Info(kind string) factor.Info
	Factor(kind string) factor.Factor
	Hook(name string) hook.Hook
	Status() []pluginhost.Status
	Close() error
}

// House is every part of the running daemon.
type House struct {
	cfg     *config.Config
	log     *slog.Logger
	clock   *clock.Clock
	started time.Time
	version string

	metrics   *metrics.Metrics
	db        *sqlite.DB
	ring      *seal.Ring
	store     *sqlite.Store
	directory *directory.Directory
	plugins   plugins
	bus       *events.Bus
	throttle  *watch.Throttle
	engine    *check.Engine
	desk      *enroll.Desk
	visits    *visits.Visits
	// parts are the factors by the part that they play on the page.
	parts   struct{ Code, App, Recovery string }
	support *enroll.Support
	// text is what answers say to people.
	text func(account.Reason) account.Text

	// undo ends what was begun, last first.
	undo []func() error
	// failed hears of a part that ended by itself.
	failed chan error
}

// Open builds every part and lets it serve. If one part cannot be built, those
// that were are stopped again. ctx bounds the start, not the life.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger, version string) (*House, error) {
	h := &House{cfg: cfg, log: log, clock: clock.New(), version: version, failed: make(chan error, 8)}
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
		{"keys", h.buildKeys},
		{"directory", h.buildDirectory},
		{"plugins", h.buildPlugins},
		{"throttle", h.buildThrottle},
		{"events", h.buildEvents},
		{"engine", h.buildEngine},
		{"enrollment", h.buildEnrollment},
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
	if err := machine.OwnFolder(h.cfg.State); err != nil {
		return err
	}
	h.db, err = sqlite.Open(ctx, sqlite.Config{
		Path: h.cfg.Store, Now: h.clock.Now, Log: h.log, Observe: h.observeStore, Alarm: h.alarm,
	})
	if err != nil {
		return err
	}
	h.onStop(h.db.Close)
	return nil
}

// buildKeys opens the ring with the key-encryption key, and makes both for a
// state that has none yet.
func (h *House) buildKeys(ctx context.Context) error {
	kek, err := seal.LoadKEK(machine.KEK(h.cfg.KEK))
	if err != nil {
		return err
	}
	kept, err := h.db.Keysets(ctx)
	if errors.Is(err, account.ErrNotFound) {
		if h.ring, kept, err = seal.NewRing(kek, h.db.Instance()); err != nil {
			return err
		}
		if err := h.db.SaveKeysets(ctx, kept); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if h.ring, err = seal.OpenRing(kek, kept, h.db.Instance()); err != nil {
		return err
	}
	h.store = h.db.Store(h.ring)
	h.onStop(func() error { h.store.Close(); return nil })
	return nil
}

func (h *House) buildDirectory(context.Context) (err error) {
	d := h.cfg.Directory
	var password account.Secret
	if d.BindPasswordFile != "" {
		b, err := os.ReadFile(d.BindPasswordFile)
		if err != nil {
			return fmt.Errorf("reading bind_password_file: %w", err)
		}
		password = account.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	h.directory, err = directory.Open(directory.Config{
		Servers: d.Servers, StartTLS: d.StartTLS, CAFile: d.CAFile,
		BindDN: d.BindDN, BindPassword: password,
		Base: d.Base, Filter: d.Filter, AccountFilter: d.AccountFilter,
		IDAttribute: d.IDAttribute, NameAttribute: d.NameAttribute,
		DisplayNameAttribute: d.DisplayNameAttribute, MailAttribute: d.MailAttribute,
		GroupBase: d.GroupBase, GroupFilter: d.GroupFilter, GroupNameAttribute: d.GroupNameAttribute,
		Locked: d.Locked, LockoutDuration: d.LockoutDuration, DecoyDN: d.DecoyDN, AllowNames: d.AllowNames,
		FactTTL: d.FactTTL, MaxStale: d.MaxStale, Timeout: d.Timeout, Total: d.Total,
		CoolDown: d.CoolDown, PoolSize: d.PoolSize,
		Now: h.clock.Now, Log: h.log, Alarm: h.alarm, Observe: h.observeDirectory, ServerUp: h.metrics.DirectoryUp,
	})
	if err != nil {
		return err
	}
	h.onStop(h.directory.Close)
	return nil
}

func (h *House) buildPlugins(ctx context.Context) (err error) {
	var factors, hooks []pluginhost.Spec
	for _, f := range h.cfg.Factors {
		factors = append(factors, pluginhost.Spec{Kind: f.Kind, Path: f.Path, SHA256: f.SHA256, MTLS: f.MTLS, NoJail: !f.Jail, Timeout: f.Timeout, Settings: f.Settings})
	}
	for _, k := range h.cfg.Hooks {
		hooks = append(hooks, pluginhost.Spec{Kind: k.Name, Path: k.Path, SHA256: k.SHA256, MTLS: true, Timeout: k.Timeout, Addresses: k.Mail, Settings: k.Settings})
	}
	runDir := filepath.Join(h.cfg.State, "plugins")
	if err := os.MkdirAll(runDir, 0o700); err != nil {
		return fmt.Errorf("making the folder of the plugins' sockets: %w", err)
	}
	h.plugins, err = pluginhost.Start(ctx, pluginhost.Config{
		RunDir: runDir, Log: h.log, Setup: h.cfg.Setup(),
		Observe: h.observePlugin, Up: h.metrics.PluginUp, Restarted: h.metrics.PluginRestarted,
	}, factors, hooks)
	if err != nil {
		return err
	}
	h.onStop(h.plugins.Close)
	return nil
}

func (h *House) buildThrottle(context.Context) error {
	t := h.cfg.Throttle
	rules, err := throttle.New(throttle.Limits{
		SourcePerMinute: t.SourcePerMinute,
		FirstQuick:      t.FirstFactorQuick, FirstMaxWait: t.FirstFactorMaxWait, FirstPerHour: t.FirstFactorPerHour,
		SecondQuick: t.SecondFactorQuick, SecondPerDay: t.SecondFactorPerDay, SecondPerMonth: t.SecondFactorPerMonth,
	}, h.store, h.clock.Now)
	if err != nil {
		return err
	}
	h.throttle = watch.New(rules, h.metrics, h.log)
	return nil
}

func (h *House) buildEngine(context.Context) (err error) {
	cfg := check.Config{
		Directory: h.directory, Store: h.store, Throttle: h.throttle, Waits: h.throttle, Journal: h.bus,
		Clock: h.clock, Rand: rand.Reader, MAC: h.ring.MAC,
		MaxStale: max(0, h.cfg.Directory.MaxStale), Grid: h.cfg.Throttle.FailureGrid, Log: h.log,
	}
	for _, s := range h.cfg.Services {
		svc := check.Service{Name: s.Name, SingleFactor: s.SingleFactor, Config: s.Config}
		for _, w := range s.Accept {
			svc.Ways = append(svc.Ways, check.Way{Factors: w.Factors, Config: w.Config})
		}
		cfg.Services = append(cfg.Services, svc)
	}
	for _, f := range h.cfg.Factors {
		cfg.Factors = append(cfg.Factors, check.Factor{
			Info: h.plugins.Info(f.Kind), Plugin: h.plugins.Factor(f.Kind), Standalone: f.Standalone,
		})
	}
	for _, k := range h.cfg.Hooks {
		if !k.Before {
			continue
		}
		cfg.Hooks = append(cfg.Hooks, check.Hook{Name: k.Name, Hook: h.plugins.Hook(k.Name), AllowOnError: k.AllowOnError, Config: k.Config})
	}
	h.engine, err = check.New(cfg)
	return err
}

// buildEnrollment gives the page its three parts: the code app is the factor
// whose code can share a field with the password, app passwords are those of
// the factor that claims its inputs, and emergency codes are the remaining one
// that is used up.
func (h *House) buildEnrollment(context.Context) (err error) {
	cfg := enroll.Config{
		Store: h.store, Directory: h.directory, Throttle: h.throttle, Journal: h.bus,
		Factors: map[string]enroll.Factor{}, Issuer: h.cfg.Issuer,
		MAC: h.ring.MAC, Rand: rand.Reader, Now: h.clock.Now,
	}
	for _, f := range h.cfg.Factors {
		info := h.plugins.Info(f.Kind)
		cfg.Factors[f.Kind] = enroll.Factor{Info: info, Plugin: h.plugins.Factor(f.Kind), Settings: f.Settings}
		switch {
		case info.Claims && cfg.App == "":
			cfg.App = f.Kind
		case info.Digits > 0 && cfg.Code == "":
			cfg.Code = f.Kind
		case info.Guessable && info.MaxRecords == 1 && cfg.Recovery == "":
			cfg.Recovery = f.Kind
		}
	}
	for _, s := range h.cfg.Services {
		for _, w := range s.Accept {
			if len(w.Factors) == 1 && w.Factors[0] == cfg.App {
				cfg.AppServices = append(cfg.AppServices, s.Name)
			}
		}
	}
	cfg.CodesOpen = h.codesOpen(cfg.Recovery, cfg.Code)
	h.parts.Code, h.parts.App, h.parts.Recovery = cfg.Code, cfg.App, cfg.Recovery
	if cfg.Code == "" {
		return errors.New("no [[factor]] can be set up on the page: add kind = \"totp\"")
	}
	h.visits = visits.New(cfg)
	h.desk, h.support, err = enroll.New(cfg)
	return err
}

// codesOpen tells whether the page lets somebody in with an emergency code and
// without a phone.
func (h *House) codesOpen(recovery, code string) bool {
	return slices.ContainsFunc(h.cfg.Services, func(s config.Service) bool {
		return s.Name == h.cfg.Page.Service && slices.ContainsFunc(s.Accept, func(w config.Way) bool {
			return slices.Contains(w.Factors, recovery) && !slices.Contains(w.Factors, code)
		})
	})
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

// serve runs a server until the house stops, letting requests finish.
func (h *House) serve(what string, l net.Listener, s server) {
	go func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			h.failed <- fmt.Errorf("%s ended by itself: %w", what, err)
		}
	}()
	h.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), drainFor)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			return errors.Join(fmt.Errorf("draining %s: %w", what, err), s.Close())
		}
		return nil
	})
	h.log.Info("listening", "what", what, "address", l.Addr().String())
}

// activated are the sockets that systemd opened for us, if it did.
func activated() (*listen.Activation, error) {
	a, err := listen.Activated()
	if err != nil {
		return nil, fmt.Errorf("taking sockets from systemd: %w", err)
	}
	return a, nil
}
