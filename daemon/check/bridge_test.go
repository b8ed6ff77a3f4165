package check_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// TestNeverAcceptsThePasswordOnAnAppPasswordServiceButOverABridge is the one
// written exception to the never-test beside it, whole: service, group, day,
// what is enrolled, whether an app password was ever in use, and a reset.
func TestNeverAcceptsThePasswordOnAnAppPasswordServiceButOverABridge(t *testing.T) {
	days := map[string]time.Time{"a month before": theDay().AddDate(0, -1, 0), "the last second": theDay().Add(-time.Second),
		"the day": theDay(), "a year after": theDay().AddDate(1, 0, 0)}
	accepted, rows := 0, 0
	for _, group := range []string{"staff", "guests", "robots", "", "stuff"} {
		for _, enrolled := range []string{"nothing", "a phone", "an app password", "both"} {
			for _, synced := range []bool{false, true} {
				if synced && (enrolled == "nothing" || enrolled == "a phone") {
					continue
				}
				for _, reset := range []bool{false, true} {
					s := rollout(t, nil)
					s.join("alice", group)
					if enrolled == "a phone" || enrolled == "both" {
						s.enroll("alice", totp.Factor{}, nil)
					}
					app := ""
					if enrolled == "an app password" || enrolled == "both" {
						_, app = s.enroll("alice", apppassword.Factor{}, nil)
					}
					if synced {
						s.at(days["a month before"])
						want(t, s.try("card", "alice", account.Secret(app), ""), factor.Accept, account.OK) // at any service
					}
					if reset {
						s.resetFor("alice")
					}
					for day, at := range days {
						s.at(at)
						for _, service := range []string{"dav", "card"} {
							open := service == "dav" && group == "staff" && at.Before(theDay()) && !synced
							ans := s.try(service, "alice", "alice-password", "")
							if (ans.Verdict == factor.Accept) != open {
								t.Errorf("%s, group %q, %s, with %s, synced %t, reset %t: %s %s", service, group, day, enrolled, synced, reset, ans.Verdict, ans.Reason)
							}
							if !open {
								want(t, ans, factor.Deny, account.AppPasswordRequired)
							} else if e := s.journal.last(); ans.Leave != "bridge" || e.Leave != "bridge" || e.Factor != "directory" || e.Note == "" || ans.DaysLeft < 1 || ans.Ticket != "" {
								t.Errorf("over the bridge: %+v, %+v", ans, e)
							} else {
								accepted++
							}
							want(t, s.try(service, "alice", "wrong", ""), factor.Deny, account.AppPasswordRequired)
							rows++
						}
					}
				}
			}
		}
	}
	if accepted != 16 {
		t.Errorf("%d of %d rows are over the bridge, want 16", accepted, rows)
	}
}

// Whatever happens to records, who has once used an app password does not get in
// with the password again: not after a reset and everything deleted, not after
// another set-up, not after a restart.
func TestABridgeIsNeverOpenedAgain(t *testing.T) {
	s := rollout(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Accept, account.OK)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	closed := func(when string) {
		t.Helper()
		if ans := s.try("dav", "alice", "alice-password", ""); ans.Verdict != factor.Deny || ans.Reason != account.AppPasswordRequired {
			t.Errorf("%s: %s %s", when, ans.Verdict, ans.Reason)
		}
	}
	closed("after the first use")
	s.resetFor("alice")
	closed("after a reset that deletes everything")
	_, fresh := s.enroll("alice", apppassword.Factor{}, nil)
	closed("with a new app password that is not in use")
	want(t, s.try("dav", "alice", account.Secret(fresh), ""), factor.Accept, account.OK)
	s.resetFor("alice")
	if err := s.real.Sweep(context.Background(), s.clock.Now().AddDate(0, 6, 0)); err != nil {
		t.Fatal(err)
	}
	other, err := check.New(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.engine = other
	closed("after a sweep and a restart")
}

// Somebody whose records show that one was in use before there was a mark is over
// the bridge, too.
func TestABridgeKnowsUsesOfBeforeTheMark(t *testing.T) {
	s := rollout(t, nil)
	s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.LastUsed, r.Revoked = s.clock.Now(), s.clock.Now() })
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
}

