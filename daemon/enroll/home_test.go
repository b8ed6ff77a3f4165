package enroll_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

func TestAppPasswordsAreMadeListedAndRevoked(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	token := done.Session.Token
	for _, bad := range []enroll.Wish{
		{}, {Label: "  "}, {Label: strings.Repeat("ü", 65)}, {Label: "a\nb"}, {Label: "a\u202eb"}, {Label: "\xff"},
		{Label: "x", Services: []string{"ssh"}},
	} {
		_, err := s.desk.Issue(ctx, token, bad)
		refused(t, err, account.Malformed)
	}
	a, err := s.desk.Issue(ctx, token, enroll.Wish{Label: " " + strings.Repeat("ü", 64) + " "})
	if err != nil || !s.verify("alice", "app-password", a.Secret) {
		t.Fatal(err)
	}
	s.move(time.Minute)
	if _, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "Handy", Services: []string{"card"}}); err != nil {
		t.Fatal(err)
	}
	v, err := s.desk.View(ctx, token)
	if err != nil || len(v.AppPasswords) != 2 || v.AppPasswords[0].Label != "Handy" || len(v.AppPasswords[1].Services) != 2 || len(v.AppPasswords[0].Payload) > 0 {
		t.Fatalf("%+v, %v", v.AppPasswords, err)
	}
	over(t, s.desk.Revoke(ctx, token, ""))
	over(t, s.desk.Revoke(ctx, token, v.Devices[0].ID))
	if s.active("alice", "app-password") != 2 || s.active("alice", "totp") != 1 {
		t.Fatal("naming none, or a phone, has ended something")
	}
	if err := s.desk.Revoke(ctx, token, v.AppPasswords[1].ID); err != nil || s.verify("alice", "app-password", a.Secret) {
		t.Error("a revoked one works", err)
	}
	over(t, s.desk.Revoke(ctx, token, v.AppPasswords[1].ID))
	s.move(10 * time.Minute) // no longer fresh
	_, err = s.desk.Issue(ctx, token, enroll.Wish{Label: "x"})
	refused(t, err, account.CodeRequired)
	_, err = s.desk.Codes(ctx, token)
	refused(t, err, account.CodeRequired)
	_, err = s.desk.Begin(ctx, token, devices.Plan{})
	refused(t, err, account.CodeRequired)
	if err := s.desk.Revoke(ctx, token, v.AppPasswords[0].ID); err != nil {
		t.Error("revoking needs no fresh sign-in:", err)
	}
}

func TestFiftyAppPasswordsAndAsManyEndedOnes(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEntry, "alice")
	for i := range 50 {
		if _, err := s.desk.Issue(ctx, token, enroll.Wish{Label: fmt.Sprint(i)}); err != nil {
			t.Fatal(i, err)
		}
	}
	_, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "51"})
	refused(t, err, account.NotAllowed)
	for range 3 {
		if _, err := s.support.Revoke(ctx, order("alice")); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			if _, err := s.desk.Issue(ctx, token, enroll.Wish{Label: fmt.Sprint(i)}); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	if n := len(s.load("alice").Records); n > 101 {
		t.Errorf("%d records are kept", n)
	}
}

