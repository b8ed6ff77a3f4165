package check_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

func TestRule01OneDoorForEveryFrontEnd(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	ans := s.try("web", "alice", "alice-password", s.code(key))
	want(t, ans, factor.Accept, account.OK)
	if ans.Subject.ID != "id-alice" || len(ans.Factors) != 2 {
		t.Errorf("the answer says %+v", ans)
	}
	e := s.journal.last()
	if e.Act != account.ActCheck || e.Verdict != factor.Accept || e.Name != "alice" || e.FrontEnd != "test" || e.Factor != "totp" {
		t.Errorf("the event says %+v", e)
	}
	audit, err := s.real.Events(context.Background(), 0, 10)
	if err != nil || len(audit) != 2 || audit[0].Reason != account.OK || audit[1].Act != account.ActNewNetwork {
		t.Errorf("the audit has %v, %v", audit, err)
	}
	want(t, s.try("nowhere", "alice", "alice-password", "1"), factor.Deny, account.NotAllowed)
}

func TestRule02SilenceMeansNo(t *testing.T) {
	var zero account.Answer
	if zero.Verdict == factor.Accept {
		t.Fatal("an empty answer lets somebody in")
	}
	s := newScene(t, nil)
	for _, a := range []account.Attempt{
		{Service: "web"}, {Service: "web", Name: "alice"}, {Service: "web", Password: "x"},
		{Service: "plain", Name: "alice"}, {Service: "dav", Name: "alice", Code: "123456"},
	} {
		want(t, s.engine.Check(context.Background(), a), factor.Deny, account.BadCredentials)
	}
	if len(s.people.bound)+len(s.people.decoys) > 0 {
		t.Error("an empty password reached the directory")
	}
	long := account.Secret(strings.Repeat("x", 1025))
	for _, a := range []account.Attempt{
		{Service: "web", Name: "alice", Password: long}, {Service: "web", Name: "alice", Password: "x", Code: long},
		{Service: "web", Name: strings.Repeat("n", 257), Password: "x"}, {Service: "web", Ticket: long},
	} {
		want(t, s.engine.Check(context.Background(), a), factor.Deny, account.Malformed)
	}
}

