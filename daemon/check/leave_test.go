package check_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// theDay is the one from which the staff of the scene owes a second factor.
func theDay() time.Time { return time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC) }

// rollout is a scene in the middle of one: staff has a day, guests are exempt,
// robots are machines, everybody else owes at once.
func rollout(t *testing.T, edit func(*scene)) *scene {
	t.Helper()
	s := newScene(t, func(s *scene) {
		s.limits = roomy()
		s.cfg.Policy = policy.Policy{
			Lines: []policy.Line{
				{Groups: []string{"staff"}, From: theDay(), Config: "c.toml:2 policy.group[0]"},
				{Groups: []string{"guests"}, Exempt: "they only read", Config: "c.toml:5 policy.group[1]"},
				{Groups: []string{"robots"}, Machine: "no hands", Config: "c.toml:8 policy.group[2]"},
			},
			Everybody: policy.Line{Config: "c.toml:1 policy"},
		}
		for i, svc := range s.cfg.Services {
			if svc.Name == "dav" {
				s.cfg.Services[i].Bridge = check.Way{Factors: []string{"directory"}, Config: "c.toml:20 before_enrollment"}
			}
		}
		if edit != nil {
			edit(s)
		}
	})
	for name, group := range map[string]string{"alice": "staff", "gina": "guests", "rob": "robots", "carla": ""} {
		s.join(name, group)
	}
	return s
}

// join puts somebody into a group, and makes them where need be.
func (s *scene) join(name, group string) {
	if _, there := s.people.facts[name]; !there {
		s.person(name, account.Fit)
	}
	s.fresh()
	f := s.people.facts[name]
	f.Groups = []string{group, "everybody"}
	s.people.facts[name] = f
}

func (s *scene) at(now time.Time) {
	s.clock.mu.Lock()
	s.clock.now = now
	s.clock.mu.Unlock()
	s.fresh()
}

func TestRule11GraceLetsThePasswordInUntilTheDay(t *testing.T) {
	s := rollout(t, nil)
	ans := s.try("web", "alice", "alice-password", "")
	want(t, ans, factor.Accept, account.OK)
	if ans.Leave != "grace" || !ans.Due.Equal(theDay()) || ans.DaysLeft != 9 || !slices.Equal(ans.Factors, []string{"directory"}) {
		t.Errorf("the answer says %+v", ans)
	}
	e := s.journal.last()
	if e.Leave != "grace" || e.Factor != "directory" || e.Note != "no second factor yet, owed from 2026-03-10" {
		t.Errorf("the event says %+v", e)
	}
	want(t, s.try("web", "alice", "wrong", ""), factor.Deny, account.BadCredentials)
	want(t, s.try("mail", "alice", "alice-password", ""), factor.Accept, account.OK)

	s.at(theDay().Add(-time.Second))
	if ans := s.try("web", "alice", "alice-password", ""); ans.Verdict != factor.Accept || ans.DaysLeft != 1 {
		t.Errorf("a second before: %+v", ans)
	}
	s.at(theDay())
	ans = s.try("web", "alice", "alice-password", "")
	want(t, ans, factor.Deny, account.EnrollRequired)
	if ans.Ticket == "" || ans.Leave != "" || ans.DaysLeft != 0 {
		t.Errorf("from the first second on: %+v", ans)
	}
}

// Those whom no line fits owe at once, and so does everybody in doubt.
func TestRule11GraceIsForTheGroupOnly(t *testing.T) {
	s := rollout(t, nil)
	for _, name := range []string{"carla", "bert"} {
		want(t, s.try("web", name, account.Secret(name+"-password"), ""), factor.Deny, account.EnrollRequired)
	}
	f := s.people.facts["alice"]
	f.AsOf = s.clock.Now().Add(-6 * time.Minute) // the directory is away, and who is in a group is an old story
	s.people.facts["alice"] = f
	want(t, s.try("web", "alice", "alice-password", ""), factor.Unavailable, account.DirectoryUnavailable)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Unavailable, account.DirectoryUnavailable)
	s.fresh()
	s.people.findErr = errOutage
	want(t, s.try("web", "alice", "alice-password", ""), factor.Unavailable, account.DirectoryUnavailable)
}

