package check_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/totp"
)

// Whoever has to wait is told so, and for what: a way that would be refused is
// not called open. Looking counts nothing.
func TestExplainTellsWhoHasToWait(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	s.enroll("alice", apppassword.Factor{}, nil)
	for i := range 3 {
		s.try("web", "alice", account.Secret("wrong-"+string(rune('a'+i))), "")
	}
	waits := "has to wait? yes: up to 1s for the password, after 3 wrong tries; sallyport unlock alice lifts it\n"
	for service, want := range map[string]string{
		"web": waits + "way in? open later: needs totp and directory <c.toml:8 accept>\n" +
			"way in? closed: needs recovery (nothing enrolled) and directory <c.toml:8 accept>\n" +
			"result? cannot log in now: whatever is tried has to wait, the right secret too STOP\n",
		// An app password is not held up by passwords that were wrong.
		"mail": waits + "way in? open: needs app-password\nway in? open later: needs totp and directory\nresult? can log in by any open way\n",
		"dav": "has to wait? no; whether the address that asks has to wait is not known here\n" +
			"way in? open: needs app-password\nresult? can log in by any open way\n",
	} {
		for range 2 {
			if got := steps(t, s, "alice", service); !strings.HasSuffix(got, "account fit? yes\n"+want) {
				t.Errorf("%s:\n%swant\n%s", service, got, want)
			}
		}
	}
	s.clock.move(time.Second)
	if got := steps(t, s, "alice", "web"); !strings.Contains(got, "has to wait? no") || !strings.HasSuffix(got, "result? can log in by any open way\n") {
		t.Errorf("after the wait:\n%s", got)
	}

	// Somebody without a second factor waits for the set-up, too.
	for i := range 3 {
		s.try("web", "bert", account.Secret("wrong-"+string(rune('a'+i))), "")
	}
	if got := steps(t, s, "bert", "web"); !strings.HasSuffix(got, "result? has to wait now; then the right password alone leads to the set-up and nothing else STOP\n") {
		t.Errorf("before the set-up:\n%s", got)
	}
}

// Codes behind a password and codes alone have budgets of their own.
func TestExplainTellsOfTheRightBudget(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	right := s.code(key).Reveal()
	for i := range 6 { // other digits of the same form
		s.try("door", "alice", account.Secret(right[:5]+string('0'+(right[5]-'0'+1+byte(i))%10)), "")
	}
	if got := steps(t, s, "alice", "door"); !strings.Contains(got, "has to wait? yes: up to 1m0s for totp, after 5 wrong tries") || !strings.Contains(got, "cannot log in now") {
		t.Errorf("codes alone:\n%s", got)
	}
	if got := steps(t, s, "alice", "web"); !strings.Contains(got, "has to wait? no") {
		t.Errorf("codes behind a password:\n%s", got)
	}
}

// objector is a hook that must not be asked by an explanation.
type objector struct {
	hook.Hook
	t *testing.T
}

func (o objector) Before(context.Context, hook.Attempt) (hook.Veto, error) {
	o.t.Error("an explanation asked a hook")
	return hook.Veto{}, nil
}

func TestExplainNamesTheHooksAndTheirLines(t *testing.T) {
	s := newScene(t, func(s *scene) {
		s.cfg.Hooks = []check.Hook{
			{Name: "geo", Hook: objector{t: t}, Config: "c.toml:30 hook[0]"},
			{Name: "hours", Hook: objector{t: t}, AllowOnError: true, Config: "c.toml:36 hook[1]"},
		}
	})
	want := "service known? yes <c.toml:7 service>\n" +
		"hook asked? yes: geo may refuse any try; while it cannot answer, tries are refused for the time being <c.toml:30 hook[0]>\n" +
		"hook asked? yes: hours may refuse any try; while it cannot answer, tries are let pass <c.toml:36 hook[1]>\n" +
		"account found?"
	if got := steps(t, s, "alice", "web"); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// blind cannot tell who has to wait.
type blind struct{}

func (blind) Wait(context.Context, account.ID, string) (time.Duration, int, error) {
	return 0, 0, errOutage
}

func (blind) WaitAlone(context.Context, account.ID, string) (time.Duration, int, error) {
	return 0, 0, errOutage
}

func TestExplainDoesNotGuessWhoHasToWait(t *testing.T) {
	s := newScene(t, nil)
	s.cfg.Waits = blind{}
	e, err := check.New(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"web", "dav"} {
		if got, err := e.Explain(context.Background(), "alice", service); !errors.Is(err, errOutage) {
			t.Errorf("%s: %v, %v", service, got, err)
		}
	}
	s.cfg.Waits = nil
	if _, err := check.New(s.cfg); err == nil {
		t.Error("an engine without a look at the waits was built")
	}
}