func TestRule03ServicesThatAreRefusedAtLoad(t *testing.T) {
	base := newScene(t, nil).cfg
	one := func(ways ...check.Way) []check.Service { return []check.Service{{Name: "s", Ways: ways}} }
	way := func(f ...string) check.Way { return check.Way{Factors: f} }
	kind := func(edit func(*check.Factor)) func(*check.Config) {
		return func(c *check.Config) {
			f := c.Factors[0]
			edit(&f)
			c.Factors = []check.Factor{f, c.Factors[1], c.Factors[2]}
		}
	}
	for name, edit := range map[string]func(*check.Config){
		"no way":                   func(c *check.Config) { c.Services = one() },
		"empty way":                func(c *check.Config) { c.Services = one(way()) },
		"unknown factor":           func(c *check.Config) { c.Services = one(way("sms", "directory")) },
		"factor twice":             func(c *check.Config) { c.Services = one(way("totp", "totp")) },
		"password alone":           func(c *check.Config) { c.Services = one(way("directory")) },
		"code alone":               func(c *check.Config) { c.Services = one(way("totp")) },
		"app password + directory": func(c *check.Config) { c.Services = one(way("app-password", "directory")) },
		"app password + code":      func(c *check.Config) { c.Services = one(way("app-password", "totp")) },
		"codes beside directory":   func(c *check.Config) { c.Services = one(way("totp", "recovery"), way("totp", "directory")) },
		"service twice":            func(c *check.Config) { c.Services = append(one(way("app-password")), one(way("app-password"))...) },
		"factor named directory":   kind(func(f *check.Factor) { f.Info.Kind = "directory" }),
		"factor without a name":    kind(func(f *check.Factor) { f.Info.Kind = "" }),
		"kind twice":               kind(func(f *check.Factor) { f.Info.Kind = "recovery" }),
		"broken shape":             kind(func(f *check.Factor) { f.Info.Shape = "(" }),
		"negative digits":          kind(func(f *check.Factor) { f.Info.Digits = -1 }),
		"no plugin":                kind(func(f *check.Factor) { f.Plugin = nil }),
		"guessable claim":          kind(func(f *check.Factor) { f.Info.Claims = true }),
		"no grid":                  func(c *check.Config) { c.Grid = 0 },
		"negative max_stale":       func(c *check.Config) { c.MaxStale = -1 },
		"no store":                 func(c *check.Config) { c.Store = nil },
		"no mac":                   func(c *check.Config) { c.MAC = nil },
		"no log":                   func(c *check.Config) { c.Log = nil },
	} {
		cfg := base
		edit(&cfg)
		if _, err := check.New(cfg); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if _, err := check.New(base); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestRule03AnyWayIsAYesAndTheirOrderMeansNothing(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	_, sheet := s.enroll("alice", recovery.New(), nil)
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
	want(t, s.try("web", "alice", "alice-password", account.Secret(strings.Split(sheet, "\n")[3])), factor.Accept, account.OK)
	want(t, s.try("plain", "alice", "alice-password", ""), factor.Accept, account.OK)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("mail", "alice", account.Secret(app), ""), factor.Accept, account.OK)
}

func TestRule04FitnessIsAskedFirst(t *testing.T) {
	s := newScene(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	for fit, v := range map[account.Fitness]factor.Verdict{
		account.Fit: factor.Accept, account.Disabled: factor.Deny, account.Locked: factor.Deny, account.Unknown: factor.Unavailable,
	} {
		s.person("alice", fit)
		if got := s.try("dav", "alice", account.Secret(app), ""); got.Verdict != v {
			t.Errorf("app password, fitness %d: %s", fit, got.Verdict)
		}
		s.clock.move(30 * time.Second)
		if got := s.try("web", "alice", "alice-password", s.code(key)); got.Verdict != v {
			t.Errorf("password and code, fitness %d: %s", fit, got.Verdict)
		}
		if got := s.try("plain", "alice", "alice-password", ""); got.Verdict != v {
			t.Errorf("password, fitness %d: %s", fit, got.Verdict)
		}
	}
	if len(s.journal.used) != 1 {
		t.Errorf("%d uses were noted, only the one that got in counts", len(s.journal.used))
	}
}

func TestRule04OldFactsServeAppPasswordsForMaxStale(t *testing.T) {
	s := newScene(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	s.clock.move(15 * time.Minute)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	s.clock.move(time.Second)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Unavailable, account.DirectoryUnavailable)
	s.fresh()
	s.clock.move(-6 * time.Minute) // a fact from the future tells nothing
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Unavailable, account.DirectoryUnavailable)
	// They serve nothing else: not codes alone, nor a code behind a password that
	// was right a while ago.
	_, key := s.enroll("alice", totp.Factor{}, nil)
	s.fresh()
	ticket := s.ticket("alice")
	s.clock.move(4 * time.Minute)
	s.people.mu.Lock()
	f := s.people.facts["alice"]
	f.AsOf = s.clock.Now().Add(-5*time.Minute - 1)
	s.people.facts["alice"] = f
	s.people.mu.Unlock()
	want(t, s.try("door", "alice", s.code(key), ""), factor.Unavailable, account.DirectoryUnavailable)
	want(t, s.try("plain", "alice", "alice-password", ""), factor.Unavailable, account.DirectoryUnavailable)
	want(t, s.engine.Check(context.Background(), account.Attempt{Service: "web", Ticket: ticket, Code: s.code(key), Client: home()}),
		factor.Unavailable, account.DirectoryUnavailable)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
	strict := newScene(t, func(s *scene) { s.cfg.MaxStale = 0 })
	_, app = strict.enroll("alice", apppassword.Factor{}, nil)
	strict.clock.move(time.Minute) // a cached fact is no stale one
	want(t, strict.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
}

func TestRule05NoVerdictIsRemembered(t *testing.T) {
	s := newScene(t, nil)
	r, app := s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	r.Revoked = s.clock.Now()
	s.put(r)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.AppPasswordRevoked)
	r.Revoked, r.Expires = time.Time{}, s.clock.Now().Add(time.Minute)
	s.put(r)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	s.clock.move(time.Minute)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.AppPasswordExpired)
	r.Expires, r.Pending = time.Time{}, true
	s.put(r)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.BadCredentials)
}

// And they meet alike for somebody and for nobody: who waits for which spelling
// must not tell whether there is such a person.
func TestRule06AllSpellingsMeetInOneBucket(t *testing.T) {
	s := newScene(t, nil)
	for _, name := range []string{"alice", "nobody"} {
		var last account.Answer
		for _, spelling := range []string{name, strings.ToUpper(name[:1]) + name[1:], strings.ToUpper(name), name} {
			last = s.try("web", spelling, account.Secret("wrong "+spelling+string(last.Reason)), "")
		}
		want(t, last, factor.Deny, account.Throttled)
		for _, odd := range []string{" " + name, name + " "} { // not a name, and so not theirs
			want(t, s.try("web", odd, "wrong", ""), factor.Deny, account.UnknownUser)
		}
	}
}

