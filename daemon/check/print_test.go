package check_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// printed is everything that fmt, slog and JSON make of a value.
func printed(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %+v %#v %s", v, v, v, v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestNeverPrintsASecret(t *testing.T) {
	const sentinel = "sentinel-secret"
	for _, v := range []any{
		account.Secret(sentinel),
		account.Attempt{Password: sentinel, Code: sentinel, Ticket: sentinel},
		&account.Attempt{Password: sentinel, Code: sentinel, Ticket: sentinel},
		account.Answer{Ticket: sentinel},
		account.Record{Payload: []byte(sentinel)}, &account.Record{Payload: []byte(sentinel)},
		account.Token{Data: []byte(sentinel)},
		account.Snapshot{Records: []account.Record{{Payload: []byte(sentinel)}}},
	} {
		got := printed(t, v)
		if strings.Contains(got, "sentinel") || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte(sentinel))) {
			t.Errorf("%T prints %s", v, got)
		}
	}
}

// Nothing that was typed stands in the log, in an event or in the audit,
// whatever came of it.
func TestNeverLogsASecret(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	for _, fault := range []func(){
		func() {}, func() { s.people.bindErr = errOutage }, func() { s.people.bindErr, s.people.findErr = nil, errOutage },
		func() { s.people.findErr, s.clock.unsafe = nil, true },
	} {
		fault()
		for _, service := range []string{"web", "dav", "mail", "plain", "door", "none"} {
			for _, who := range []string{"alice", "nobody"} {
				for _, password := range []account.Secret{"alice-password", "sentinel-secret", account.Secret(app)} {
					s.try(service, who, password, s.code(key))
					s.engine.Check(context.Background(), account.Attempt{Service: service, Name: who, Password: password + s.code(key), OneField: true, WantTicket: true})
					s.engine.Check(context.Background(), account.Attempt{Service: service, Name: who, Ticket: password, Code: "sentinel-code"})
				}
			}
		}
	}
	audit, err := s.real.Events(context.Background(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := s.logged.String() + printed(t, s.journal.events) + printed(t, audit)
	for _, secret := range []string{"alice-password", "sentinel", app, key, s.code(key).Reveal()} {
		if strings.Contains(got, secret) {
			t.Errorf("%q stands in log, journal or audit", secret)
		}
	}
}

func steps(t *testing.T, s *scene, name, service string) string {
	t.Helper()
	got, err := s.engine.Explain(context.Background(), name, service)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, step := range got {
		end := ""
		if step.Stops {
			end = " STOP"
		}
		if step.Config != "" {
			end += " <" + step.Config + ">"
		}
		fmt.Fprintf(&b, "%s %s%s\n", step.Asked, step.Answer, end)
	}
	return b.String()
}

func TestExplainWalksTheDecision(t *testing.T) {
	s := newScene(t, nil)
	s.person("disabled", account.Disabled)
	s.person("locked", account.Locked)
	s.person("unsure", account.Unknown)
	s.enroll("alice", totp.Factor{}, nil)
	s.enroll("bert", apppassword.Factor{}, func(r *account.Record) { r.Services = []string{"card"} })
	yes := true
	if err := s.real.Commit(context.Background(), account.Change{Subject: "id-carla", InviteRequired: &yes}); err != nil {
		t.Fatal(err)
	}
	const known, found = "service known? yes <c.toml:7 service>\n", "account found? yes: %s (uid=%s), as of 0s ago\n"
	const calm = "has to wait? no; whether the address that asks has to wait is not known here\n"
	head := func(name string) string { return known + fmt.Sprintf(found, name, name) }
	for _, c := range []struct{ name, service, want string }{
		{"nobody", "web", known + "account found? no: the directory has no single entry of this name, or the name is not allowed STOP\n"},
		{"disabled", "web", head("disabled") + "account fit? no: disabled, or does not match the account filter STOP\n"},
		{"locked", "web", head("locked") + "account fit? no: locked by the directory STOP\n"},
		{"unsure", "web", head("unsure") + "account fit? nobody could tell STOP\n"},
		{"alice", "web", head("alice") + "account fit? yes\n" + calm +
			"way in? open: needs totp and directory <c.toml:8 accept>\n" +
			"way in? closed: needs recovery (nothing enrolled) and directory <c.toml:8 accept>\n" +
			"result? can log in by any open way\n"},
		{"bert", "web", head("bert") + "account fit? yes\n" + calm +
			"way in? closed: needs totp (nothing enrolled) and directory <c.toml:8 accept>\n" +
			"way in? closed: needs recovery (nothing enrolled) and directory <c.toml:8 accept>\n" +
			"result? the right password alone leads to the set-up and nothing else STOP\n"},
		{"bert", "dav", "service known? yes\n" + fmt.Sprintf(found, "bert", "bert") + "account fit? yes\n" + calm +
			"way in? closed: needs app-password (nothing enrolled)\n" +
			"result? cannot log in: no way is open; what is missing has to be made on the page STOP\n"},
		{"bert", "card", "service known? yes\n" + fmt.Sprintf(found, "bert", "bert") + "account fit? yes\n" + calm +
			"way in? open: needs app-password\nresult? can log in by any open way\n"},
		{"carla", "plain", "service known? yes\n" + fmt.Sprintf(found, "carla", "carla") + "account fit? yes\n" + calm +
			"way in? open: needs directory\nreset? yes: the next set-up asks for the invite code\nresult? can log in by any open way\n"},
	} {
		if got := steps(t, s, c.name, c.service); got != c.want {
			t.Errorf("%s at %s:\n%swant\n%s", c.name, c.service, got, c.want)
		}
	}
	if len(s.people.bound)+len(s.people.decoys)+len(s.journal.events) > 0 {
		t.Error("explaining left a trace")
	}
	if got, err := s.engine.Explain(context.Background(), "alice", "nowhere"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a service that is not there: %v, %v", got, err)
	}
	s.people.findErr = errOutage
	if _, err := s.engine.Explain(context.Background(), "alice", "web"); err == nil {
		t.Error("an outage was explained away")
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, records := range []int{1, 50} {
		b.Run(fmt.Sprintf("app password, %d records", records), func(b *testing.B) {
			s := newScene(b, nil)
			s.cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
			var app string
			for range records {
				_, app = s.enroll("alice", apppassword.Factor{}, nil)
			}
			for b.Loop() {
				if ans := s.try("dav", "alice", account.Secret(app), ""); ans.Verdict != factor.Accept {
					b.Fatal(ans.Reason)
				}
			}
		})
	}
	b.Run("password and code", func(b *testing.B) {
		s := newScene(b, func(s *scene) { s.limits = roomy() })
		_, key := s.enroll("alice", totp.Factor{}, nil)
		for b.Loop() {
			s.move(30_000_000_000)
			if ans := s.try("web", "alice", "alice-password", s.code(key)); ans.Verdict != factor.Accept {
				b.Fatal(ans.Reason)
			}
		}
	})
}
