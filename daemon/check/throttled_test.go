package check_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

func (s *scene) tries(name, kind string) int {
	s.t.Helper()
	_, n, err := s.throttle.Wait(context.Background(), account.ID("id-"+name), kind)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// The count is durable before anybody is asked, so a crash in between leaves
// it standing.
func TestRule08CountFirstVerifySecond(t *testing.T) {
	code := &crooked{Factor: totp.Factor{}}
	s := newScene(t, func(s *scene) { s.cfg.Factors[0].Plugin = code })
	_, key := s.enroll("alice", totp.Factor{}, nil)
	seen := 0
	s.people.during = func() {
		seen++
		if n := s.tries("alice", ""); n != 1 {
			t.Errorf("while the directory is asked %d tries are counted", n)
		}
	}
	code.during = func() {
		seen++
		if n := s.tries("alice", "totp"); n != 1 {
			t.Errorf("while the factor is asked %d tries are counted", n)
		}
	}
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
	if n, m := s.tries("alice", ""), s.tries("alice", "totp"); n+m != 0 || seen != 2 {
		t.Errorf("after the success %d passwords and %d codes stay counted; %d were asked", n, m, seen)
	}
	func() { // the daemon dies while the directory thinks
		defer func() {
			if recover() == nil {
				t.Error("it lived")
			}
		}()
		s.people.during = nil
		code.during = func() { panic("killed") }
		s.try("web", "alice", "alice-password", "123456")
	}()
	if n, m := s.tries("alice", ""), s.tries("alice", "totp"); n != 1 || m != 1 {
		t.Errorf("the crash left %d passwords and %d codes", n, m)
	}
}

// Whoever hangs up early is counted all the same.
func TestHangingUpIsNoWayToTryUncounted(t *testing.T) {
	s := newScene(t, nil)
	ctx, hangUp := context.WithCancel(context.Background())
	s.people.during = hangUp
	s.engine.Check(ctx, account.Attempt{Service: "web", Name: "alice", Password: "wrong", Client: home()})
	if n := s.tries("alice", ""); n != 1 {
		t.Errorf("%d tries are counted", n)
	}
	ended, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	ans := s.engine.Check(ended, account.Attempt{Service: "web", Name: "alice", Password: "wrong too", Client: home()})
	if ans.Verdict != factor.Unavailable {
		t.Errorf("after its deadline: %s %s", ans.Verdict, ans.Reason)
	}
}

func TestRule08SecondFactorTriesNeedTheFirst(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits.FirstQuick, s.limits.FirstPerHour = 1e6, 1e6 })
	_, key := s.enroll("alice", totp.Factor{}, nil)
	for i := range 30 {
		s.try("web", "alice", account.Secret(fmt.Sprint("wrong ", i)), "123456")
		s.try("door", "alice", "654321", "") // codes alone count elsewhere
	}
	if n := s.tries("alice", "totp"); n != 0 {
		t.Fatalf("%d codes are counted without the password", n)
	}
	// With it they are, and success clears none of them.
	wrong := account.Secret("000000")
	if s.code(key) == wrong {
		wrong = "000001"
	}
	for range 3 {
		want(t, s.try("web", "alice", "alice-password", wrong), factor.Deny, account.CodeWrong)
	}
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	if n := s.tries("alice", "totp"); n != 3 {
		t.Errorf("%d codes are counted after a success, want 3", n)
	}
	// The budget of one kind is not that of another.
	_, sheet := s.enroll("alice", recovery.New(), nil)
	for range 5 {
		s.try("web", "alice", "alice-password", wrong)
	}
	want(t, s.try("web", "alice", "alice-password", wrong), factor.Deny, account.Throttled)
	want(t, s.try("web", "alice", "alice-password", account.Secret(strings.Split(sheet, "\n")[0])), factor.Accept, account.OK)
}

func TestRule07TheSameWrongSecretCountsOnce(t *testing.T) {
	for _, who := range []struct {
		name string
	}{{"alice"}, {"nobody"}} {
		s := newScene(t, nil)
		for range 1000 {
			want := account.BadCredentials
			if who.name == "nobody" {
				want = account.UnknownUser
			}
			if ans := s.try("web", who.name, "an old password", ""); ans.Reason != want {
				t.Fatalf("%s: %s", who.name, ans.Reason)
			}
		}
		if n := len(s.people.bound) + len(s.people.decoys); n != 1 {
			t.Errorf("%s: it was bound %d times", who.name, n)
		}
		if who.name == "alice" && s.tries("alice", "") != 1 {
			t.Errorf("it counts %d times", s.tries("alice", ""))
		}
	}
}