func TestNewEmergencyCodesEndTheOldOnes(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	next, err := s.desk.Codes(ctx, done.Session.Token)
	if err != nil || len(next) != 10 {
		t.Fatal(len(next), err)
	}
	if s.verify("alice", "recovery", done.Codes[0]) || !s.verify("alice", "recovery", next[0]) || s.active("alice", "recovery") != 1 {
		t.Error("the wrong sheet works")
	}
	none := newScene(t, func(c *enroll.Config) { c.Recovery, c.App = "", "" })
	d, _ := none.setUp("alice")
	_, err = none.desk.Codes(ctx, d.Session.Token)
	refused(t, err, account.NotAllowed)
	_, err = none.desk.Issue(ctx, d.Session.Token, enroll.Wish{Label: "x"})
	refused(t, err, account.Malformed)
	if v, err := none.desk.View(ctx, d.Session.Token); err != nil || v.CodesLeft != -1 || len(d.Codes) != 0 {
		t.Error(v.CodesLeft, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		kind account.TokenKind
		end  func(*scene, account.Secret)
		dead bool
	}{
		"idle":             {account.TicketEntry, func(s *scene, _ account.Secret) { s.move(30 * time.Minute) }, true},
		"almost idle":      {account.TicketEntry, func(s *scene, _ account.Secret) { s.move(30*time.Minute - time.Second) }, false},
		"set-up":           {account.TicketEnroll, func(s *scene, _ account.Secret) { s.move(30 * time.Minute) }, true},
		"signed out":       {account.TicketEntry, func(s *scene, k account.Secret) { _ = s.desk.End(ctx, k) }, true},
		"by support":       {account.TicketEntry, func(s *scene, _ account.Secret) { _ = s.support.EndSessions(ctx, order("alice")) }, true},
		"support, another": {account.TicketEntry, func(s *scene, _ account.Secret) { _ = s.support.EndSessions(ctx, order("bert")) }, false},
		"disabled": {account.TicketEntry, func(s *scene, _ account.Secret) {
			f := s.facts["alice"]
			f.Fitness = account.Disabled
			s.facts["alice"] = f
		}, true},
		"unknown fitness":   {account.TicketEntry, func(s *scene, _ account.Secret) { f := s.facts["alice"]; f.Fitness = 0; s.facts["alice"] = f }, true},
		"deleted":           {account.TicketEntry, func(s *scene, _ account.Secret) { delete(s.facts, "alice") }, true},
		"a recycled name":   {account.TicketEntry, func(s *scene, _ account.Secret) { f := s.facts["alice"]; f.ID = "new"; s.facts["alice"] = f }, true},
		"reset":             {account.TicketEntry, func(s *scene, _ account.Secret) { _, _ = s.support.Reset(ctx, order("alice")) }, true},
		"reset of a set-up": {account.TicketEnroll, func(s *scene, _ account.Secret) { _, _ = s.support.Reset(ctx, order("alice")) }, true},
	} {
		s := newScene(t, nil)
		token := s.open(c.kind, "alice")
		c.end(s, token)
		_, err := s.desk.View(ctx, token)
		if dead := errors.Is(err, account.ErrNotFound); dead != c.dead || err != nil && !dead {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newScene(t, nil)
	token := s.open(account.TicketEntry, "alice")
	for range 24 { // used all the time: the absolute end
		if _, err := s.desk.View(ctx, token); err != nil {
			t.Fatal(err)
		}
		s.move(20 * time.Minute)
	}
	_, err := s.desk.View(ctx, token)
	over(t, err)
	for _, none := range []account.Secret{"", "x", "full.x", "setup.x", token} {
		if err := s.desk.End(ctx, none); err != nil {
			t.Errorf("ending what is over: %v", err)
		}
		_, err := s.desk.View(ctx, none)
		over(t, err)
	}
	s.away = account.ErrUnavailable
	if _, err := s.desk.View(ctx, s.open(account.TicketEntry, "alice")); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("an outage ended a session: %v", err)
	}
}

func TestAnEndedSessionStaysEnded(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	for range 30 {
		token := s.open(account.TicketEntry, "alice")
		s.move(2 * time.Minute) // so that looking renews it
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _, _ = s.desk.View(ctx, token) })
			wg.Go(func() { _, _ = s.desk.Issue(ctx, token, enroll.Wish{Label: "x"}) })
		}
		wg.Go(func() {
			if err := s.desk.End(ctx, token); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		_, err := s.desk.View(ctx, token)
		over(t, err)
		if _, err := s.support.Revoke(ctx, order("alice")); err != nil && !errors.Is(err, account.ErrNotFound) {
			t.Fatal(err)
		}
	}
}

func TestSupportSaysWhyAndLeavesATrace(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, _ := s.setUp("alice")
	app, err := s.desk.Issue(ctx, done.Session.Token, enroll.Wish{Label: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []enroll.Order{
		{Operator: "root(0)", Name: "alice"}, {Operator: "root(0)", Name: "alice", Reason: "  ab "}, {Name: "alice", Reason: "lost phone"},
		{Operator: "root(0)", Name: "alice", Reason: strings.Repeat("x", 501)}, {Operator: "root(0)", Name: "alice", Reason: "a\nforged line"},
		{Operator: "root(0)", Name: "alice", Reason: "lost phone", Ticket: strings.Repeat("x", 101)},
	} {
		_, err := s.support.Reset(ctx, bad)
		refused(t, err, account.Malformed)
		_, err = s.support.Revoke(ctx, bad)
		refused(t, err, account.Malformed)
		refused(t, s.support.Unlock(ctx, bad), account.Malformed)
		refused(t, s.support.EndSessions(ctx, bad), account.Malformed)
	}
	for _, act := range []func(enroll.Order) error{
		func(o enroll.Order) error { _, err := s.support.Reset(ctx, o); return err },
		func(o enroll.Order) error { _, err := s.support.Revoke(ctx, o); return err },
		func(o enroll.Order) error { return s.support.Unlock(ctx, o) },
		func(o enroll.Order) error { return s.support.EndSessions(ctx, o) },
		func(o enroll.Order) error { _, err := s.support.User(ctx, o.Name); return err },
	} {
		over(t, act(order("nobody")))
	}
	s.wait = time.Minute
	o, err := s.support.User(ctx, "alice")
	if err != nil || len(o.Blocks) != 4 || len(o.Snapshot.Records) != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, r := range o.Snapshot.Records {
		if len(r.Payload) > 0 {
			t.Error("support sees a payload")
		}
	}
	one := order("alice")
	one.Record = "other"
	_, err = s.support.Revoke(ctx, one)
	over(t, err)
	if err := s.support.Unlock(ctx, order("alice")); err != nil {
		t.Error(err)
	}
	s.away = account.ErrUnavailable // support goes on by id
	if n, err := s.support.Revoke(ctx, order("id:ID-ALICE")); n != 1 || err != nil || s.verify("alice", "app-password", app.Secret) {
		t.Error(n, err)
	}
	if _, err := s.support.Reset(ctx, order("id:id-alice")); err != nil {
		t.Error(err)
	}
	audit, err := s.store.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range audit {
		acts = append(acts, string(e.Act))
		if e.Actor == "root(0)" && (e.Note != "lost phone" || e.Ticket != "T-1" || e.Subject != "id-alice") {
			t.Errorf("audited as %+v", e)
		}
	}
	if got := strings.Join(acts, " "); got != "enroll issue issue unlock revoke reset" {
		t.Errorf("audited: %s", got)
	}
	if got := s.load("alice"); !got.InviteRequired || len(got.Records) != 1 || got.Records[0].Revoked.IsZero() {
		t.Errorf("after the reset: %+v", got)
	}
}

func TestNewRefusesFactorsThatAreNotThere(t *testing.T) {
	cfg := newScene(t, nil).cfg
	for _, edit := range []func(*enroll.Config){
		func(c *enroll.Config) { c.Code = "" }, func(c *enroll.Config) { c.App = "x" }, func(c *enroll.Config) { c.Recovery = "x" },
	} {
		c := cfg
		edit(&c)
		if _, _, err := enroll.New(c); err == nil {
			t.Error("taken")
		}
	}
}

func TestNoTypeOfEnrollmentPrintsASecret(t *testing.T) {
	const sentinel = account.Secret("sentinel-secret")
	for _, v := range []any{
		enroll.Session{Token: sentinel}, enroll.Setup{Secret: sentinel, URI: sentinel}, enroll.View{Setup: enroll.Setup{Secret: sentinel}},
		enroll.Confirmed{Session: enroll.Session{Token: sentinel}, Codes: []account.Secret{sentinel}}, enroll.Invite{Code: sentinel},
	} {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		fmt.Fprintf(&b, "%v %+v %#v %s", v, v, v, v)
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Error(err)
		}
		if strings.Contains(b.String(), "sentinel") {
			t.Errorf("%T prints %s", v, b.String())
		}
	}
}

// Whatever people and support do in whatever order, the rules hold.
func TestAnyOrderOfActsKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, ctx := newScene(t, func(c *enroll.Config) { c.Recovery = "" }), context.Background()
		var sessions []account.Secret
		var invite account.Secret
		gave := map[string]bool{} // sessions that gave the invite
		var keys []account.Secret
		one := func(snap account.Snapshot, kind string) string {
			var ids []string
			for _, r := range records.ActiveOf(snap, kind, s.clock()) {
				ids = append(ids, r.ID)
			}
			return append(ids, "no such record")[rapid.IntRange(0, len(ids)).Draw(rt, kind)]
		}
		for range rapid.IntRange(1, 25).Draw(rt, "acts") {
			pick := func() account.Secret {
				if len(sessions) == 0 {
					return "full.none"
				}
				return sessions[rapid.IntRange(0, len(sessions)-1).Draw(rt, "session")]
			}
			before, k := s.load("alice"), pick()
			act := rapid.SampledFrom([]string{"enroll", "entry", "invite", "begin", "confirm", "issue", "revoke", "reset", "wait", "end", "replace", "lose", "remove", "place"}).Draw(rt, "act")
			switch act {
			case "enroll":
				if got, err := s.desk.Open(ctx, s.ticket(account.TicketEnroll, "alice")); err == nil {
					sessions = append(sessions, got.Token)
					if s.active("alice", "totp") > 0 {
						rt.Fatal("a set-up opened for somebody who has a phone")
					}
				}
			case "entry":
				sessions = append(sessions, s.open(account.TicketEntry, "alice"))
			case "invite":
				if s.desk.Invite(ctx, k, invite) == nil {
					gave[k.Reveal()] = true
				}
			case "begin":
				_, _ = s.desk.Begin(ctx, k, devices.Plan{})
			case "replace":
				_, _ = s.desk.Begin(ctx, k, devices.Plan{Replaces: one(before, "totp")})
			case "lose":
				if done, err := s.desk.LosePhone(ctx, k, one(before, "totp")); err == nil {
					sessions = append(sessions, done.Session.Token)
				}
			case "remove":
				code := account.Secret("000000")
				for _, key := range keys {
					code = s.code(key)
				}
				if next, err := s.desk.RemovePhone(ctx, k, devices.Removal{Record: one(before, "totp"), Code: code}); err == nil {
					sessions = append(sessions, next.Token)
				}
			case "place":
				_ = s.desk.PlaceOn(ctx, k, one(before, "app-password"), one(before, "totp"))
			case "confirm":
				v, _ := s.desk.View(ctx, k)
				if v.Setup.Secret == "" {
					continue
				}
				if done, err := s.desk.Confirm(ctx, k, s.code(v.Setup.Secret)); err == nil {
					if before.InviteRequired && !gave[k.Reveal()] {
						rt.Fatal("a set-up after a reset without the invite")
					}
					sessions, keys = append(sessions, done.Session.Token), append(keys, v.Setup.Secret)
				}
			case "issue":
				if _, err := s.desk.Issue(ctx, k, enroll.Wish{Label: "x"}); err == nil && before.InviteRequired {
					rt.Fatal("an app password before the invite")
				}
			case "revoke":
				_, _ = s.support.Revoke(ctx, order("alice"))
			case "reset":
				inv, err := s.support.Reset(ctx, order("alice"))
				if err != nil {
					rt.Fatal(err)
				}
				invite = inv.Code
				if s.active("alice", "totp")+s.active("alice", "app-password") > 0 || !s.load("alice").InviteRequired {
					rt.Fatal("a reset left something")
				}
			case "wait":
				s.move(time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute)
			case "end":
				_ = s.desk.End(ctx, k)
			}
			after := s.load("alice")
			if s.active("alice", "totp") > 5 {
				rt.Fatal("more phones than there may be")
			}
			if act != "reset" && len(records.ActiveOf(before, "totp", s.clock())) > 0 && s.active("alice", "totp") == 0 {
				rt.Fatal("nothing is left to sign in with")
			}
			if before.InviteRequired && !after.InviteRequired && s.active("alice", "totp") != 1 {
				rt.Fatal("the invite is not needed any more, and nothing was set up")
			}
		}
	})
}