func TestRule06ARecycledNameGetsNothing(t *testing.T) {
	s := newScene(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	f := s.people.facts["alice"]
	s.people.facts["alicia"] = f // renamed: keeps all
	f.ID = "id-other"
	s.people.facts["alice"] = f
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.BadCredentials)
	want(t, s.try("dav", "alicia", account.Secret(app), ""), factor.Accept, account.OK)
}

func TestRule09WriteFirstThenSayYes(t *testing.T) {
	s := newScene(t, func(s *scene) { s.store = &faulty{keeper: s.real} })
	_, key := s.enroll("alice", totp.Factor{}, nil)
	code := s.code(key)
	s.store.(*faulty).fail("commit", errOutage)
	want(t, s.try("web", "alice", "alice-password", code), factor.Unavailable, account.StoreUnavailable)
	s.store.(*faulty).fail("", nil)
	want(t, s.try("web", "alice", "alice-password", code), factor.Accept, account.OK)
	want(t, s.try("web", "alice", "alice-password", code), factor.Deny, account.CodeUsed)
}

func TestRule10AWrongPasswordDoesNotBurnACode(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	code := s.code(key)
	want(t, s.try("web", "alice", "wrong", code), factor.Deny, account.BadCredentials)
	want(t, s.try("web", "alice", "alice-password", code), factor.Accept, account.OK)
}

func TestRule11ASecondFactorThatIsMissingIsNeverNotNeeded(t *testing.T) {
	s := newScene(t, nil)
	ans := s.try("web", "alice", "alice-password", "")
	want(t, ans, factor.Deny, account.EnrollRequired)
	if ans.Ticket == "" || ans.Subject.ID != "" {
		t.Errorf("the answer has ticket %t and subject %q", ans.Ticket != "", ans.Subject.ID)
	}
	want(t, s.try("web", "alice", "alice-password", "123456"), factor.Deny, account.EnrollRequired)
	r, _ := s.enroll("alice", totp.Factor{}, func(r *account.Record) { r.Pending = true })
	want(t, s.try("web", "alice", "alice-password", "123456"), factor.Deny, account.EnrollRequired)
	r.Pending = false
	s.put(r)
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.CodeRequired)
}

// A set-up ticket stands for a right password. Once, a code sent to a service
// that takes no password was enough to get one.
func TestNeverGivesASetUpToSomebodyWithoutThePassword(t *testing.T) {
	s := newScene(t, nil)
	s.people.forbidden = func(what string) { t.Errorf("a %s where no way has the directory", what) }
	for _, service := range []string{"dav", "door", "card"} {
		for _, code := range []account.Secret{"", "123456", "x"} {
			for _, password := range []account.Secret{"x", "alice-password", "123456"} {
				ans := s.try(service, "alice", password, code)
				if ans.Ticket != "" || ans.Verdict != factor.Deny || ans.Reason == account.EnrollRequired || ans.Reason == account.CodeRequired {
					t.Fatalf("%s, %q, %q: %+v", service, password.Reveal(), code.Reveal(), ans)
				}
			}
		}
	}
}

func TestHooksMayVetoAndNeverAllow(t *testing.T) {
	for name, c := range map[string]struct {
		hook    vetoer
		allow   bool
		verdict factor.Verdict
		reason  account.Reason
	}{
		"silent":            {vetoer{}, false, factor.Deny, account.BadCredentials},
		"veto":              {vetoer{veto: hook.Veto{Refuse: true}}, true, factor.Deny, account.Vetoed},
		"error, deny":       {vetoer{err: errOutage}, false, factor.Unavailable, account.PluginUnavailable},
		"error, allow":      {vetoer{err: errOutage}, true, factor.Deny, account.BadCredentials},
		"veto and an error": {vetoer{veto: hook.Veto{Refuse: true}, err: errOutage}, false, factor.Unavailable, account.PluginUnavailable},
	} {
		s := newScene(t, func(s *scene) {
			s.cfg.Hooks = []check.Hook{{Name: "h", Hook: &c.hook, AllowOnError: c.allow}}
		})
		ans := s.try("web", "alice", "sentinel-password", "sentinel-code")
		if ans.Verdict != c.verdict || ans.Reason != c.reason {
			t.Errorf("%s: %s %s", name, ans.Verdict, ans.Reason)
		}
		if c.hook.seen.Name != "alice" || c.hook.seen.Address != "192.0.2.7" || c.hook.seen.Service != "web" {
			t.Errorf("%s: the hook saw %+v", name, c.hook.seen)
		}
	}
}

type vetoer struct {
	veto hook.Veto
	err  error
	seen hook.Attempt
}

func (v *vetoer) Before(_ context.Context, a hook.Attempt) (hook.Veto, error) {
	v.seen = a
	return v.veto, v.err
}

func (v *vetoer) After(context.Context, hook.Event) error { return errors.New("not asked here") }
