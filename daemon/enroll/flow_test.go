package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
)

func phone() account.Client {
	return account.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "DAVx5/4.4"}
}

func (s *scene) ask() handover.Question {
	s.t.Helper()
	q, err := s.desk.AskFlow(phone())
	if err != nil {
		s.t.Fatal(err)
	}
	return q
}

func (s *scene) grant(token account.Secret, q handover.Question) {
	s.t.Helper()
	if err := s.desk.GrantFlow(context.Background(), token, account.Secret(q.Link), enroll.Wish{Label: "Handy", Services: []string{"dav"}}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) fetch(q handover.Question) (handover.Fetched, error) {
	return s.desk.FetchFlow(context.Background(), q.Ticket, phone())
}

// granted is account.ErrNotFound where no grant of the question is kept.
func (s *scene) granted(q handover.Question) error {
	_, err := s.store.Token(context.Background(), account.TokenRef{Kind: account.TokenFlow, Hash: account.HashToken(s.mac, account.TokenFlow, q.Ticket)})
	return err
}

// isOver fails unless the error says that the program's question is over.
func isOver(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, handover.ErrOver) {
		t.Fatalf("got %v, want that the question is over", err)
	}
}

// A program asks, its owner grants, it fetches: once, and nothing secret has
// been anywhere before.
func TestAProgramFetchesItsOwnAppPassword(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	q := s.ask()
	if strings.Contains(q.Link, q.Ticket.Reveal()) || len(q.Ticket) < 40 || q.Ticket == s.ask().Ticket {
		t.Error("the ticket is in the link, short, or the same twice")
	}
	a, err := s.desk.Flow(ctx, account.Secret(q.Link))
	if err != nil || a.Client != phone() || !a.At.Equal(s.clock()) {
		t.Fatalf("asked is %+v, %v", a, err)
	}
	_, err = s.fetch(q)
	isOver(t, err)
	s.grant(done.Session.Token, q)
	if s.active("alice", "app-password") != 0 {
		t.Error("there is an app password before it is fetched")
	}
	got, err := s.fetch(q)
	if err != nil || got.Name != "alice" || !s.verify("alice", "app-password", got.Secret) {
		t.Fatalf("fetched %+v, %v", got, err)
	}
	if said := fmt.Sprintf("%v %+v %#v %v", got, got, q, q); strings.Contains(said, got.Secret.Reveal()) || strings.Contains(said, q.Ticket.Reveal()) {
		t.Error("it prints its secret:", said)
	}
	over(t, s.granted(q))
	_, err = s.fetch(q)
	isOver(t, err)
	_, err = s.desk.Flow(ctx, account.Secret(q.Link))
	isOver(t, err)
	isOver(t, s.desk.GrantFlow(ctx, done.Session.Token, account.Secret(q.Link), enroll.Wish{Label: "again"}))
	v, err := s.desk.View(ctx, done.Session.Token)
	if err != nil || len(v.AppPasswords) != 1 || v.AppPasswords[0].Label != "Handy" || len(v.AppPasswords[0].Services) != 1 || v.AppPasswords[0].Services[0] != "dav" {
		t.Errorf("%+v, %v", v.AppPasswords, err)
	}
	events, err := s.store.Events(ctx, 0, 100)
	last := events[len(events)-1]
	if err != nil || last.Act != account.ActIssue || last.Actor != "user" || last.Label != "Handy" || last.Name != "alice" ||
		last.Agent != "DAVx5/4.4" || last.Address != "192.0.2.7" || last.Record != v.AppPasswords[0].ID {
		t.Errorf("the audit ends with %+v, %v", last, err)
	}
	if told := s.events[len(s.events)-1]; told.Act != account.ActIssue || told.Label != "Handy" {
		t.Errorf("the journal hears %+v", told)
	}
}

// Sixty-four that ask at the same moment: one gets it. So on two nodes, and where
// two windows have granted.
func TestOneOfManyPollersGetsIt(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	other, _, err := enroll.New(s.cfg) // another node on the same store
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		q := s.ask()
		s.grant(done.Session.Token, q)
		var got, failed sync.Map
		var all sync.WaitGroup
		for n := range 64 {
			desk := s.desk
			if n%2 == 0 {
				desk = other
			}
			all.Go(func() {
				f, err := desk.FetchFlow(ctx, q.Ticket, phone())
				switch {
				case err == nil:
					got.Store(n, f)
				case !errors.Is(err, handover.ErrOver) && !errors.Is(err, account.ErrUnavailable):
					failed.Store(n, err)
				}
			})
		}
		all.Wait()
		count := 0
		got.Range(func(any, any) bool { count++; return true })
		failed.Range(func(n, err any) bool { t.Errorf("poller %v: %v", n, err); return true })
		if count != 1 || s.active("alice", "app-password") != round+1 {
			t.Fatalf("round %d: %d got it, %d app passwords are there", round, count, s.active("alice", "app-password"))
		}
	}
}

