// Package shift builds the parts of the daemon that a reload replaces: the way to
// the directory, the plugins, the engine, the page and what each front end
// answers with. They serve together as one shift: a new one is built beside it,
// takes over between two requests, and the old one goes home when it has answered
// what it had begun.
//
// It is wiring, not rules, and opens no socket: sockets, the store, the keys and
// what has been counted outlive every shift, and are lent to it as its Ground. It
// is a piece of the daemon's main; package house alone may import it.
package shift

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/daemon/metrics"
	"github.com/sallyport/sallyport/daemon/sallyportd/clock"
	"github.com/sallyport/sallyport/daemon/sallyportd/watch"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
)

// System is the house as its front ends ask about it.
type System interface {
	admin.System
	httpcheck.Health
}

// Ground is what outlives every shift.
type Ground struct {
	Log      *slog.Logger
	Clock    *clock.Clock
	Metrics  *metrics.Metrics
	Store    *sqlite.Store
	Ring     *seal.Ring
	Bus      *events.Bus
	Throttle *watch.Throttle
	System   System
	// Keeper copies the state and changes its keys.
	Keeper keeping.Keeper
	// Floor is the moment up to which every code counts as used.
	Floor time.Time
	// StandIns, if set, are there in place of plugin processes.
	StandIns Plugins
}

// Shift is one set of parts. What a config says of the front ends is looked up by
// the path of their socket.
type Shift struct {
	*Ground
	Config    *config.Config
	Directory *directory.Directory
	Plugins   Plugins
	Engine    *check.Engine
	Desk      *enroll.Desk
	Support   *enroll.Support
	// Roles are the factors by the part that they play on the page.
	Roles struct{ Code, App, Recovery string }
	// Page answers browsers; nil where the config has none.
	Page http.Handler
	// Cert is the page's certificate; nil where a proxy does TLS.
	Cert *tls.Certificate
	// Ends is when the certificates end that were read from files: "page",
	// "profile" and "directory_ca".
	Ends map[string]time.Time

	visits *visits.Visits
	// text is what answers say to people.
	text    func(account.Reason) account.Text
	http    map[string]http.Handler
	streams map[string]stream.Handler
	dovecot map[string]*dovecotauth.Front

	// parts are those that may go on to the next shift.
	parts []*part
	// users are the requests under way, and one more until it is retired.
	users atomic.Int64
	idle  chan struct{}
}

// Build makes a shift beside the former one, or beside none. Where a part cannot
// be built, those that were are ended again and the former goes on. ctx bounds
// the building, not the life.
func Build(ctx context.Context, cfg *config.Config, g *Ground, former *Shift) (_ *Shift, err error) {
	s := &Shift{Ground: g, Config: cfg, Ends: map[string]time.Time{}, idle: make(chan struct{})}
	s.users.Store(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end(former))
		}
	}()
	for _, step := range []struct {
		name  string
		build func(ctx context.Context, former *Shift) error
	}{
		{"directory", s.buildDirectory},
		{"plugins", s.buildPlugins},
		{"engine", s.buildEngine},
		{"enrollment", s.buildEnrollment},
		{"front ends", s.buildFrontEnds},
		{"page", s.buildPage},
	} {
		if err := step.build(ctx, former); err != nil {
			return nil, fmt.Errorf("starting the %s: %w", step.name, err)
		}
	}
	return s, nil
}

// Begin lets the shift speak for its plugins in the metrics; the one before is
// silent about those that it does not share from then on.
func (s *Shift) Begin(former *Shift) {
	if former != nil {
		for _, p := range former.parts {
			if !slices.Contains(s.parts, p) {
				p.silent.Store(true)
			}
		}
	}
	for _, p := range s.Plugins.Status() {
		s.Metrics.PluginUp(p.Kind, p.Up)
	}
}

// Hooks are those that hear of every act.
func (s *Shift) Hooks() (all []events.Named) {
	for _, k := range s.Config.Hooks {
		all = append(all, events.Named{Name: k.Name, Hook: s.Plugins.Hook(k.Name), Mail: k.Mail})
	}
	return all
}

// Retire ends the shift once the last request under way is answered and its
// hooks were told, or when the time is up. What the next shift uses goes on.
func (s *Shift) Retire(next *Shift, told <-chan struct{}, most time.Duration) error {
	s.leave()
	limit := time.NewTimer(most)
	defer limit.Stop()
	for _, done := range []<-chan struct{}{s.idle, told} {
		select {
		case <-done:
		case <-limit.C:
			s.Log.Warn("what was begun before the reload has not ended, and is cut", "after", most.String())
			return s.end(next)
		}
	}
	return s.end(next)
}

// Discard ends a shift that does not take over from the former one.
func (s *Shift) Discard(former *Shift) error { return s.end(former) }

// Close ends the shift at the end of the daemon.
func (s *Shift) Close() error { return s.end(nil) }

// end closes every part that the other shift does not use.
func (s *Shift) end(other *Shift) error {
	var all error
	for _, p := range slices.Backward(s.parts) {
		if other == nil || !slices.Contains(other.parts, p) {
			all = errors.Join(all, p.close())
		}
	}
	s.parts = nil
	return all
}

// hold counts one more user, unless the shift has gone home already.
func (s *Shift) hold() bool {
	for {
		n := s.users.Load()
		if n == 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *Shift) leave() {
	if s.users.Add(-1) == 0 {
		close(s.idle)
	}
}
