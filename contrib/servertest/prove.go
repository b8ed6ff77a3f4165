package servertest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Login is what somebody types into a client.
type Login struct{ Name, Password string }

// Proof is a real server with a real client in front of a Site, and what the
// recipe promises of them.
type Proof struct {
	// Server and Mechanism name the row of the table, Client who asked.
	Server, Mechanism, Client string
	// Sync is a whole piece of work of the real client: a sync, an upload, a
	// mail. An error means that it was not let in, or that something else failed.
	Sync func(Login) error
	// Ask makes one request for something that the login may read by all rules
	// of the server, and returns what the client is told: "207", "401", "535" ...
	// An error means that there was no answer.
	Ask func(Login) (string, error)
	// Foreign asks for something of somebody else's; nil where the server has
	// nothing that belongs to one person.
	Foreign func(l Login, owner string) (string, error)
	// OK, Refused and Outage are what Ask returns for a right login, for a wrong
	// one, and while the daemon is away, or the directory behind it.
	OK, Refused, Outage string
	// Away is what Ask returns while the daemon is away, where that is not Outage.
	Away string
	// Address is what the daemon learns of the client's address; empty where the
	// protocol carries none.
	Address string
	// Canonical says that the server goes on with the canonical login, so that
	// every spelling may be let in; else another spelling is refused.
	Canonical bool
	// Waits says that the server waits for the daemon for long before it tells of
	// an outage, and can be asked more meanwhile.
	Waits bool
	// Lag says how long a revoked app password lives on, where the server keeps
	// it by itself and cannot be told not to; empty means not at all.
	Lag string
	// Note is the last column of the table.
	Note string
}

// Prove runs the proof with alice against the site. Alice's app passwords are
// revoked at its end.
func Prove(t *testing.T, s *Site, p Proof) {
	t.Helper()
	alice := s.Person("alice")
	good := Login{alice.Name, alice.App}
	t.Run("the app password works", func(t *testing.T) {
		for range 2 { // the second time it goes on where it was
			if err := p.Sync(good); err != nil {
				t.Fatalf("%s did not get through: %v", p.Client, err)
			}
		}
		s.decided(t, "ok", 1, func() { p.expect(t, good, p.OK) })
		for _, try := range s.Tries() {
			if try.Source != p.Address {
				t.Errorf("the daemon was told the address %q, want %q", try.Source, p.Address)
			}
		}
	})
	p.refuses(t, s)
	t.Run("nobody gets in without a password", func(t *testing.T) {
		if got, err := p.Ask(Login{alice.Name, ""}); err != nil || got == p.OK {
			t.Errorf("told %q, %v", got, err)
		}
	})
	t.Run("somebody else's place is closed", func(t *testing.T) {
		if p.Foreign == nil {
			return // nothing here belongs to one person
		}
		if got, err := p.Foreign(good, "bert"); err != nil || got == p.OK || strings.HasPrefix(got, "2") {
			t.Errorf("told %q, %v", got, err)
		}
		if got, err := p.Foreign(good, alice.Name); err != nil || got != p.OK {
			t.Errorf("the same of one's own: told %q, %v", got, err)
		}
	})
	t.Run("another spelling", func(t *testing.T) {
		l := Login{"ALICE", alice.App}
		if p.Canonical {
			s.decided(t, "ok", 1, func() { p.expect(t, l, p.OK) })
			return
		}
		s.decided(t, "wrong_spelling", 1, func() { p.expect(t, l, p.Refused) })
	})
	p.outages(t, s)
	t.Run("a revoked app password is dead", func(t *testing.T) {
		s.Revoke("alice")
		if p.Lag != "" {
			return // the recipe says so, and its own test shows how long
		}
		s.decided(t, "app_password_revoked", 1, func() { p.expect(t, good, p.Refused) })
		if err := p.Sync(good); err == nil {
			t.Errorf("%s got through", p.Client)
		}
	})
	if !t.Failed() {
		t.Run("the table says so", p.report)
	}
}

// refuses wants everything refused that is not alice's own app password.
func (p Proof) refuses(t *testing.T, s *Site) {
	t.Helper()
	alice := s.Person("alice")
	for name, secret := range map[string]struct{ password, reason string }{
		"the normal password is refused":     {alice.Password, "app_password_required"},
		"the code is refused":                {s.Code("alice"), "app_password_required"},
		"a wrong app password is refused":    {WrongApp(t), "bad_credentials"},
		"somebody else's is refused":         {s.Person("bert").App, "bad_credentials"},
		"a mistyped app password is refused": {typo(alice.App), "app_password_typo"},
	} {
		t.Run(name, func(t *testing.T) {
			l := Login{alice.Name, secret.password}
			s.decided(t, secret.reason, 1, func() { p.expect(t, l, p.Refused) })
			if err := p.Sync(l); err == nil {
				t.Errorf("%s got through", p.Client)
			}
		})
	}
}

