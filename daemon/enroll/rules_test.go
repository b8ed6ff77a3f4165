package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
)

// acts are everything that an operator can do to a person.
func acts(s *scene) map[string]func(o enroll.Order) error {
	ctx := context.Background()
	return map[string]func(o enroll.Order) error{
		"reset":  func(o enroll.Order) error { _, err := s.support.Reset(ctx, o); return err },
		"code":   func(o enroll.Order) error { _, err := s.support.Code(ctx, o); return err },
		"unlock": func(o enroll.Order) error { return s.support.Unlock(ctx, o) },
		"app password": func(o enroll.Order) error {
			_, err := s.support.Issue(ctx, o, enroll.Wish{Label: "Copy room"})
			return err
		},
		"revocation":      func(o enroll.Order) error { _, err := s.support.Revoke(ctx, o); return err },
		"end of sessions": func(o enroll.Order) error { return s.support.EndSessions(ctx, o) },
	}
}

// barred fails unless the rules refused, and the audit says so with the operator,
// the verb and the reason.
func (s *scene) barred(what string, err error, sentence string) {
	s.t.Helper()
	var b *bylaws.Refusal
	if !errors.As(err, &b) || !strings.Contains(b.Sentence, sentence) || b.Hint == "" {
		s.t.Fatalf("%s: got %v, want a refusal that says %q", what, err, sentence)
	}
	all, err := s.store.Events(context.Background(), 0, 1000)
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%s: %d events, %v", what, len(all), err)
	}
	e, reason := all[len(all)-1], account.NotAllowed
	if b.RetryAfter > 0 {
		reason = account.Throttled
	}
	if e.Act != account.ActRefuse || e.Reason != reason || e.Verdict != factor.Deny || e.Label != what || e.Subject == "" || e.Actor == "" ||
		!strings.Contains(e.Note, b.Sentence) || !strings.Contains(e.Note, "lost phone") {
		s.t.Errorf("%s: the audit says %+v", what, e)
	}
	if told := s.events[len(s.events)-1]; told.Act != account.ActRefuse {
		s.t.Errorf("%s: counted as %s", what, told.Act)
	}
}

// by is an order of somebody of the desk.
func by(login, name string) enroll.Order {
	o := order(name)
	o.Operator, o.Login, o.Full = login+"(77)", login, false
	return o
}

// Nobody helps himself, whatever the login is called here and there; taking
// rights away from oneself is no help. Operators may if the config says so.
func TestNobodyHelpsHimself(t *testing.T) {
	for _, login := range []string{"alice", "ALICE", "al"} { // "al" is what the directory calls alice, too
		for _, own := range []bool{false, true} {
			s := newScene(t, func(c *enroll.Config) { c.Rules.OperatorsOwn = own })
			s.facts["al"] = s.facts["alice"]
			s.setUp("alice")
			for what, act := range acts(s) {
				opens := what != "revocation" && what != "end of sessions"
				if err := act(by(login, "alice")); opens {
					s.barred(what, err, "your own account")
				} else if err != nil && !errors.Is(err, account.ErrNotFound) {
					t.Errorf("%s by %s: %v", what, login, err)
				}
				full := by(login, "alice")
				full.Full = true
				if err := act(full); opens && !own {
					s.barred(what, err, "your own account")
				} else if b := new(bylaws.Refusal); errors.As(err, &b) && !strings.Contains(b.Sentence, "no phone") {
					t.Errorf("%s by the operator %s: %v", what, login, err)
				}
			}
		}
	}
}

// Where the machine knows no login for a uid, the desk cannot be told from the
// person, and is refused what would help itself.
func TestTheDeskNeedsALogin(t *testing.T) {
	s := newScene(t, nil)
	s.setUp("alice")
	for what, act := range acts(s) {
		o := by("", "alice")
		if err := act(o); what != "revocation" && what != "end of sessions" {
			s.barred(what, err, "your uid has no login")
		} else if err != nil && !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
		o.Full = true
		var no *bylaws.Refusal
		if err := act(o); errors.As(err, &no) && strings.Contains(no.Sentence, "your") {
			t.Errorf("%s by an operator: %v", what, err)
		}
	}
}

// An operator without an account in the directory is nobody else; where the
// directory cannot say so, the desk waits, and an operator goes on by id.
func TestWhoTheOperatorIs(t *testing.T) {
	s := newScene(t, nil)
	s.setUp("alice")
	if err := acts(s)["unlock"](by("root", "alice")); err != nil {
		t.Error(err)
	}
	s.away = fmt.Errorf("gone: %w", account.ErrUnavailable)
	if err := acts(s)["unlock"](by("anna", "id:id-alice")); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("the desk by id, the directory being away: %v", err)
	}
	for name, s := range map[string]*scene{"id:id-alice": s, "alice": newScene(t, func(c *enroll.Config) { c.Directory = lately{c.Directory, "alice"} })} {
		o := by("anna", name)
		o.Full = true
		if err := acts(s)["unlock"](o); err != nil {
			t.Errorf("%s by an operator: %v", name, err)
		}
		o.Full = false
		if err := acts(s)["unlock"](o); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s by the desk: %v", name, err)
		}
	}
	// Not even then for themselves, by a name that is theirs here or there.
	s = newScene(t, func(c *enroll.Config) { c.Directory = lately{c.Directory, "al"} })
	s.facts["al"] = s.facts["alice"]
	for _, login := range []string{"AL", "alice"} {
		o := by(login, "al")
		o.Full = true
		s.barred("unlock", acts(s)["unlock"](o), "your own account")
	}
}

