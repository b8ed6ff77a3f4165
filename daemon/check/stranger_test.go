package check_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// What a stranger sees of an answer: the verdict, the sentence, how long to
// wait, and when it came.
type seen struct {
	verdict factor.Verdict
	told    account.Reason
	retry   time.Duration
	ticket  bool
	drift   time.Duration
	subject account.ID
	waited  time.Duration
	asked   int
}

// Whatever is typed, without a right secret nobody can tell a name that nobody
// has from one that is disabled, locked, enrolled or not.
func TestRule12AStrangerLearnsNothing(t *testing.T) {
	_, foreign := newScene(t, nil).enroll("bert", apppassword.Factor{}, nil)
	inputs := map[string]account.Attempt{
		"password":          {Password: "wrong"},
		"password and code": {Password: "wrong", Code: "123456"},
		"one field":         {Password: "wrong123456", OneField: true},
		"app password":      {Password: account.Secret(foreign)},
		"typo":              {Password: account.Secret(typo(foreign))},
		"code only":         {Password: "123456"},
	}
	for name, input := range inputs {
		for _, service := range []string{"web", "dav", "mail", "plain", "door"} {
			first := map[int]seen{}
			s := newScene(t, nil)
			s.person("disabled", account.Disabled)
			s.person("locked", account.Locked)
			for _, enrolled := range []string{"alice", "disabled"} {
				s.enroll(enrolled, totp.Factor{}, nil)
				s.enroll(enrolled, apppassword.Factor{}, nil)
			}
			s.enroll("carla", apppassword.Factor{}, nil)
			for _, who := range []string{"alice", "bert", "carla", "disabled", "locked", "nobody"} {
				for i := range 8 { // over the budget, too
					a := input
					a.Service, a.Name, a.Client = service, who, home()
					if name == "password" {
						a.Password = account.Secret(fmt.Sprint("wrong ", i))
					}
					before := len(s.people.bound) + len(s.people.decoys)
					ans := s.engine.Check(context.Background(), a)
					got := seen{ans.Verdict, ans.Reason.Outward(), ans.RetryAfter, ans.Ticket != "", ans.Drift, ans.Subject.ID,
						s.clock.waited[len(s.clock.waited)-1].Sub(s.clock.now), len(s.people.bound) + len(s.people.decoys) - before}
					if want, ok := first[i]; ok && got != want {
						t.Errorf("%s at %s, try %d: %s is told %+v (%s), others %+v", name, service, i, who, got, ans.Reason, want)
					} else if !ok {
						first[i] = got
					}
				}
			}
		}
	}
}

// The audit knows what the stranger does not.
func TestStrangersAreNotedForWhatTheyAre(t *testing.T) {
	s := newScene(t, nil)
	s.person("disabled", account.Disabled)
	s.person("locked", account.Locked)
	for who, want := range map[string]account.Reason{
		"nobody": account.UnknownUser, "disabled": account.AccountDisabled, "locked": account.AccountLockedByDirectory, "alice": account.BadCredentials,
	} {
		s.try("web", who, "wrong", "")
		if e := s.journal.last(); e.Reason != want || e.Name != who || (e.Subject == "") != (who == "nobody") {
			t.Errorf("%s: noted %s, name %q, subject %q", who, e.Reason, e.Name, e.Subject)
		}
		s.try("dav", who, "wrong", "")
		if e := s.journal.last(); who != "alice" && e.Reason != want {
			t.Errorf("%s at dav: noted %s", who, e.Reason)
		}
	}
}

func TestRefusalsLeaveOnTheGrid(t *testing.T) {
	for took, point := range map[time.Duration]time.Duration{
		0: 250 * time.Millisecond, time.Millisecond: 250 * time.Millisecond, 250 * time.Millisecond: 250 * time.Millisecond,
		251 * time.Millisecond: 500 * time.Millisecond, 740 * time.Millisecond: 750 * time.Millisecond,
	} {
		s := newScene(t, nil)
		start := s.clock.now
		s.people.during = func() { s.clock.move(took) }
		want(t, s.try("web", "alice", "wrong", ""), factor.Deny, account.BadCredentials)
		if got := s.clock.waited[0].Sub(start); got != point {
			t.Errorf("work of %s was released after %s, want %s", took, got, point)
		}
		if s.journal.last().Took != took {
			t.Errorf("noted %s", s.journal.last().Took)
		}
		s.people.during = nil
		want(t, s.try("plain", "bert", "bert-password", ""), factor.Accept, account.OK)
		if len(s.clock.waited) != 1 {
			t.Error("a yes was held back")
		}
	}
}

// A right password is told about the second factor, a wrong one never.
func TestOnlyTheRightPasswordIsToldAboutTheCode(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	good := s.code(key)
	s.move(-150 * time.Second)
	ans := s.try("web", "alice", "alice-password", good)
	if ans.Reason != account.CodeWrong || ans.Drift == 0 {
		t.Errorf("a slow clock is told %s, %s", ans.Reason, ans.Drift)
	}
	ans = s.try("web", "alice", "wrong", good)
	if ans.Reason != account.BadCredentials || ans.Drift != 0 {
		t.Errorf("a wrong password is told %s, %s", ans.Reason, ans.Drift)
	}
	ans = s.try("door", "alice", good, "")
	if ans.Reason != account.BadCredentials || ans.Drift != 0 || s.journal.last().Reason != account.CodeWrong {
		t.Errorf("no password is told %s, %s; noted %s", ans.Reason, ans.Drift, s.journal.last().Reason)
	}
	want(t, s.try("door", "alice", s.code(key), ""), factor.Accept, account.OK)
}
