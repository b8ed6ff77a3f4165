package check_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// faulty fails at one kind of call, and notes all of them in order.
type faulty struct {
	keeper
	mu    sync.Mutex
	where string
	err   error
	calls []string
}

func (f *faulty) fail(where string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.where, f.err = where, err
}

func (f *faulty) at(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if f.where == call {
		return f.err
	}
	return nil
}

func (f *faulty) Load(ctx context.Context, id account.ID, kinds ...string) (account.Snapshot, error) {
	if err := f.at("load"); err != nil {
		return account.Snapshot{}, err
	}
	return f.keeper.Load(ctx, id, kinds...)
}

func (f *faulty) LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error) {
	if err := f.at("load"); err != nil {
		return account.Snapshot{}, err
	}
	return f.keeper.LoadOne(ctx, id, record)
}

func (f *faulty) Commit(ctx context.Context, c account.Change) error {
	if err := f.at("commit"); err != nil {
		return err
	}
	return f.keeper.Commit(ctx, c)
}

func (f *faulty) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	if err := f.at("token"); err != nil {
		return account.Token{}, err
	}
	return f.keeper.Token(ctx, ref)
}

func (f *faulty) Fail(ctx context.Context, t account.Try) (int64, time.Duration, error) {
	if err := f.at("fail"); err != nil {
		return 0, 0, err
	}
	return f.keeper.Fail(ctx, t)
}

// Fail open, the first of what must never happen: an outage at any point is an
// outage, for members and strangers alike, no yes and never a wrong password;
// and it is never counted.
func TestNeverTellsAnOutageAsAWrongPassword(t *testing.T) {
	store := func(where string) func(*scene, *crooked) {
		return func(s *scene, _ *crooked) { s.store.(*faulty).fail(where, errOutage) }
	}
	find := func(s *scene, _ *crooked) { s.people.findErr = errOutage }
	bind := func(s *scene, _ *crooked) { s.people.bindErr = errOutage }
	plugin := func(_ *scene, c *crooked) { c.say(factor.Result{}, errOutage) }
	silent := func(_ *scene, c *crooked) { c.say(factor.Result{}, nil) }
	mad := func(_ *scene, c *crooked) { c.say(factor.Result{Verdict: 7}, nil) }
	clock := func(s *scene, _ *crooked) { s.clock.unsafe = true }
	for _, c := range []struct {
		name, service string
		who           string
		app           bool
		fault         func(*scene, *crooked)
		want          account.Reason
	}{
		{"find", "web", "alice", false, find, account.DirectoryUnavailable},
		{"find", "dav", "alice", true, find, account.DirectoryUnavailable},
		{"bind", "web", "alice", false, bind, account.DirectoryUnavailable},
		{"decoy", "web", "nobody", false, bind, account.DirectoryUnavailable},
		{"load", "web", "alice", false, store("load"), account.StoreUnavailable},
		{"load", "dav", "alice", true, store("load"), account.StoreUnavailable},
		{"load", "dav", "nobody", true, store("load"), account.StoreUnavailable},
		{"fail", "web", "alice", false, store("fail"), account.StoreUnavailable},
		{"fail", "web", "nobody", false, store("fail"), account.StoreUnavailable},
		{"token", "web", "alice", false, store("token"), account.StoreUnavailable},
		{"token", "web", "nobody", false, store("token"), account.StoreUnavailable},
		{"commit", "web", "alice", false, store("commit"), account.StoreUnavailable},
		{"commit", "plain", "alice", false, store("commit"), account.StoreUnavailable},
		{"plugin", "web", "alice", false, plugin, account.PluginUnavailable},
		{"plugin", "dav", "alice", true, plugin, account.PluginUnavailable},
		{"plugin", "dav", "nobody", true, plugin, account.PluginUnavailable},
		{"plugin on web", "web", "nobody", true, plugin, account.PluginUnavailable},
		{"silent plugin", "web", "alice", false, silent, account.PluginUnavailable},
		{"mad plugin", "dav", "alice", true, mad, account.PluginUnavailable},
		{"clock", "web", "alice", false, clock, account.ClockUnsafe},
	} {
		t.Run(c.name+" "+c.service+" "+c.who, func(t *testing.T) {
			code, app := &crooked{Factor: totp.Factor{}}, &crooked{Factor: apppassword.Factor{}}
			s := newScene(t, func(s *scene) {
				s.store = &faulty{keeper: s.real}
				s.cfg.Factors[0].Plugin, s.cfg.Factors[2].Plugin = code, app
			})
			_, key := s.enroll("alice", totp.Factor{}, nil)
			_, password := s.enroll("alice", apppassword.Factor{}, nil)
			typed, broken := account.Secret("alice-password"), code
			if c.app {
				typed, broken = account.Secret(password), app
			}
			c.fault(s, broken)
			for range 30 { // more than any budget
				ans := s.try(c.service, c.who, typed, s.code(key))
				if ans.Verdict != factor.Unavailable || ans.Reason != c.want || ans.RetryAfter <= 0 {
					t.Fatalf("got %s %s %s", ans.Verdict, ans.Reason, ans.RetryAfter)
				}
				if c.name == "commit" { // what was counted cannot be taken back while the store is away
					break
				}
			}
			s.store.(*faulty).fail("", nil)
			s.people.findErr, s.people.bindErr, s.clock.unsafe = nil, nil, false
			broken.say(factor.Result{}, nil)
			broken.honest = true
			if c.app {
				c.service = "dav"
			}
			want(t, s.try(c.service, "alice", typed, s.code(key)), factor.Accept, account.OK)
			if len(s.clock.waited) > 0 {
				t.Error("an outage was held back like a refusal")
			}
		})
	}
}

