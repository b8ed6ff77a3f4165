package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost/child"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// DefaultTimeout bounds a call where the Spec does not.
const DefaultTimeout = 300 * time.Millisecond

// ErrDown means that the plugin's process is not there right now. The host is
// restarting it; the verdict is unavailable.
var ErrDown = errors.New("the plugin is down")

// Spec is one plugin as the config names it.
type Spec struct {
	// Kind must equal the Info.Kind of a factor; for a hook it is its name.
	Kind string
	// Path is absolute, see the package doc for who may own what on it.
	Path string
	// SHA256 is the expected hash of the file in hex, or empty.
	SHA256 string
	// MTLS authenticates both ends to each other with certificates made for
	// this one process.
	MTLS bool
	// NoJail lets a factor without network run outside a jail; else one that
	// does not say that it is in its jail is not started. Hooks have none.
	NoJail bool
	// Timeout bounds each call; 0 means DefaultTimeout. A new record may take
	// ten times as long, and what a hook does after an act a minute.
	Timeout time.Duration
	// Addresses says that a hook will be told mail addresses.
	Addresses bool
	// Settings are given to every Enroll of the factor, and to a hook at each
	// start. A factor has to make a record with them before Start is done.
	Settings map[string]string
}

// Config is what all plugins share. RunDir and Log are required.
type Config struct {
	// RunDir is an existing directory that only the daemon's user writes to;
	// sockets live in a directory of mode 0700 below it.
	RunDir string
	Log    *slog.Logger
	// Setup is what every hook is told at its start, beside its settings.
	Setup hook.Setup
	// Floor is passed on with every question to a factor (factor.Request.Floor).
	Floor time.Time
	// Observe, if set, hears of every call: its kind or hook name, "enroll",
	// "verify", "before" or "after", how long it took, and its error.
	Observe func(kind, call string, took time.Duration, err error)
	// Up, if set, hears when a plugin becomes usable or stops being so.
	Up func(kind string, up bool)
	// Restarted, if set, hears of every time a dead plugin is back.
	Restarted func(kind string)
}

// Status is one plugin as the support tool shows it.
type Status struct {
	Kind     string
	Hook     bool
	PID      int // 0 while down
	Up       bool
	Jailed   bool // false for a hook, and for a factor that needs the network
	Restarts int
	// Since is when the present state began.
	Since time.Time
	// Problem says in one line why the plugin is down, or is empty.
	Problem string
}

// Host is a set of running plugins. Its methods may be called from anywhere.
type Host struct {
	factors map[string]*supervisor
	hooks   map[string]*supervisor
	order   []*supervisor
	stop    context.CancelFunc
	work    sync.WaitGroup
	launch  *child.Launcher
	dir     *runDir
	once    sync.Once
	err     error
}

// Start starts all plugins, or none: if one fails, those that run are ended
// and the error names the plugin. ctx bounds the start, not the life.
func Start(ctx context.Context, cfg Config, specs, hooks []Spec) (_ *Host, err error) {
	cfg = cfg.filled()
	if err := checkPaths(cfg.RunDir, specs, hooks); err != nil {
		return nil, err
	}
	dir, err := claimRunDir(cfg.RunDir)
	if err != nil {
		return nil, fmt.Errorf("preparing the directory of the plugin sockets: %w", err)
	}
	life, stop := context.WithCancel(context.Background())
	h := &Host{
		factors: make(map[string]*supervisor),
		hooks:   make(map[string]*supervisor),
		stop:    stop,
		launch:  child.NewLauncher(),
		dir:     dir,
	}
	defer func() {
		if err != nil {
			_ = h.Close()
		}
	}()
	for _, s := range specs {
		if err := h.add(cfg, s, false); err != nil {
			return nil, err
		}
	}
	for _, s := range hooks {
		if err := h.add(cfg, s, true); err != nil {
			return nil, err
		}
	}
	// One after the other, so that an error is about the first that fails.
	for _, s := range h.order {
		err := s.start(ctx)
		if err == nil && !s.isHook && len(s.spec.Settings) > 0 && !s.info.Network {
			err = trial.Record(ctx, guardedFactor{s}, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("starting plugin %s: %w", s.spec.Kind, err)
		}
	}
	for _, s := range h.order {
		h.work.Go(func() { s.supervise(life) })
	}
	return h, nil
}

func (c Config) filled() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration, error) {}
	}
	if c.Up == nil {
		c.Up = func(string, bool) {}
	}
	if c.Restarted == nil {
		c.Restarted = func(string) {}
	}
	return c
}

func (h *Host) add(cfg Config, s Spec, isHook bool) error {
	into := h.factors
	if isHook {
		into = h.hooks
	}
	if s.Kind == "" || into[s.Kind] != nil {
		return fmt.Errorf("plugin %q is named twice or not at all", s.Kind)
	}
	if s.Timeout <= 0 {
		s.Timeout = DefaultTimeout
	}
	sup := newSupervisor(cfg, s, isHook)
	sup.launch, sup.dir = h.launch, h.dir.path
	into[s.Kind] = sup
	h.order = append(h.order, sup)
	return nil
}

// Factor returns the factor of that kind, or nil if none was given to Start.
// It stays valid over restarts; while the process is down its calls return
// ErrDown at once.
func (h *Host) Factor(kind string) factor.Factor {
	if s := h.factors[kind]; s != nil {
		return &guardedFactor{s}
	}
	return nil
}

// Info returns what the factor of that kind says of itself; the zero Info if
// there is none. It asks nobody: the answer cannot change while the Host runs.
func (h *Host) Info(kind string) factor.Info {
	if s := h.factors[kind]; s != nil {
		return s.info
	}
	return factor.Info{}
}

// Hook returns the hook of that name, or nil if none was given to Start. It
// stays valid over restarts, as a Factor does.
func (h *Host) Hook(name string) hook.Hook {
	if s := h.hooks[name]; s != nil {
		return &guardedHook{s}
	}
	return nil
}

// Status tells of every plugin, in the order of the config.
func (h *Host) Status() []Status {
	out := make([]Status, 0, len(h.order))
	for _, s := range h.order {
		out = append(out, s.status())
	}
	return out
}

// Close ends all plugins and removes what they left. Calls in flight fail.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.stop()
		h.work.Wait()
		for _, s := range h.order {
			s.end()
		}
		h.launch.Close()
		h.err = h.dir.release()
	})
	return h.err
}