// lately is a directory that is away, and remembers one person.
type lately struct {
	records.Directory
	name string
}

func (l lately) Find(ctx context.Context, name string) (account.Facts, error) {
	if name == l.name {
		return l.Directory.Find(ctx, name)
	}
	return account.Facts{}, fmt.Errorf("gone: %w", account.ErrUnavailable)
}

// People in protected groups are for operators only, for whatever is done.
func TestProtectedGroups(t *testing.T) {
	s := newScene(t, func(c *enroll.Config) {
		c.Rules.Protected = []string{"Board"}
		// Or an operator made app passwords for nobody.
		c.Leave = func(account.Subject, account.Snapshot) records.Leave { return records.Leave{ByOperator: true} }
	})
	f := s.facts["alice"]
	f.Groups = []string{"staff", "board"}
	s.facts["alice"] = f
	s.setUp("alice")
	for what, act := range acts(s) {
		s.barred(what, act(by("anna", "alice")), "a group that only operators may touch")
		s.barred(what, act(by("anna", "id:id-alice")), "Only operators may name a person by id")
	}
	for what, act := range acts(s) {
		o := by("olga", "alice")
		o.Full = true
		if err := act(o); err != nil && what != "revocation" && what != "code" {
			t.Errorf("%s by an operator: %v", what, err)
		}
	}
	f = s.facts["bert"]
	f.Groups = []string{"staff"}
	s.facts["bert"] = f
	if err := acts(s)["unlock"](by("anna", "bert")); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// Where tickets are compulsory, an order without one, or with something else, is
// refused; the operator can mend it.
func TestTickets(t *testing.T) {
	s := newScene(t, func(c *enroll.Config) {
		c.Rules.TicketRequired, c.Rules.TicketPattern = true, regexp.MustCompile(`INC[0-9]{5}|INC`)
	})
	s.setUp("alice")
	for ticket, want := range map[string]string{"": "compulsory", " ": "compulsory", "4711": "no ticket number", "INC123456": "no ticket number"} {
		for what, act := range acts(s) {
			o := by("anna", "alice")
			o.Ticket = ticket
			s.barred(what, act(o), want)
		}
	}
	o := by("anna", "alice")
	o.Ticket = "INC12345"
	if err := acts(s)["unlock"](o); err != nil {
		t.Error(err)
	}
}

// Each operator has an hour's budget of resets and another of codes. It outlives
// a restart, and what came to nothing is not counted.
func TestLimitsPerOperator(t *testing.T) {
	edit := func(c *enroll.Config) { c.Rules.ResetsPerHour, c.Rules.CodesPerHour = 2, 3 }
	for what, most := range map[string]int{"reset": 2, "code": 3} {
		s := newScene(t, edit)
		s.setUp("alice")
		if what == "code" {
			for range 5 { // bert has no phone: nothing is given out, nothing counted
				s.barred(what, acts(s)[what](by("anna", "bert")), "no phone")
			}
		}
		for range most {
			s.move(10 * time.Minute)
			if err := acts(s)[what](by("anna", "alice")); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		edit(&s.cfg)
		var err error
		if _, s.support, err = enroll.New(s.cfg); err != nil { // as after a restart
			t.Fatal(err)
		}
		err = acts(s)[what](by("anna", "alice"))
		s.barred(what, err, fmt.Sprintf("limit of %d in an hour", most))
		var b *bylaws.Refusal
		if want := time.Duration(60-10*(most-1)) * time.Minute; !errors.As(err, &b) || b.RetryAfter != want {
			t.Errorf("%s: wait %s, want %s", what, b.RetryAfter, want)
		}
		other := map[string]string{"reset": "code", "code": "reset"}[what]
		if err := acts(s)[other](by("anna", "alice")); err != nil && what == "code" {
			t.Errorf("the other budget: %v", err)
		}
		if err := acts(s)["reset"](by("bea", "alice")); err != nil {
			t.Errorf("a colleague: %v", err)
		}
		s.move(b.RetryAfter)
		s.setUp("bert")
		if err := acts(s)[what](by("anna", "bert")); err != nil {
			t.Errorf("%s after the wait: %v", what, err)
		}
	}
}

// Where the budget cannot be counted, nothing is done.
func TestWithoutACountNothingIsDone(t *testing.T) {
	s := newScene(t, nil)
	s.setUp("alice")
	s.cfg.Store = noCount{s.cfg.Store}
	var err error
	if _, s.support, err = enroll.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	before, _ := s.store.Load(context.Background(), "id-alice")
	for _, what := range []string{"reset", "code"} {
		if err := acts(s)[what](by("anna", "alice")); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	after, err := s.store.Load(context.Background(), "id-alice")
	if err != nil || len(before.Records) == 0 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%+v has become %+v, %v", before, after, err)
	}
}

// noCount is a store that can be written to, but counts nothing.
type noCount struct{ records.Store }

func (noCount) Fail(context.Context, account.Try) (int64, time.Duration, error) {
	return 0, 0, fmt.Errorf("gone: %w", account.ErrUnavailable)
}