// A plugin that goes away after the try was counted gives it back.
func TestAnOutageNeverCounts(t *testing.T) {
	code := &crooked{Factor: totp.Factor{}}
	s := newScene(t, func(s *scene) { s.cfg.Factors[0].Plugin = code })
	s.enroll("alice", totp.Factor{}, nil)
	code.say(factor.Result{}, errOutage)
	for range 50 {
		want(t, s.try("web", "alice", "alice-password", "123456"), factor.Unavailable, account.PluginUnavailable)
	}
	for _, kind := range []string{"", "totp"} {
		wait, tries, err := s.throttle.Wait(context.Background(), "id-alice", kind)
		if wait != 0 || tries != 0 || err != nil {
			t.Errorf("%q: %s, %d tries, %v", kind, wait, tries, err)
		}
	}
}

// Somebody who always writes first makes the verdict unavailable, not wrong,
// and the right code is not counted.
func TestAConflictStormIsAnOutage(t *testing.T) {
	s := newScene(t, func(s *scene) { s.store = &storm{keeper: s.real} })
	_, key := s.enroll("alice", totp.Factor{}, nil)
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Unavailable, account.StoreUnavailable)
	if got := s.store.(*storm).lost; got != 3 {
		t.Errorf("was tried %d times, want 3", got)
	}
	_, tries, err := s.throttle.Wait(context.Background(), "id-alice", "totp")
	if tries != 0 || err != nil {
		t.Errorf("%d tries stay counted, %v", tries, err)
	}
}

// storm lets every change of records lose.
type storm struct {
	keeper
	lost int
}

func (s *storm) Commit(ctx context.Context, c account.Change) error {
	if len(c.Put) > 0 {
		s.lost++
		return account.ErrConflict
	}
	return s.keeper.Commit(ctx, c)
}

// crooked is a factor that says what the test tells it to.
type crooked struct {
	factor.Factor
	mu     sync.Mutex
	result *factor.Result
	err    error
	honest bool
	asked  []string
	during func()
}

func (c *crooked) say(r factor.Result, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result, c.err, c.honest = &r, err, false
}

func (c *crooked) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Input)
	result, err, during := c.result, c.err, c.during
	if c.honest {
		result = nil
	}
	c.mu.Unlock()
	if during != nil {
		during()
	}
	if result == nil {
		return c.Factor.Verify(ctx, r)
	}
	return *result, err
}

var _ check.Store = (*faulty)(nil)