// The mark is written before the yes: where it cannot be, an app password is not
// in use. Without a bridge nothing is written in the path of the verdict.
func TestTheFirstSyncIsWrittenBeforeTheYes(t *testing.T) {
	full := func(s *scene) { s.store = &brokenCommits{keeper: s.store} }
	s := rollout(t, full)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Unavailable, account.StoreUnavailable)
	if snap, err := s.real.Load(context.Background(), "id-alice"); err != nil || snap.Synced {
		t.Errorf("%+v, %v", snap, err)
	}
	s = newScene(t, full)
	_, app = s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
}

type brokenCommits struct{ keeper }

func (brokenCommits) Commit(context.Context, account.Change) error { return errOutage }

// While the first app password comes into use, tries of the normal password from
// other devices end with it: none that is judged after the first sync was
// answered is let in, and none that was written after it.
func TestFirstSyncAgainstTheBridge(t *testing.T) {
	for range 20 {
		var synced atomic.Bool
		s := rollout(t, func(s *scene) {
			s.store = &watching{keeper: s.store, see: func(c account.Change, err error) {
				if err != nil {
					return
				}
				if c.Synced {
					synced.Store(true)
				}
			}}
		})
		_, app := s.enroll("alice", apppassword.Factor{}, nil)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 6 {
					before := synced.Load()
					ans := s.try("dav", "alice", "alice-password", "")
					switch {
					case ans.Verdict == factor.Accept && before:
						t.Error("the password was let in after the first sync was committed")
					case ans.Verdict == factor.Deny && ans.Reason != account.AppPasswordRequired, ans.Verdict == factor.Unavailable:
						t.Errorf("%s %s", ans.Verdict, ans.Reason)
					}
				}
			})
		}
		wg.Go(func() {
			want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
		})
		wg.Wait()
		want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
	}
}

// The same without chance: the first sync is committed between the judging of the
// password and the writing of its yes.
func TestFirstSyncBetweenJudgingAndWriting(t *testing.T) {
	var s *scene
	app := ""
	s = rollout(t, func(s *scene) {
		s.store = &slipped{keeper: s.store, once: func() {
			want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
		}}
	})
	_, app = s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
	// The password was right, and is no failed try.
	if wait, tries, err := s.throttle.Wait(context.Background(), "id-alice", ""); err != nil || wait != 0 || tries != 0 {
		t.Errorf("it counts %d tries, waits %s, %v", tries, wait, err)
	}
}

type watching struct {
	keeper
	see func(account.Change, error)
}

func (w *watching) Commit(ctx context.Context, c account.Change) error {
	err := w.keeper.Commit(ctx, c)
	w.see(c, err)
	return err
}

// Nobody learns by a wrong password whose bridge is open, closed, or whose account
// there is: the same answers, the same waits, the same number of questions to the
// directory.
func TestRule12ABridgeTellsStrangersNothing(t *testing.T) {
	s := rollout(t, func(s *scene) { s.limits = throttle.Defaults(); s.limits.SourcePerMinute = 1e6 })
	_, app := s.enroll("bert", apppassword.Factor{}, nil)
	s.join("bert", "staff")
	s.person("dora", account.Disabled)
	want(t, s.try("dav", "bert", account.Secret(app), ""), factor.Accept, account.OK)
	s.people.bound, s.people.decoys = nil, nil
	tell := map[string]string{}
	for _, name := range []string{"alice", "bert", "carla", "gina", "rob", "dora", "nobody"} {
		said, asked := "", 0
		for i := range 6 {
			before := len(s.people.bound) + len(s.people.decoys)
			a := s.try("dav", name, account.Secret(fmt.Sprint("wrong-", i)), "")
			asked += len(s.people.bound) + len(s.people.decoys) - before
			said += fmt.Sprintf("%s %s %s; ", a.Verdict, a.Reason, a.RetryAfter)
		}
		tell[name] = fmt.Sprint(said, asked)
	}
	for name, said := range tell {
		if said != tell["alice"] {
			t.Errorf("%s:\n%s\nalice:\n%s", name, said, tell["alice"])
		}
	}
	if len(s.people.bound) != 3 { // alice's before she has to wait
		t.Errorf("bound were %q", s.people.bound)
	}
}

