package check_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// parallel asks n times at once and counts the verdicts.
func parallel(n int, ask func(i int) account.Answer) (accepted int, others map[account.Reason]int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	others = map[account.Reason]int{}
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			ans := ask(i)
			mu.Lock()
			defer mu.Unlock()
			if ans.Verdict == factor.Accept {
				accepted++
				return
			}
			others[ans.Reason]++
		})
	}
	close(start)
	wg.Wait()
	return accepted, others
}

// One code, 256 clients, two engines over one store: exactly one gets in.
func TestNeverAcceptsACodeTwice(t *testing.T) {
	for _, c := range []struct {
		name   string
		roomy  bool
		rounds int
	}{{"roomy limits", true, 15}, {"default limits", false, 5}} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, func(s *scene) {
				if c.roomy {
					s.limits = roomy()
				}
			})
			second, err := check.New(s.cfg)
			if err != nil {
				t.Fatal(err)
			}
			engines := []*check.Engine{s.engine, second}
			for round := range c.rounds {
				name := fmt.Sprintf("racer%d", round)
				s.person(name, account.Fit)
				_, key := s.enroll(name, totp.Factor{}, nil)
				code := s.code(key)
				n, others := parallel(256, func(i int) account.Answer {
					return engines[i%2].Check(context.Background(), account.Attempt{
						Service: "web", Name: name, Password: account.Secret(name + "-password"), Code: code, Client: home(),
					})
				})
				if n != 1 {
					t.Fatalf("round %d: %d accepts, %v", round, n, others)
				}
				// On a slow machine the last of the queue run out of time.
				for r := range others {
					if !slices.Contains([]account.Reason{account.CodeUsed, account.Throttled, account.StoreUnavailable, account.PluginUnavailable}, r) {
						t.Errorf("round %d: %v", round, others)
					}
				}
				s.move(31 * time.Second)
			}
		})
	}
}

func TestNeverAcceptsATicketTwice(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits = roomy() })
	_, sheet := s.enroll("alice", recovery.New(), nil)
	codes := strings.Split(sheet, "\n")
	ticket := s.ticket("alice")
	// Each of them has a good code of its own: only the ticket is one.
	n, others := parallel(40, func(i int) account.Answer {
		return s.engine.Check(context.Background(), account.Attempt{Service: "web", Ticket: ticket, Code: account.Secret(codes[i%10]), Client: home()})
	})
	if n != 1 {
		t.Fatalf("%d accepts, %v", n, others)
	}
	if others[account.StoreUnavailable] > 0 {
		t.Errorf("a used ticket is told as an outage: %v", others)
	}
}

// ticket is what somebody with a right password and no code gets.
func (s *scene) ticket(name string) account.Secret {
	s.t.Helper()
	ans := s.engine.Check(context.Background(), account.Attempt{
		Service: "web", Name: name, Password: account.Secret(name + "-password"), WantTicket: true, Client: home()})
	want(s.t, ans, factor.Deny, account.CodeRequired)
	if ans.Ticket == "" {
		s.t.Fatal("no ticket")
	}
	return ans.Ticket
}

func TestATicketStandsForThePasswordAndNothingElse(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	_, bert := s.enroll("bert", totp.Factor{}, nil)
	redeem := func(service, name string, ticket, code account.Secret) account.Answer {
		return s.engine.Check(context.Background(), account.Attempt{
			Service: service, Name: name, Ticket: ticket, Code: code, WantTicket: true, Client: home()})
	}
	ticket := s.ticket("alice")
	binds := len(s.people.bound)
	want(t, redeem("mail", "alice", ticket, s.code(key)), factor.Deny, account.BadCredentials) // another service
	want(t, redeem("web", "bert", ticket, s.code(bert)), factor.Deny, account.CodeWrong)       // it is alice's, whatever is typed
	want(t, redeem("web", "", "forged", s.code(key)), factor.Deny, account.BadCredentials)
	again := redeem("web", "", ticket, "")
	want(t, again, factor.Deny, account.CodeRequired)
	if again.Ticket != ticket {
		t.Error("a ticket begot a ticket: it would never end")
	}
	if len(s.people.bound) != binds {
		t.Error("a ticket led to a bind")
	}
	for reason, change := range map[account.Reason]func(){
		account.AccountDisabled: func() { s.person("alice", account.Disabled) },
		account.UnknownUser:     func() { delete(s.people.facts, "alice") },
		account.BadCredentials: func() {
			s.person("alice", account.Fit)
			f := s.people.facts["alice"]
			f.ID = "id-new"
			s.people.facts["alice"] = f
		},
	} {
		change()
		want(t, redeem("web", "", ticket, s.code(key)), factor.Deny, account.BadCredentials)
		if got := s.journal.last().Reason; got != reason {
			t.Errorf("noted %s, want %s", got, reason)
		}
	}
	if len(s.people.decoys) > 0 {
		t.Error("a ticket led to a decoy bind")
	}
	s.person("alice", account.Fit)
	ans := redeem("web", "", ticket, s.code(key))
	want(t, ans, factor.Accept, account.OK)
	if ans.Ticket == "" || ans.Ticket == ticket {
		t.Error("no ticket to open the page with")
	}
	want(t, redeem("web", "", ticket, s.code(key)), factor.Deny, account.BadCredentials)
	late := s.ticket("alice")
	s.move(5 * time.Minute)
	want(t, redeem("web", "", late, s.code(key)), factor.Deny, account.BadCredentials)
}