func TestRule07TheMemoryOfAWrongSecretEnds(t *testing.T) {
	s := newScene(t, nil)
	try := func() int {
		s.try("web", "alice", "new-password", "")
		return len(s.people.bound)
	}
	if first, again := try(), try(); first != 1 || again != 1 {
		t.Fatal("it is not remembered")
	}
	s.move(5*time.Minute - time.Second)
	if try() != 1 {
		t.Error("it is forgotten before five minutes")
	}
	s.move(time.Second)
	if first, again := try(), try(); first != 2 || again != 2 {
		t.Error("it is not asked once after five minutes")
	}
	s.move(time.Minute)
	f := s.people.facts["alice"]
	f.PasswordChanged = s.clock.Now()
	s.people.facts["alice"] = f
	s.people.password["alice"] = "new-password"
	if try() != 3 {
		t.Error("a changed password is not asked")
	}
	// A disabled account's right password is none of the wrong ones.
	s.person("bert", account.Disabled)
	s.try("plain", "bert", "bert-password", "")
	s.person("bert", account.Fit)
	want(t, s.try("plain", "bert", "bert-password", ""), factor.Accept, account.OK)
}

func TestAFamiliarNetworkKeepsItsBudgetDuringAnAttack(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
	attack := func(from string) (last account.Answer) {
		for i := range 40 {
			last = s.engine.Check(context.Background(), account.Attempt{Service: "web", Name: "alice",
				Password: account.Secret(fmt.Sprint(from, i)), Client: account.Client{Addr: netip.MustParseAddr(from)}})
		}
		return last
	}
	want(t, attack("198.51.100.9"), factor.Deny, account.Throttled)
	s.move(31 * time.Second)
	attack("198.51.100.9")
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
	s.move(30*24*time.Hour + time.Second) // then it is a stranger again
	want(t, attack("198.51.100.10"), factor.Deny, account.Throttled)
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Deny, account.Throttled)
}

// Gate of the documentation: somebody who has the password, with as many
// clients, spellings and services as they like, has at most five codes judged
// in the first minute and twenty in a day.
func TestCodesCannotBeGuessedByAPasswordHolder(t *testing.T) {
	code := &crooked{Factor: totp.Factor{}}
	s := newScene(t, func(s *scene) {
		s.cfg.Factors[0].Plugin = code
		s.limits.SourcePerMinute = 1_000_000
	})
	s.enroll("alice", totp.Factor{}, nil)
	code.say(factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}, nil)
	names := []string{"alice", "Alice", "ALICE", "aLiCe"}
	services := []string{"web", "mail"}
	burst := func(n int) {
		parallel(n, func(i int) account.Answer {
			return s.try(services[i%2], names[i%4], "alice-password", account.Secret(fmt.Sprintf("%06d", i)))
		})
	}
	burst(500)
	for range 11 {
		s.move(5 * time.Second)
		burst(8)
	}
	if n := len(code.asked); n > 5 || n == 0 {
		t.Errorf("%d codes were judged in the first minute", n)
	}
	for range 24*30 - 1 {
		s.move(2 * time.Minute)
		burst(4)
	}
	if n := len(code.asked); n > 20 || n < 10 {
		t.Errorf("%d codes were judged in the first day", n)
	}
}

// Where a protocol carries no address, the person stands in for it, in
// whatever spelling: full-width letters are no second budget.
func TestWithoutAnAddressAllSpellingsAreOneSource(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		s := newScene(t, func(s *scene) { s.limits.SourcePerMinute = 6 })
		wide := strings.Map(func(r rune) rune { return r - 'a' + 'ａ' }, name)
		spellings := []string{name, strings.ToUpper(name), wide}
		var wrong [7]string
		for i := range wrong {
			_, wrong[i] = s.enroll("carla", apppassword.Factor{}, nil)
		}
		try := func(service, name string, i int) account.Answer {
			return s.engine.Check(context.Background(), account.Attempt{Service: service, Name: name, Password: account.Secret(wrong[i])})
		}
		for i := range 6 {
			if ans := try("dav", spellings[i%3], i); ans.Reason == account.Throttled {
				t.Fatalf("%s has to wait after %d", name, i)
			}
		}
		for _, spelling := range spellings {
			want(t, try("dav", spelling, 6), factor.Deny, account.Throttled)
		}
		if ans := try("dav", "bert", 1); ans.Reason == account.Throttled {
			t.Errorf("bert waits for %s", name)
		}
		if ans := try("card", name, 1); ans.Reason == account.Throttled {
			t.Error("another service waits, too")
		}
	}
}

// On the morning after a deadline all old programs of a campus send the normal
// password, from one address. That is no guess, so it is not held against whoever
// else is behind the address, and is no attack. It is bounded all the same.
func TestWhatCannotBeRightIsNoGuess(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits = throttle.Defaults() })
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	for i := range 3000 {
		for _, name := range []string{"bert", "nobody"} {
			want(t, s.try("dav", name, account.Secret(fmt.Sprint("old password ", i)), ""), factor.Deny, account.AppPasswordRequired)
		}
	}
	want(t, s.try("dav", "bert", "one more", ""), factor.Deny, account.Throttled)
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Accept, account.OK)
	want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.EnrollRequired)
	if s.throttle.UnderAttack() {
		t.Error("it passes for an attack")
	}
	// A guess is counted as ever.
	for range 60 {
		_, never := s.enroll("carla", apppassword.Factor{}, nil)
		want(t, s.try("dav", "alice", account.Secret(never), ""), factor.Deny, account.BadCredentials)
	}
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.Throttled)
}
