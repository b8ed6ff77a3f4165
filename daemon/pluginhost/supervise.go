package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost/child"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// startLimit bounds one start, until the plugin has said what it is.
	startLimit = 10 * time.Second
	// A plugin that had lived this long is started again at once; the pause
	// before each further start doubles, up to the served pause for one that
	// answered before it died, up to the crash pause for one that came up, and
	// up to the fault pause for one that does not.
	healthyLife = 5 * time.Second
	firstPause  = 20 * time.Millisecond
	servedPause = 40 * time.Millisecond
	crashPause  = 320 * time.Millisecond
	faultPause  = 10 * time.Second
	// A process that let this many calls in a row pass without any sign of
	// life, over at least so many timeouts, is killed.
	missLimit    = 3
	missTimeouts = 2
)

var errChanged = errors.New("the plugin no longer says of itself what it said when the daemon started; " +
	"restart the daemon to use the new one")

var errNoJail = errors.New("the plugin does not say that it is in a jail; " +
	"where it cannot be, `jail = false` in its [[factor]] runs it without one")

// supervisor keeps one plugin running.
type supervisor struct {
	cfg    Config
	spec   Spec
	isHook bool
	launch *child.Launcher
	dir    string
	info   factor.Info // set by the first start, then constant

	// running is nil while the plugin is down. Every call reads it.
	running atomic.Pointer[process]

	mu       sync.Mutex
	restarts int
	since    time.Time
	problem  string
}

func newSupervisor(cfg Config, spec Spec, isHook bool) *supervisor {
	return &supervisor{cfg: cfg, spec: spec, isHook: isHook, since: time.Now()}
}

// start brings the plugin up, asks it what it is, and makes it usable.
func (s *supervisor) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	p, err := launch(ctx, s)
	if err != nil {
		return err
	}
	if err := s.accept(ctx, p); err != nil {
		p.bury()
		return err
	}
	if !s.isHook && !p.jailed() {
		s.cfg.Log.Warn("plugin runs without a jail", "plugin", s.spec.Kind, "needs_network", s.info.Network)
	}
	s.running.Store(p)
	s.note("")
	s.cfg.Up(s.spec.Kind, true)
	return nil
}

// accept holds the plugin to its kind, and to what it said the first time.
func (s *supervisor) accept(ctx context.Context, p *process) error {
	if s.isHook {
		setup := s.cfg.Setup
		setup.Settings, setup.Addresses = s.spec.Settings, s.spec.Addresses
		return p.hook.Ready(ctx, setup)
	}
	info, err := p.factor.Info(ctx)
	if err != nil {
		return fmt.Errorf("asking the plugin what it is: %w", err)
	}
	if info.Kind != s.spec.Kind {
		return fmt.Errorf("%s is a plugin of kind %q, not %q", s.spec.Path, info.Kind, s.spec.Kind)
	}
	// A factor that needs the network says so, and is known by it; every other
	// is in its jail, unless the config has it otherwise.
	if !p.factor.Jailed() && !info.Network && !s.spec.NoJail {
		return errNoJail
	}
	if s.info.Kind == "" {
		s.info = info
	}
	if info != s.info {
		return errChanged
	}
	return nil
}

// jailed tells whether the process said that it is.
func (p *process) jailed() bool { return p.factor != nil && p.factor.Jailed() }

// supervise restarts the plugin whenever it ends, until the Host is closed.
func (s *supervisor) supervise(life context.Context) {
	pause := time.Duration(0)
	for {
		p := s.running.Load()
		select {
		case <-p.Exited():
		case <-life.Done():
			return
		}
		lived := time.Since(p.born)
		s.down(p, fmt.Sprintf("the process ended after %s: %s", lived.Round(time.Millisecond), p.Obituary()))
		switch {
		case lived >= healthyLife:
			pause = 0
		case p.answers.Load() > 0:
			pause = min(pause, servedPause)
		}
		for most := crashPause; ; most = faultPause {
			if !sleep(life, pause) {
				return
			}
			pause = min(max(2*pause, firstPause), most)
			err := s.start(life)
			if err == nil {
				break
			}
			if life.Err() != nil {
				return
			}
			s.note(err.Error())
			s.cfg.Log.Error("plugin does not start", "plugin", s.spec.Kind, "error", err)
		}
		pause = min(pause, crashPause)
		s.mu.Lock()
		s.restarts++
		s.mu.Unlock()
		s.cfg.Log.Info("plugin is back", "plugin", s.spec.Kind, "pid", s.running.Load().PID())
		s.cfg.Restarted(s.spec.Kind)
	}
}

// down makes the plugin unusable and clears away what is left of it.
func (s *supervisor) down(p *process, problem string) {
	s.running.Store(nil)
	s.note(problem)
	s.cfg.Up(s.spec.Kind, false)
	s.cfg.Log.Error("plugin is down", "plugin", s.spec.Kind, "pid", p.PID(), "error", problem)
	p.bury()
}

// end is for Close, when nobody supervises any more.
func (s *supervisor) end() {
	if p := s.running.Swap(nil); p != nil {
		s.cfg.Up(s.spec.Kind, false)
		p.bury()
	}
}

// note records the state that begins now; a problem means down.
func (s *supervisor) note(problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (problem == "") != (s.problem == "") || s.since.IsZero() {
		s.since = time.Now()
	}
	s.problem = problem
}

func (s *supervisor) status() Status {
	out := Status{Kind: s.spec.Kind, Hook: s.isHook}
	if p := s.running.Load(); p != nil {
		out.PID, out.Up, out.Jailed = p.PID(), true, p.jailed()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Restarts, out.Since, out.Problem = s.restarts, s.since, s.problem
	return out
}

// missed is told of every call that got no answer, and kills a process that
// has shown no sign of life for too long. The supervisor does the rest.
func (s *supervisor) missed(p *process) {
	signs := p.answers.Load()
	if p.factor != nil {
		signs += p.factor.Replies() // also those that came too late
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.misses == 0 || signs != p.signsThen {
		p.misses, p.signsThen, p.missedSince = 0, signs, time.Now()
	}
	p.misses++
	if p.misses >= missLimit && time.Since(p.missedSince) >= missTimeouts*s.spec.Timeout {
		s.cfg.Log.Error("plugin does not answer and is killed", "plugin", s.spec.Kind, "pid", p.PID())
		p.End()
	}
}

// sleep waits, and reports whether life goes on.
func sleep(life context.Context, d time.Duration) bool {
	if d <= 0 {
		return life.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-life.Done():
		return false
	}
}