// A second grant, by somebody who looked before the first was fetched and writes
// after it, is refused or worth nothing: the one program gets one.
func TestASecondGrantOfTheSameQuestionFetchesNothing(t *testing.T) {
	m := &flaky{}
	s := newScene(t, func(c *enroll.Config) { m.Store = c.Store; c.Store = m })
	done, _ := s.setUp("alice")
	bert, _ := s.setUp("bert")
	for name, token := range map[string]account.Secret{"alice": done.Session.Token, "bert": bert.Session.Token} {
		q := s.ask()
		s.grant(done.Session.Token, q)
		before := s.active("alice", "app-password")
		m.blind, m.beforeCommit = true, func() {
			if _, err := s.fetch(q); err != nil {
				t.Fatal(err)
			}
		}
		err := s.desk.GrantFlow(context.Background(), token, account.Secret(q.Link), enroll.Wish{Label: "second"})
		if m.beforeCommit != nil || name == "alice" && !errors.Is(err, handover.ErrOver) || name == "bert" && err != nil {
			t.Fatalf("%s grants too late: %v", name, err)
		}
		_, err = s.fetch(q)
		isOver(t, err)
		if a, b := s.active("alice", "app-password"), s.active("bert", "app-password"); a != before+1 || b != 0 {
			t.Errorf("after the second grant by %s there are %d and %d", name, a, b)
		}
	}
}

// An outage at any step changes nothing: the program asks again and gets it.
func TestAnOutageLeavesNothingHalfFetched(t *testing.T) {
	m, plugin := &flaky{}, &broken{}
	s, ctx := newScene(t, func(c *enroll.Config) {
		m.Store, plugin.Factor = c.Store, c.Factors["app-password"].Plugin
		c.Store, c.Factors["app-password"] = m, enroll.Factor{Info: c.Factors["app-password"].Info, Plugin: plugin}
	}), context.Background()
	done, _ := s.setUp("alice")
	for made, outage := range []string{"Token flow", "Token flow_done", "Load", "Commit", "directory", "plugin"} {
		q := s.ask()
		on := func() {
			m.fail, plugin.away = outage, outage == "plugin"
			if s.away = nil; outage == "directory" {
				s.away = account.ErrUnavailable
			}
		}
		off := func() { m.fail, plugin.away, s.away = "", false, nil }
		if outage != "plugin" { // a grant asks no plugin
			on()
			err := s.desk.GrantFlow(ctx, done.Session.Token, account.Secret(q.Link), enroll.Wish{Label: "x"})
			if !errors.Is(err, account.ErrUnavailable) {
				t.Errorf("%s: granted with %v", outage, err)
			}
			off()
			_, err = s.fetch(q)
			isOver(t, err)
		}
		s.grant(done.Session.Token, q)
		on()
		if _, err := s.fetch(q); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: fetched with %v", outage, err)
		}
		off()
		if s.active("alice", "app-password") != made {
			t.Errorf("%s: it made one", outage)
		}
		if got, err := s.fetch(q); err != nil || !s.verify("alice", "app-password", got.Secret) {
			t.Errorf("after %s: %v", outage, err)
		}
	}
	q := s.ask()
	s.grant(done.Session.Token, q)
	m.fail, m.unsure = "Commit", true
	if _, err := s.fetch(q); !errors.Is(err, account.ErrUnavailable) {
		t.Error("a write that may have happened:", err)
	}
	m.fail = ""
	_, err := s.fetch(q)
	isOver(t, err) // it did happen: the owner sees one more, and removes it
	if n := s.active("alice", "app-password"); n != 7 {
		t.Errorf("%d app passwords", n)
	}
}

