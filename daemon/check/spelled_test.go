package check_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// spelt is a scene in which one wrong secret is one too many for a source, and
// alice has one of everything.
type spelt struct {
	*scene
	app, once, sheet, key string
}

func newSpelt(t *testing.T) *spelt {
	s := &spelt{scene: newScene(t, func(s *scene) {
		s.limits = roomy()
		s.limits.SourcePerMinute = 1
	})}
	_, s.key = s.enroll("alice", totp.Factor{}, nil)
	_, s.sheet = s.enroll("alice", recovery.New(), nil)
	_, s.app = s.enroll("alice", apppassword.Factor{}, nil)
	_, s.once = s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.Uses = 1 })
	return s
}

// ways are the right secrets of every way in.
func (s *spelt) ways() map[string]account.Attempt {
	sheet := account.Secret(strings.Split(s.sheet, "\n")[0])
	return map[string]account.Attempt{
		"app password":             {Service: "dav", Password: account.Secret(s.app)},
		"app password of one use":  {Service: "dav", Password: account.Secret(s.once)},
		"password and code":        {Service: "web", Password: "alice-password", Code: s.code(s.key)},
		"one field":                {Service: "web", Password: "alice-password" + s.code(s.key), OneField: true},
		"password, emergency code": {Service: "web", Password: "alice-password", Code: sheet},
		"password alone":           {Service: "plain", Password: "alice-password"},
	}
}

func (s *spelt) asks(a account.Attempt, typed, spelled string) account.Answer {
	a.Name, a.Spelled, a.Client, a.WantTicket = typed, spelled, home(), true
	return s.engine.Check(context.Background(), a)
}

// A program that goes on with the login as it was typed gets in by the one
// spelling that the directory has, whatever the way. Another one, with all else
// right, is told so; it burns no code, counts nowhere and slows nobody down.
func TestOnlyTheCanonicalSpellingGetsInWhereAProgramKeepsIt(t *testing.T) {
	for way := range newSpelt(t).ways() {
		t.Run(way, func(t *testing.T) {
			s := newSpelt(t)
			a := s.ways()[way]
			for range 5 {
				for _, other := range []string{"Alice", "ALICE", "ａｌｉｃｅ", "alice "} {
					ans := s.asks(a, "alice", other)
					want(t, ans, factor.Deny, account.WrongSpelling)
					if ans.Ticket != "" || ans.Subject.ID != "" {
						t.Fatalf("the refusal of %q carries %+v", other, ans)
					}
				}
			}
			if e := s.journal.last(); e.Reason != account.WrongSpelling || e.Verdict != factor.Deny || e.Name != "alice" {
				t.Errorf("told of %+v", e)
			}
			if n, m, o := s.tries("alice", ""), s.tries("alice", "totp"), s.tries("alice", "recovery"); n+m+o != 0 {
				t.Errorf("%d passwords, %d codes and %d emergency codes stay counted", n, m, o)
			}
			if wait := s.throttle.MaySend(home(), "web", "alice"); wait != 0 {
				t.Errorf("the source has to wait %s", wait)
			}
			if n := s.journal.used; len(n) != 0 {
				t.Errorf("%d uses were noted", len(n))
			}
			events, err := s.real.Events(context.Background(), 0, 100)
			if err != nil || len(events) != 0 {
				t.Errorf("audited %v, %v", events, err)
			}
			// However it was typed, and with the very code that was shown before.
			want(t, s.asks(a, "ALICE", "alice"), factor.Accept, account.OK)
		})
	}
}

// Where no password stands before a code, it is not told why.
func TestACodeAloneGetsInByTheCanonicalSpellingOnly(t *testing.T) {
	s := newSpelt(t)
	a := account.Attempt{Service: "door", Password: s.code(s.key)}
	want(t, s.asks(a, "alice", "Alice"), factor.Deny, account.BadCredentials)
	if got := s.journal.last().Reason; got != account.WrongSpelling {
		t.Errorf("noted %s", got)
	}
	if wait, tries, err := s.throttle.WaitAlone(context.Background(), "id-alice", "totp"); wait != 0 || tries != 0 || err != nil {
		t.Errorf("%s, %d tries, %v", wait, tries, err)
	}
	want(t, s.asks(a, "alice", "alice"), factor.Accept, account.OK)
}

