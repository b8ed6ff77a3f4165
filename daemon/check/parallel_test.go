package check_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// A device that opens many connections at once with its old password costs what
// one of them does.
func TestRule07TheSameWrongSecretInParallelCountsOnce(t *testing.T) {
	for _, who := range []string{"alice", "nobody"} {
		for round := range 5 {
			s := newScene(t, func(s *scene) { s.limits = roomy() })
			n, others := parallel(64, func(int) account.Answer { return s.try("web", who, "an old password", "") })
			if n != 0 || len(others) != 1 || others[account.BadCredentials]+others[account.UnknownUser] != 64 {
				t.Errorf("%s, round %d: %d accepts, %v", who, round, n, others)
			}
			if n := len(s.people.bound) + len(s.people.decoys); n != 1 {
				t.Errorf("%s, round %d: it was bound %d times", who, round, n)
			}
			if n := s.tries("alice", ""); who == "alice" && n != 1 {
				t.Errorf("round %d: it counts %d times", round, n)
			}
		}
	}
}

// Who waits for the same question shares a no, never a yes.
func TestRule05RightPasswordsInParallelAreEachJudged(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits = roomy() })
	n, others := parallel(64, func(int) account.Answer { return s.try("plain", "alice", "alice-password", "") })
	if n != 64 || len(s.people.bound) != 64 {
		t.Errorf("%d accepts after %d binds, %v", n, len(s.people.bound), others)
	}
	if n := s.tries("alice", ""); n != 0 {
		t.Errorf("%d tries stay counted", n)
	}
}

// A device on an account that the directory keeps locked is not sent there at
// every sync; once the password was changed, it is asked anew.
func TestRule07ALockedAccountIsRememberedToo(t *testing.T) {
	s := newScene(t, nil)
	s.people.says = account.AccountLockedByDirectory
	for range 10 {
		want(t, s.try("web", "alice", "alice-password", ""), factor.Deny, account.AccountLockedByDirectory)
	}
	if len(s.people.bound) != 1 || s.tries("alice", "") != 1 {
		t.Errorf("%d binds, %d tries are counted", len(s.people.bound), s.tries("alice", ""))
	}
	s.move(time.Minute)
	f := s.people.facts["alice"]
	f.PasswordChanged = s.clock.Now()
	s.people.facts["alice"], s.people.says = f, ""
	want(t, s.try("plain", "alice", "alice-password", ""), factor.Accept, account.OK)
}

// However many wrong secrets strangers send, or anybody to an app password
// service, what a device of somebody sends again and again stays remembered.
func TestNoiseEvictsNoRefusal(t *testing.T) {
	const noise = 1<<14 + 10
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), password: factor.Deny}
	plugins := map[string]*scripted{"code-a": {}, "code-b": {}, "claim": {verdict: factor.Deny}}
	e, err := w.engine(t, plugins, [][]string{{"directory"}, {"claim"}})
	if err != nil {
		t.Fatal(err)
	}
	try := func(fit, password string) {
		w.be(fit, w.now)
		e.Check(context.Background(), account.Attempt{Service: "s", Name: "alice", Password: account.Secret(password)})
	}
	try("fit", "an old password")
	for i := range noise {
		try("none", fmt.Sprint("of a stranger ", i))
		try("fit", fmt.Sprint("claim-", i))
	}
	try("fit", "an old password")
	if w.binds != 1 {
		t.Errorf("noise made the old password be bound %d times", w.binds)
	}
}

// Whoever has the password must not fill the audit with codes that cost nothing.
func TestCodesOfTheWrongFormFillNoAudit(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits = roomy() })
	s.enroll("alice", totp.Factor{}, nil)
	rows := func() int {
		events, err := s.real.Events(context.Background(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(events)
	}
	for i := range 500 {
		want(t, s.try("web", "alice", "alice-password", account.Secret(fmt.Sprint("no code ", i))), factor.Deny, account.CodeWrong)
	}
	if n := rows(); n != 1 {
		t.Errorf("%d rows in one minute", n)
	}
	s.move(time.Minute)
	s.try("web", "alice", "alice-password", "none")
	if n := rows(); n != 2 {
		t.Errorf("%d rows after a minute", n)
	}
	s.try("web", "alice", "alice-password", "000000") // this one is counted
	if n := rows(); n != 3 {
		t.Errorf("%d rows after a wrong code", n)
	}
}

// Whoever goes on against a code that has to wait is slowed down by source.
func TestCodesThatHaveToWaitCountAgainstTheirSource(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	tried := 0
	for ; tried < 200 && s.throttle.MaySend(home(), "web", "alice") == 0; tried++ {
		s.try("web", "alice", "alice-password", account.Secret(fmt.Sprintf("%06d", tried)))
	}
	if tried > s.limits.SourcePerMinute+1 {
		t.Errorf("%d codes in one moment, %d a minute are allowed", tried, s.limits.SourcePerMinute)
	}
}