// outages are three, one after the other: the directory is away; the daemon, too;
// the daemon is back, knows nobody, and cannot ask. Whom it knows goes on; to all
// others the last must look like the one before.
func (p Proof) outages(t *testing.T, s *Site) {
	t.Helper()
	alice := s.Person("alice")
	good, normal := Login{alice.Name, alice.App}, Login{alice.Name, alice.Password}
	refused := func(t *testing.T, without string) func() {
		return func() {
			if err := p.Sync(good); err == nil {
				t.Errorf("%s got through without %s", p.Client, without)
			}
		}
	}
	t.Run("an outage of the directory does not end a known app password", func(t *testing.T) {
		s.Directory().Kill()
		old := time.NewTimer(factTTL + factTTL/8)
		defer old.Stop()
		p.expect(t, good, p.OK)
		<-old.C // by now the daemon would ask
		p.expect(t, good, p.OK)
	})
	t.Run("an outage of the daemon is told as far as the server can", func(t *testing.T) {
		s.Stop()
		p.together(func() { p.expect(t, good, cmp.Or(p.Away, p.Outage)) }, refused(t, "the daemon"))
	})
	t.Run("an outage of the directory is told to everybody", func(t *testing.T) {
		s.Restart()
		p.unknown(t, s, refused(t, "the directory"), normal, good, Login{"nobody", "nobody-password"})
	})
	t.Run("after the outages all is as before", func(t *testing.T) {
		s.Directory().Restart()
		p.back(t, good)
		s.decided(t, "app_password_required", 1, func() { p.expect(t, normal, p.Refused) })
	})
}

// unknown wants an outage for all logins, because of the directory and nothing
// else; also is done beside it.
func (p Proof) unknown(t *testing.T, s *Site, also func(), all ...Login) {
	t.Helper()
	const why = "directory_unavailable"
	others := func() float64 { return s.Metric(t, "sallyport_checks_total") - s.count(t, why) }
	before := others()
	var asks []func()
	for _, l := range all {
		asks = append(asks, func() { p.expect(t, l, p.Outage) })
	}
	if p.Waits {
		s.decided(t, why, len(asks), func() { p.together(append(asks, also)...) })
	} else {
		for _, ask := range asks {
			s.decided(t, why, 1, ask)
		}
		also()
	}
	if after := others(); after != before {
		t.Errorf("%v decisions had another reason", after-before)
	}
}

// together does everything: at once, where the server would make each wait for
// long.
func (p Proof) together(all ...func()) {
	if !p.Waits {
		for _, do := range all {
			do()
		}
		return
	}
	var done sync.WaitGroup
	for _, do := range all {
		done.Go(do)
	}
	done.Wait()
}

// back waits until an outage is over for the login.
func (p Proof) back(t *testing.T, l Login) {
	t.Helper()
	if err := run.Within(run.Patience, func() error { return p.asked(l, p.OK) }); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func (p Proof) expect(t *testing.T, l Login, want string) {
	t.Helper()
	if err := p.asked(l, want); err != nil {
		t.Error(err)
	}
}

func (p Proof) asked(l Login, want string) error {
	got, err := p.Ask(l)
	switch {
	case err != nil:
		return err
	case got != want:
		return unexpected{got, want}
	default:
		return nil
	}
}

type unexpected struct{ got, want string }

func (u unexpected) Error() string { return "told " + u.got + ", want " + u.want }

// decided wants the daemon to decide with that reason, so often or more often,
// while ask is at work.
func (s *Site) decided(t *testing.T, reason string, times int, ask func()) {
	t.Helper()
	before := s.count(t, reason)
	ask()
	err := run.Within(run.Patience, func() error { // counting comes after answering
		if n := s.count(t, reason) - before; n < float64(times) {
			return fmt.Errorf("%v decisions with the reason %s, want %d", n, reason, times)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// count is how many decisions had that reason, by the metrics.
func (s *Site) count(t testing.TB, reason string) float64 {
	t.Helper()
	return s.Metric(t, "sallyport_checks_total", `reason="`+reason+`"`)
}

// Metric is the sum of all samples of a metric that have the given labels,
// written as Prometheus reads them.
func (s *Site) Metric(t testing.TB, name string, labels ...string) (sum float64) {
	t.Helper()
	text, err := s.get(s.path("metrics.sock"), "/metrics")
	if err != nil {
		t.Fatalf("reading the metrics: %v", err)
	}
	for _, line := range strings.Split(text, "\n") {
		series, value, _ := strings.Cut(line, " ")
		if series != name && !strings.HasPrefix(series, name+"{") ||
			slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(series, l) }) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("reading the metrics: %v", err)
		}
		sum += n
	}
	return sum
}

// typo changes one character of an app password to another that it can have.
func typo(app string) string {
	other := byte('2')
	if app[0] == other {
		other = '3'
	}
	return string(other) + app[1:]
}