// Who has a second factor owes it, whatever the policy says, and one that can no
// longer be used is one.
func TestRule11WhoHasEnrolledOwesTheCode(t *testing.T) {
	for group, day := range map[string]time.Time{"staff": {}, "guests": {}} {
		for name, enroll := range map[string]func(s *scene){
			"a phone":            func(s *scene) { s.enroll("alice", totp.Factor{}, nil) },
			"codes only":         func(s *scene) { s.enroll("alice", recovery.New(), nil) },
			"codes, all used up": func(s *scene) { s.enroll("alice", recovery.New(), func(r *account.Record) { r.Uses = 0 }) },
			"an expired phone": func(s *scene) {
				s.enroll("alice", totp.Factor{}, func(r *account.Record) { r.Expires = s.clock.Now().Add(-time.Hour) })
			},
		} {
			s := rollout(t, nil)
			s.join("alice", group)
			enroll(s)
			for _, service := range []string{"web", "mail"} {
				if ans := s.try(service, "alice", "alice-password", ""); ans.Verdict != factor.Deny || ans.Reason != account.CodeRequired && ans.Reason != account.EnrollRequired {
					t.Errorf("%s with %s on %s: %s %s (%v)", group, name, service, ans.Verdict, ans.Reason, day)
				}
			}
		}
	}
	// One that was begun and never confirmed is none; an app password is none.
	s := rollout(t, nil)
	s.enroll("alice", totp.Factor{}, func(r *account.Record) { r.Pending = true })
	s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("web", "alice", "alice-password", ""), factor.Accept, account.OK)
}

// After a reset the password alone is not enough, in grace and for the exempt too.
func TestRule11AResetGivesNoLeave(t *testing.T) {
	s := rollout(t, nil)
	for _, name := range []string{"alice", "gina"} {
		s.resetFor(name)
		ans := s.try("web", name, account.Secret(name+"-password"), "")
		want(t, ans, factor.Deny, account.EnrollRequired)
		if ans.DaysLeft != 0 || ans.Leave != "" {
			t.Errorf("%s is told of a leave that they have not: %+v", name, ans)
		}
	}
}

func (s *scene) resetFor(name string) {
	s.t.Helper()
	ctx, yes, id := context.Background(), true, account.ID("id-"+name)
	snap, err := s.real.Load(ctx, id, "app-password")
	if err != nil {
		s.t.Fatal(err)
	}
	c := account.Change{Subject: id, Version: snap.Version, InviteRequired: &yes}
	for _, r := range snap.Records {
		c.Delete = append(c.Delete, r.ID) // more than a reset does
	}
	if err := s.real.Commit(ctx, c); err != nil {
		s.t.Fatal(err)
	}
}

func TestRule11ExemptAndMachine(t *testing.T) {
	s := rollout(t, nil)
	s.at(theDay().AddDate(1, 0, 0))
	ans := s.try("web", "gina", "gina-password", "")
	want(t, ans, factor.Accept, account.OK)
	if ans.Leave != "exempt" || ans.DaysLeft != 0 || !strings.Contains(s.journal.last().Note, "they only read") {
		t.Errorf("the answer says %+v, the event %+v", ans, s.journal.last())
	}
	want(t, s.try("dav", "gina", "gina-password", ""), factor.Deny, account.AppPasswordRequired) // no day, no bridge

	_, app := s.enroll("rob", apppassword.Factor{}, nil)
	for _, service := range []string{"web", "mail"} {
		want(t, s.try(service, "rob", "rob-password", ""), factor.Deny, account.AppPasswordRequired)
		if note := s.journal.last().Note; !strings.Contains(note, "no hands") {
			t.Errorf("the event says %q", note)
		}
		want(t, s.try(service, "rob", "wrong", ""), factor.Deny, account.BadCredentials)
	}
	want(t, s.try("dav", "rob", account.Secret(app), ""), factor.Accept, account.OK)
	want(t, s.try("plain", "rob", "rob-password", ""), factor.Accept, account.OK) // one factor, for a written reason
	// A second factor of before it became a machine opens nothing.
	_, key := s.enroll("rob", totp.Factor{}, nil)
	want(t, s.try("web", "rob", "rob-password", s.code(key)), factor.Deny, account.AppPasswordRequired)
}

// Where only some groups must, everybody else is exempt, and nobody of those groups.
func TestRule11WhereOnlySomeGroupsMust(t *testing.T) {
	s := rollout(t, func(s *scene) {
		s.cfg.Policy.Everybody = policy.Line{Exempt: "only staff has to", Config: "c.toml:1 policy"}
	})
	s.at(theDay())
	for name, reason := range map[string]account.Reason{"alice": account.EnrollRequired, "carla": account.OK, "bert": account.OK} {
		if got := s.try("web", name, account.Secret(name+"-password"), ""); got.Reason != reason || (reason == account.OK) != (got.Leave == "exempt") {
			t.Errorf("%s: %s %s, leave %q", name, got.Verdict, got.Reason, got.Leave)
		}
	}
	want(t, s.try("dav", "carla", "carla-password", ""), factor.Deny, account.AppPasswordRequired)
	s.enroll("carla", totp.Factor{}, nil)
	want(t, s.try("web", "carla", "carla-password", ""), factor.Deny, account.CodeRequired)
	// In doubt about the groups nobody has leave.
	f := s.people.facts["bert"]
	f.AsOf = s.clock.Now().Add(-6 * time.Minute)
	s.people.facts["bert"] = f
	want(t, s.try("web", "bert", "bert-password", ""), factor.Unavailable, account.DirectoryUnavailable)
}

