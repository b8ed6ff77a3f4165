package house

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/plugins/factor"
)

// again reloads with a config that differs by this.
func (s *scene) again(change func(*config.Config)) error {
	next := *s.cfg
	change(&next)
	err := s.Reload(s.t.Context(), "/nowhere", &next)
	if err == nil {
		s.cfg = &next
	}
	return err
}

// What was learnt of passwords that the directory refused goes on, or a reload
// would send each of them to it once more; with another directory it does not.
func TestWhatTheDirectoryRefusedStaysRefused(t *testing.T) {
	s := newScene(t)
	first := s.duty.Now()
	s.must(s.again(func(c *config.Config) { c.Page.Operator = "another" }))
	second := s.duty.Now()
	if second == first || second.Directory != first.Directory || second.Engine.Memory != first.Engine.Memory {
		t.Error("the directory is the same, and what was learnt is gone")
	}
	s.must(s.again(func(c *config.Config) { c.Directory.Timeout = 2 * time.Second }))
	if third := s.duty.Now(); third.Directory == second.Directory || third.Engine.Memory == second.Engine.Memory {
		t.Error("what one directory has refused is held against another")
	}
}

// The file of the directory's authorities is read again where the config's text stays.
func TestAuthoritiesAreReadAgain(t *testing.T) {
	s := newScene(t)
	right, err := os.ReadFile(s.people.CAFile)
	s.must(err)
	another := httptest.NewTLSServer(http.NotFoundHandler())
	defer another.Close()
	wrong := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: another.Certificate().Raw})
	file := filepath.Join(t.TempDir(), "ca.pem")
	s.must(os.WriteFile(file, wrong, 0o600))
	s.must(s.again(func(c *config.Config) { c.Directory.Servers, c.Directory.CAFile = []string{s.people.TLSURL}, file }))
	if a := s.try("web", "alice", "wrong", ""); a.Reason != account.DirectoryUnavailable {
		t.Errorf("with another authority: %s", a.Reason)
	}
	s.must(os.WriteFile(file, right, 0o600))
	s.must(s.again(func(*config.Config) {}))
	if a := s.try("web", "alice", "wrong", ""); a.Reason != account.BadCredentials {
		t.Errorf("with the right one: %s", a.Reason)
	}
}

// A reload that cannot be done leaves the shift on duty, and the limits.
func TestAFailedReloadChangesNothing(t *testing.T) {
	s := newScene(t)
	app := s.enroll(s.person("alice"), "app-password", nil)
	duty := s.duty.Now()
	for name, change := range map[string]func(*config.Config){
		"a password file that is gone": func(c *config.Config) { c.Directory.BindPasswordFile = "/nowhere" },
		"a factor that nobody knows": func(c *config.Config) {
			c.Services = []config.Service{{Name: "web", Accept: []config.Way{{Factors: []string{"none"}}}}}
		},
		"no limit":            func(c *config.Config) { c.Throttle.SourcePerMinute = 0 },
		"a peer that is none": func(c *config.Config) { c.Listeners = []config.Listen{{Allow: []string{"nobody-here"}}} },
		"another issuer":      func(c *config.Config) { c.Issuer = "another" },
	} {
		if err := s.again(change); err == nil {
			t.Errorf("%s: taken over", name)
		}
		if s.duty.Now() != duty || s.House.cfg.Load() != s.cfg {
			t.Fatalf("%s: something has changed", name)
		}
		if a := s.try("dav", "alice", app, ""); a.Verdict != factor.Accept {
			t.Errorf("%s: alice is told %s", name, a.Reason)
		}
	}
}

// TestReloadsLeaveNothing: after many reloads, also at once, the last config is in
// force, and no goroutine is left of those before.
func TestReloadsLeaveNothing(t *testing.T) {
	s := newScene(t)
	s.must(s.again(func(c *config.Config) { c.Directory.PoolSize = 3 }))
	s.eventually("the first shift has gone home", s.gone)
	before := runtime.NumGoroutine()
	var reloads sync.WaitGroup
	for n := range 20 {
		next := *s.cfg
		next.Directory.PoolSize = 4 + n%3
		reloads.Go(func() {
			if err := s.Reload(t.Context(), "/nowhere", &next); err != nil {
				t.Error(err)
			}
		})
	}
	reloads.Wait()
	s.must(s.again(func(c *config.Config) { c.Directory.PoolSize = 3 }))
	if got := s.duty.Now().Config.Directory.PoolSize; got != 3 {
		t.Errorf("the last config has 3 connections, in force are %d", got)
	}
	s.eventually("all shifts but one have gone home", s.gone)
	s.eventually("their goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// gone tells whether no shift but the one on duty is there.
func (s *scene) gone() bool {
	s.reloads.mu.Lock()
	defer s.reloads.mu.Unlock()
	select {
	case <-s.reloads.retired:
		return true
	default:
		return false
	}
}

// The status says what became of the last reload, on one line.
func TestTheStatusTellsOfReloads(t *testing.T) {
	s := newScene(t)
	note := func() string {
		st, err := s.Status(t.Context())
		s.must(err)
		return fmt.Sprint(st.Config.OK, " ", st.Config.Note)
	}
	if got := note(); got != "true " {
		t.Errorf("before the first: %q", got)
	}
	s.Reloaded(errors.New("one\ntwo\nthree"))
	at := s.reloads.at.Format("15:04")
	if got := note(); got != "false reload at "+at+" refused: one (and 2 more, see the log)" {
		t.Errorf("after a bad one: %q", got)
	}
	s.Reloaded(nil)
	if got := note(); got != "true reloaded at "+s.reloads.at.Format("15:04") {
		t.Errorf("after a good one: %q", got)
	}
}