func TestARecoveryCodeWorksOnceAndTheyCountDown(t *testing.T) {
	s := newScene(t, nil)
	r, sheet := s.enroll("alice", recovery.New(), nil)
	for i, code := range strings.Split(sheet, "\n") {
		want(t, s.try("web", "alice", "alice-password", account.Secret(code)), factor.Accept, account.OK)
		snap, err := s.real.Load(context.Background(), "id-alice")
		if err != nil || snap.Records[0].Uses != 9-i || snap.Records[0].ID != r.ID {
			t.Fatalf("after code %d: %+v, %v", i, snap, err)
		}
		if i == 4 {
			want(t, s.try("web", "alice", "alice-password", account.Secret(code)), factor.Deny, account.CodeUsed)
		}
	}
	// Used up is like never enrolled: the set-up, and nothing else.
	want(t, s.try("web", "alice", "alice-password", account.Secret(strings.Split(sheet, "\n")[0])), factor.Deny, account.EnrollRequired)
}

// A claiming factor whose inputs are used up is written before the yes, too.
func TestNeverAcceptsAnAppPasswordMoreOftenThanItsUses(t *testing.T) {
	s := newScene(t, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.Uses = 1 })
	n, others := parallel(64, func(int) account.Answer { return s.try("dav", "alice", account.Secret(app), "") })
	if n != 1 {
		t.Fatalf("%d accepts, %v", n, others)
	}
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.AppPasswordExpired)
}

// What a plugin may not say never lets anybody in, and is an alarm.
func TestALyingPluginLetsNobodyIn(t *testing.T) {
	other := account.Record{ID: "rec-of-bert", Subject: "id-bert", Factor: "totp", Uses: -1, Format: 1, Payload: []byte("x")}
	big := make([]byte, factor.MaxPayload+1)
	for name, c := range map[string]struct {
		result func(own string) factor.Result
		err    error
	}{
		"a record that it was not shown": {func(string) factor.Result { return factor.Result{Verdict: factor.Accept, Record: "none"} }, nil},
		"no record":                      {func(string) factor.Result { return factor.Result{Verdict: factor.Accept} }, nil},
		"another person's record":        {func(string) factor.Result { return factor.Result{Verdict: factor.Accept, Record: other.ID} }, nil},
		"a payload out of bounds": {func(own string) factor.Result {
			return factor.Result{Verdict: factor.Accept, Record: own, Payload: big}
		}, nil},
		"an error with the accept": {func(own string) factor.Result { return factor.Result{Verdict: factor.Accept, Record: own} }, errOutage},
	} {
		for _, service := range []string{"web", "dav"} {
			liar := &crooked{Factor: totp.Factor{}}
			app := &crooked{Factor: apppassword.Factor{}}
			s := newScene(t, func(s *scene) { s.cfg.Factors[0].Plugin, s.cfg.Factors[2].Plugin = liar, app })
			s.put(other)
			r, _ := s.enroll("alice", totp.Factor{}, nil)
			a, typed := s.enroll("alice", apppassword.Factor{}, nil)
			liar.say(c.result(r.ID), c.err)
			app.say(c.result(a.ID), c.err)
			password := account.Secret("alice-password")
			if service == "dav" {
				password = account.Secret(typed)
			}
			ans := s.try(service, "alice", password, "123456")
			if ans.Verdict != factor.Unavailable || ans.Reason != account.PluginUnavailable {
				t.Errorf("%s, %s: %s %s", name, service, ans.Verdict, ans.Reason)
			}
			if s.journal.count(account.ActAlarm) != 1 {
				t.Errorf("%s, %s: %d alarms", name, service, s.journal.count(account.ActAlarm))
			}
		}
	}
}

func TestAPluginCannotGiveUsesBackOrWipeARecord(t *testing.T) {
	for said, left := range map[int]int{99: 9, 10: 9, 9: 9, 4: 4, 0: 0, -1: 0} {
		crook := &crooked{Factor: recovery.New()}
		s := newScene(t, func(s *scene) { s.cfg.Factors[1].Plugin = crook })
		r, _ := s.enroll("alice", recovery.New(), nil)
		crook.say(factor.Result{Verdict: factor.Accept, Record: r.ID, Uses: said, Payload: []byte{}}, nil)
		want(t, s.try("web", "alice", "alice-password", "00000-00000-00000"), factor.Accept, account.OK)
		snap, err := s.real.Load(context.Background(), "id-alice", "recovery")
		if err != nil || snap.Records[0].Uses != left {
			t.Errorf("said %d: %d left, %v", said, snap.Records[0].Uses, err)
		}
		if len(snap.Records[0].Payload) == 0 {
			t.Error("an empty payload wiped the record")
		}
	}
}