// Where a bridge is closed the password is not sent, not remembered as wrong, and
// costs nothing elsewhere: an old phone does not lock its owner out.
func TestAnOldDeviceAtAClosedBridgeCostsNothingElsewhere(t *testing.T) {
	s := rollout(t, func(s *scene) { s.limits = throttle.Defaults() })
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Deny, account.AppPasswordRequired)
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.CodeRequired) // nothing says that it is wrong
	s.people.bound = nil
	for i := range 40 {
		s.try("dav", "alice", account.Secret(fmt.Sprint("wrong-", i)), "")
	}
	want(t, s.try("dav", "alice", "another", ""), factor.Deny, account.Throttled)
	if len(s.people.bound) > 0 {
		t.Errorf("bound were %q", s.people.bound)
	}
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
}

// The event of a wrong password at an open bridge names the reason, for support
// and the owner; an old device at a closed one is what it is everywhere.
func TestABridgeTellsSupportMore(t *testing.T) {
	s := rollout(t, nil)
	want(t, s.try("dav", "alice", "wrong", ""), factor.Deny, account.AppPasswordRequired)
	if e := s.journal.last(); e.Reason != account.BadCredentials {
		t.Errorf("an open bridge: %s", e.Reason)
	}
	want(t, s.try("dav", "carla", "carla-password", ""), factor.Deny, account.AppPasswordRequired)
	if e := s.journal.last(); e.Reason != account.AppPasswordRequired {
		t.Errorf("a closed one: %s", e.Reason)
	}
}

// What looks like an app password never reaches the directory, bridge or not.
func TestRule07NoAppPasswordCrossesABridge(t *testing.T) {
	s := rollout(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	_, never := s.enroll("bert", apppassword.Factor{}, nil)
	s.people.forbidden = func(what string) { t.Errorf("a %s of an app password", what) }
	for _, name := range []string{"alice", "carla", "nobody"} {
		for _, secret := range []string{app, never, typo(app)} {
			s.try("dav", name, account.Secret(secret), "")
		}
	}
}

// Once the last day of the policy is over, a service with a bridge is one without:
// nothing is bound, nothing is sent.
func TestAfterTheLastDayNothingIsBoundAtABridge(t *testing.T) {
	s := rollout(t, nil)
	s.at(theDay())
	s.people.forbidden = func(what string) { t.Errorf("a %s after the last day", what) }
	for _, name := range []string{"alice", "carla", "gina", "nobody"} {
		want(t, s.try("dav", name, account.Secret(name+"-password"), ""), factor.Deny, account.AppPasswordRequired)
	}
}

// Programs come every few minutes, and must not fill the audit: it has one login
// over a bridge a day for each person and service. The last tries have them all.
func TestABridgeDoesNotFillTheAudit(t *testing.T) {
	s := rollout(t, nil)
	audited := func() (n int) {
		t.Helper()
		events, err := s.real.Events(context.Background(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Act == account.ActCheck && e.Factor == "directory" && e.Verdict == factor.Accept {
				n++
			}
		}
		return n
	}
	for range 10 {
		want(t, s.try("dav", "alice", "alice-password", ""), factor.Accept, account.OK)
		s.move(5 * time.Minute)
	}
	// The first and the second: only then her network is known.
	if n := audited(); n < 1 || n > 2 {
		t.Errorf("%d are audited", n)
	}
	if n := s.journal.count(account.ActCheck); n != 10 {
		t.Errorf("%d are told of", n)
	}
	before := audited()
	s.move(24 * time.Hour)
	want(t, s.try("dav", "alice", "alice-password", ""), factor.Accept, account.OK)
	want(t, s.try("web", "alice", "alice-password", ""), factor.Accept, account.OK)
	if n := audited(); n != before+2 {
		t.Errorf("%d are audited a day later, with one in grace", n-before)
	}
}