// Where the program takes the name of the answer, all spellings get in.
func TestWithoutASpellingToKeepAllOfThemGetIn(t *testing.T) {
	for _, typed := range []string{"alice", "Alice", "ａｌｉｃｅ"} {
		s := newSpelt(t)
		for way := range s.ways() {
			s.move(31 * time.Second) // another code
			ans := s.asks(s.ways()[way], typed, "")
			want(t, ans, factor.Accept, account.OK)
			if ans.Subject.Name != "alice" {
				t.Errorf("%s, %s: the answer names %q", way, typed, ans.Subject.Name)
			}
		}
	}
}

// The spelling is the last question: whoever has anything else wrong hears what
// they would hear without it, and nothing of the spelling.
func TestASpellingIsNotToldWhereAnythingElseIsWrong(t *testing.T) {
	cases := []struct {
		name, typed string
		a           account.Attempt
		with        func(s *spelt)
	}{
		{"wrong app password", "alice", account.Attempt{Service: "dav", Password: "0000-0000-0000-0000-0000-0000"}, nil},
		{"mistyped app password", "alice", account.Attempt{Service: "dav", Password: "0000-0000-0000-0000-0000-0001"}, nil},
		{"password for a calendar", "alice", account.Attempt{Service: "dav", Password: "alice-password"}, nil},
		{"wrong password", "alice", account.Attempt{Service: "web", Password: "wrong", Code: "123456"}, nil},
		{"wrong password alone", "alice", account.Attempt{Service: "plain", Password: "wrong"}, nil},
		{"wrong code", "alice", account.Attempt{Service: "web", Password: "alice-password", Code: "x"}, nil},
		{"no code", "alice", account.Attempt{Service: "web", Password: "alice-password"}, nil},
		{"nothing set up", "bert", account.Attempt{Service: "web", Password: "bert-password"}, nil},
		{"nobody", "nobody", account.Attempt{Service: "web", Password: "x"}, nil},
		{"outage", "carla", account.Attempt{Service: "plain", Password: "carla-password"},
			func(s *spelt) { s.people.bindErr = errOutage }},
		{"disabled", "alice", account.Attempt{Service: "plain", Password: "alice-password"},
			func(s *spelt) { s.people.bindErr = nil; s.person("alice", account.Disabled) }},
	}
	heard := make([][]account.Answer, len(cases))
	for _, spelled := range []string{"", "Alice", "alice"} {
		s := newSpelt(t)
		for i, c := range cases {
			s.move(time.Hour) // nobody waits for the case before
			if c.with != nil {
				c.with(s)
			}
			heard[i] = append(heard[i], s.asks(c.a, c.typed, spelled))
		}
	}
	for i, c := range cases {
		for _, ans := range heard[i] {
			if ans.Verdict != heard[i][0].Verdict || ans.Reason != heard[i][0].Reason || (ans.Ticket != "") != (heard[i][0].Ticket != "") ||
				ans.Verdict == factor.Accept || ans.Reason == account.WrongSpelling || ans.Reason == account.Throttled {
				t.Errorf("%s: heard %v", c.name, heard[i])
				break
			}
		}
	}
	s := newSpelt(t)
	revoked, typed := s.enroll("alice", apppassword.Factor{}, nil)
	revoked.Revoked = s.clock.Now()
	s.put(revoked)
	want(t, s.asks(account.Attempt{Service: "dav", Password: account.Secret(typed)}, "alice", "Alice"), factor.Deny, account.AppPasswordRevoked)
	_, mail := s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.Services = []string{"mail"} })
	want(t, s.asks(account.Attempt{Service: "dav", Password: account.Secret(mail)}, "alice", "Alice"), factor.Deny, account.WrongService)
	// A ticket stands for the password, and for nothing else.
	ticket := s.ticket("alice")
	s.move(31 * time.Second)
	want(t, s.asks(account.Attempt{Service: "web", Ticket: ticket, Code: s.code(s.key)}, "", "Alice"), factor.Deny, account.WrongSpelling)
	want(t, s.asks(account.Attempt{Service: "web", Ticket: ticket, Code: s.code(s.key)}, "", "alice"), factor.Accept, account.OK)
}