// At the page nobody gets in with one factor: leave leads to the set-up, too.
func TestRule11ThePageTakesNoLeave(t *testing.T) {
	s := rollout(t, nil)
	for name, leave := range map[string]string{"alice": "grace", "gina": "exempt", "carla": ""} {
		ans := s.engine.Check(context.Background(), account.Attempt{Service: "web", FrontEnd: "page", Name: name,
			Password: account.Secret(name + "-password"), WantTicket: true, Client: home()})
		want(t, ans, factor.Deny, account.EnrollRequired)
		if ans.Ticket == "" || ans.Leave != leave || (ans.DaysLeft > 0) != (leave == "grace") {
			t.Errorf("%s: %+v", name, ans)
		}
	}
}

// Only web applications with two fields can show a link; nobody else gets one.
func TestGraceHandsALinkToWebApplications(t *testing.T) {
	s := rollout(t, nil)
	for _, tt := range []struct {
		front string
		one   bool
		link  bool
	}{{"http", false, true}, {"http", true, false}, {"saslauthd", true, false}, {"dovecot", true, false}, {"admin", false, false}} {
		ans := s.engine.Check(context.Background(), account.Attempt{Service: "web", FrontEnd: tt.front, OneField: tt.one, Name: "alice",
			Password: "alice-password", Client: home()})
		want(t, ans, factor.Accept, account.OK)
		if (ans.Ticket != "") != tt.link {
			t.Errorf("%s, one field %t: link %t", tt.front, tt.one, ans.Ticket != "")
		}
		if ans.Ticket != "" {
			ref := account.TokenRef{Kind: account.TicketEnroll, Hash: account.HashToken(s.ring.MAC, account.TicketEnroll, ans.Ticket)}
			if _, err := s.real.Token(context.Background(), ref); err != nil {
				t.Errorf("the link opens nothing: %v", err)
			}
		}
	}
}

// A clock that may be wrong opens nothing, and is nobody's wrong password; one
// that was set back while the daemon did not run opens nothing again.
func TestLeaveIsJudgedByAGoodClockOnly(t *testing.T) {
	s := rollout(t, nil)
	s.clock.unsafe = true
	want(t, s.try("web", "alice", "alice-password", ""), factor.Unavailable, account.ClockUnsafe)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Unavailable, account.ClockUnsafe)
	want(t, s.try("dav", "nobody", "alice-password", ""), factor.Unavailable, account.ClockUnsafe)
	want(t, s.try("web", "carla", "carla-password", ""), factor.Deny, account.EnrollRequired)
	want(t, s.try("web", "gina", "gina-password", ""), factor.Accept, account.OK)

	s = rollout(t, func(s *scene) { s.cfg.NotBefore = theDay() })
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.EnrollRequired)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
}

// Somebody who sets up a second factor while their password is judged does not
// get in without it.
func TestGraceIsWrittenOnlyIfNothingWasSetUpMeanwhile(t *testing.T) {
	s := rollout(t, nil)
	s.people.during = func() {
		s.people.during = nil
		s.enroll("alice", totp.Factor{}, nil)
	}
	// judged before the records are read: the code is asked for
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.CodeRequired)

	s = rollout(t, func(s *scene) {
		s.store = &slipped{keeper: s.store, once: func() { s.enroll("alice", totp.Factor{}, nil) }}
	})
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.CodeRequired)
}

// slipped does something right before a yes that only compares is written.
type slipped struct {
	keeper
	once func()
}

func (s *slipped) Commit(ctx context.Context, c account.Change) error {
	if do := s.once; do != nil && c.Compare {
		s.once = nil
		do()
	}
	return s.keeper.Commit(ctx, c)
}