// Who may grant: the owner of a full session, who signed in a moment ago.
func TestOnlyAFreshFullSessionGrants(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	q, wish := s.ask(), enroll.Wish{Label: "x"}
	over(t, s.desk.GrantFlow(ctx, "full.nobody", account.Secret(q.Link), wish))
	refused(t, s.desk.GrantFlow(ctx, s.open(account.TicketEnroll, "bert"), account.Secret(q.Link), wish), account.EnrollRequired)
	done, _ := s.setUp("alice")
	token := done.Session.Token
	for _, bad := range []enroll.Wish{{}, {Label: "a\nb"}, {Label: "x", Services: []string{"ssh"}}, {Label: "x", Life: -1}} {
		refused(t, s.desk.GrantFlow(ctx, token, account.Secret(q.Link), bad), account.Malformed)
	}
	s.move(10 * time.Minute)
	refused(t, s.desk.GrantFlow(ctx, token, account.Secret(q.Link), wish), account.CodeRequired)
	_, err := s.fetch(q)
	isOver(t, err)
	full := s.open(account.TicketEntry, "alice")
	for i := range 50 {
		if _, err := s.desk.Issue(ctx, full, enroll.Wish{Label: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, s.desk.GrantFlow(ctx, full, account.Secret(q.Link), wish), account.NotAllowed)
}

// What the grant hangs on may be gone before the program fetches.
func TestAGrantEnds(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(s *scene, token account.Secret){
		"in time":        func(s *scene, _ account.Secret) { s.move(5 * time.Minute) },
		"reset":          func(s *scene, _ account.Secret) { _, err := s.support.Reset(ctx, order("alice")); s.ok(err) },
		"sessions ended": func(s *scene, _ account.Secret) { s.ok(s.support.EndSessions(ctx, order("alice"))) },
		"all ended by support": func(s *scene, token account.Secret) {
			_, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "x"})
			s.ok(err)
			_, err = s.support.Revoke(ctx, order("alice"))
			s.ok(err)
		},
		"account disabled": func(s *scene, _ account.Secret) {
			s.facts["alice"] = account.Facts{Subject: s.facts["alice"].Subject, Fitness: account.Disabled}
		},
		"account gone": func(s *scene, _ account.Secret) { delete(s.facts, "alice") },
		"name recycled": func(s *scene, _ account.Secret) {
			s.facts["alice"] = account.Facts{Subject: account.Subject{ID: "id-2", Name: "alice"}, Fitness: account.Fit}
		},
		"clock is set back": func(s *scene, _ account.Secret) { s.move(-2 * time.Minute) },
		"another phone": func(s *scene, token account.Secret) {
			_, err := s.desk.Confirm(ctx, token, s.code(s.begin(token).Setup.Secret))
			s.ok(err)
		},
		"the list is full": func(s *scene, token account.Secret) {
			for i := range 50 {
				_, err := s.desk.Issue(ctx, token, enroll.Wish{Label: fmt.Sprint(i)})
				s.ok(err)
			}
		},
	} {
		s := newScene(t, nil)
		done, _ := s.setUp("alice")
		s.move(time.Minute) // another code than that of the set-up
		q := s.ask()
		s.grant(done.Session.Token, q)
		end(s, done.Session.Token)
		if name == "reset" {
			over(t, s.granted(q))
		}
		before := s.active("alice", "app-password")
		_, err := s.fetch(q)
		if !errors.Is(err, handover.ErrOver) || s.active("alice", "app-password") != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s *scene) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// A question lives for twenty minutes, on every node, and nothing can be made of
// it that was not asked.
func TestQuestionsCannotBeMadeUp(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	q, other := s.ask(), s.ask()
	s.grant(done.Session.Token, q)
	flip := func(text string, at int) string {
		b := []byte(text)
		if b[at]++; b[at] == '9'+1 || b[at] == 'Z'+1 || b[at] == 'z'+1 || b[at] == '-'+1 || b[at] == '_'+1 {
			b[at] = 'M'
		}
		return string(b)
	}
	m := &flaky{fail: "Token flow"}
	strict := newScene(t, func(c *enroll.Config) { m.Store = c.Store; c.Store = m })
	for at := range len(q.Ticket) {
		bad := account.Secret(flip(q.Ticket.Reveal(), at))
		_, err := s.desk.FetchFlow(ctx, bad, phone())
		isOver(t, err)
		_, err = strict.desk.FetchFlow(ctx, bad, phone()) // and the store is not asked
		isOver(t, err)
	}
	for at := range len(q.Link) {
		_, err := s.desk.Flow(ctx, account.Secret(flip(other.Link, at)))
		isOver(t, err)
	}
	for _, bad := range []string{"", "x", q.Link, other.Link[:60], other.Link + "=", other.Ticket.Reveal(), strings.Repeat("A", 100_000)} {
		_, err := s.desk.FetchFlow(ctx, account.Secret(bad), phone())
		isOver(t, err)
		_, err = s.desk.Flow(ctx, account.Secret(bad))
		isOver(t, err)
	}
	if _, err := s.fetch(q); err != nil {
		t.Error("the genuine one:", err)
	}
	s.move(20*time.Minute - time.Second)
	if _, err := s.desk.Flow(ctx, account.Secret(other.Link)); err != nil {
		t.Error("a second before its time:", err)
	}
	full := s.open(account.TicketEntry, "alice")
	s.grant(full, other)
	s.move(time.Second)
	_, err := s.fetch(other)
	isOver(t, err)
	_, err = s.desk.Flow(ctx, account.Secret(other.Link))
	isOver(t, err)
	late := s.ask()
	s.move(-2 * time.Minute) // a question from the future is none
	_, err = s.desk.Flow(ctx, account.Secret(late.Link))
	isOver(t, err)
}