// Groups may have ways of their own; the first group of the service that fits
// decides. A service whose group has another first door does not load.
func TestWaysOfGroups(t *testing.T) {
	add := func(name string, groups ...way.Group) func(*scene) {
		return func(s *scene) {
			for i := range s.cfg.Services {
				if s.cfg.Services[i].Name == name {
					s.cfg.Services[i].Groups = groups
				}
			}
		}
	}
	only := func(factors ...string) []check.Way { return []check.Way{{Factors: factors}} }
	s := rollout(t, add("web",
		way.Group{Groups: []string{"board"}, Ways: only("totp", "directory"), Config: "c.toml:40 service[0].group[0]"},
		way.Group{Groups: []string{"staff", "board"}, Ways: only("recovery", "directory")}))
	s.join("alice", "board")
	s.join("bert", "staff")
	for _, name := range []string{"alice", "bert", "carla"} {
		s.enroll(name, totp.Factor{}, nil)
		_, sheet := s.enroll(name, recovery.New(), nil)
		code := account.Secret(strings.TrimSpace(strings.Split(sheet, "\n")[0]))
		if ans := s.try("web", name, account.Secret(name+"-password"), code); (ans.Verdict == factor.Accept) != (name != "alice") {
			t.Errorf("%s with an emergency code: %s %s", name, ans.Verdict, ans.Reason)
		}
	}
	for i, bad := range []func(*scene){
		add("dav", way.Group{Groups: []string{"x"}, Ways: only("totp", "directory")}),
		add("web", way.Group{Groups: []string{"x"}, Ways: only("app-password")}),
		add("dav", way.Group{Groups: []string{"x"}, Ways: only("totp")}),
		add("web", way.Group{Groups: []string{"x"}, Ways: only("directory")}),
		add("web", way.Group{Groups: []string{"x"}}),
		func(s *scene) { s.cfg.Services[0].Bridge = check.Way{Factors: []string{"directory"}} },
		func(s *scene) { s.cfg.Services[5].Bridge = check.Way{Factors: []string{"directory"}} },
		func(s *scene) { s.cfg.Services[1].Bridge = check.Way{Factors: []string{"directory", "totp"}} },
		func(s *scene) { s.cfg.Services[1].Bridge = check.Way{Factors: []string{"totp"}} },
	} {
		other := &scene{cfg: s.cfg}
		other.cfg.Services = services()
		bad(other)
		if _, err := check.New(other.cfg); err == nil {
			t.Errorf("bad ways %d are loaded", i)
		}
	}
}

// explained is what an explanation says, without the account's own lines.
func explained(t *testing.T, s *scene, name, service string) string {
	t.Helper()
	_, rest, _ := strings.Cut(steps(t, s, name, service), "account fit? yes\n")
	return rest
}

func TestExplainNamesTheLineOfThePolicy(t *testing.T) {
	s := rollout(t, nil)
	_, app := s.enroll("bert", apppassword.Factor{}, nil)
	s.join("bert", "staff")
	want(t, s.try("dav", "bert", account.Secret(app), ""), factor.Accept, account.OK)
	for _, tt := range []struct{ name, service, first, last string }{
		{"alice", "web", "second factor owed? not before 2026-03-10, 9 days left <c.toml:2 policy.group[0]>", "result? can log in with the right password alone, not at the page"},
		{"carla", "web", "second factor owed? yes <c.toml:1 policy>", "result? the right password alone leads to the set-up and nothing else STOP"},
		{"gina", "web", "second factor owed? no, exempt: they only read <c.toml:5 policy.group[1]>", "result? can log in with the right password alone, not at the page"},
		{"rob", "web", "second factor owed? none, this is a machine: no hands <c.toml:8 policy.group[2]>", "result? no password opens this for a machine STOP"},
		{"alice", "dav", "second factor owed? not before", "normal password? yes: until their first app password is in use, or 2026-03-10 <c.toml:20 before_enrollment>\nresult? can log in with the normal password, and by any open way"},
		{"bert", "dav", "second factor owed? not before", "normal password? no: an app password of theirs is in use, or was <c.toml:20 before_enrollment>\nresult? can log in by any open way"},
		{"gina", "dav", "second factor owed? no", "normal password? no: no day is written that would end it for them <c.toml:20 before_enrollment>\nresult? cannot log in: no way is open; what is missing has to be made on the page STOP"},
	} {
		got := strings.TrimSuffix(explained(t, s, tt.name, tt.service), "\n")
		if !strings.HasPrefix(got, tt.first) || !strings.HasSuffix(got, tt.last) {
			t.Errorf("%s at %s:\n%s", tt.name, tt.service, got)
		}
	}
	s.resetFor("alice")
	if got := explained(t, s, "alice", "web"); !strings.HasPrefix(got, "second factor owed? yes, after a reset (the policy says: not before 2026-03-10, 9 days left)") {
		t.Errorf("after a reset:\n%s", got)
	}
}
