package enroll_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
)

// allowed is a scene in which everybody without records has leave, until it is
// taken away.
func allowed(t *testing.T, leave records.Leave) (*scene, *records.Leave) {
	t.Helper()
	now := leave
	return newScene(t, func(cfg *enroll.Config) {
		cfg.Leave = func(who account.Subject, snap account.Snapshot) records.Leave {
			if len(snap.Records) > 0 {
				return records.Leave{Bridge: now.Bridge, ByOperator: now.ByOperator}
			}
			return now
		}
	}), &now
}

func TestTheOwnerSeesTheirLeave(t *testing.T) {
	want := records.Leave{Why: "grace", Bridge: true, Due: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), DaysLeft: 31}
	s, now := allowed(t, want)
	token := s.open(account.TicketEnroll, "alice")
	tries := []account.Event{
		{Act: account.ActCheck, Actor: "user", At: s.clock(), Subject: "id-alice", Service: "dav", Agent: "iOS", Factor: "directory", Reason: account.OK},
		{Act: account.ActCheck, Actor: "user", At: s.clock(), Subject: "id-alice", Service: "dav", Agent: "DAVx5", Factor: "app-password", Reason: account.OK},
		{Act: account.ActCheck, Actor: "user", At: s.clock(), Subject: "id-alice", Service: "web", Agent: "a browser", Factor: "directory", Reason: account.OK},
		{Act: account.ActCheck, Actor: "user", At: s.clock(), Subject: "id-alice", Service: "dav", Agent: "iOS", Factor: "directory", Reason: account.OK, Address: "192.0.2.9"},
	}
	if err := s.store.Log(context.Background(), tries, nil); err != nil {
		t.Fatal(err)
	}
	v, err := s.desk.View(context.Background(), token)
	if err != nil || v.Leave != want {
		t.Errorf("%+v, %v", v.Leave, err)
	}
	if len(v.Bridged) != 1 || v.Bridged[0].Agent != "iOS" || len(v.Programs) != 1 || v.Programs[0] != "iOS" {
		t.Errorf("on the bridge are %+v, programs %q", v.Bridged, v.Programs)
	}
	now.Bridge = false
	if v, err := s.desk.View(context.Background(), token); err != nil || len(v.Bridged) != 0 {
		t.Errorf("after the bridge: %+v, %v", v.Bridged, err)
	}
	now.Bridge = true
	s.move(8 * 24 * time.Hour)
	if v, err := s.desk.View(context.Background(), s.open(account.TicketEnroll, "alice")); err != nil || len(v.Bridged) != 0 {
		t.Errorf("a week later: %+v, %v", v.Bridged, err)
	}
}

// A host takes somebody over who has leave, with the session that may only set
// up, and asks anew each time: it ends with the leave, with the set-up, with the
// session.
func TestVisitsOnLeave(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(s *scene, now *records.Leave, token account.Secret) error{
		"the day has come":    func(_ *scene, now *records.Leave, _ account.Secret) error { *now = records.Leave{}; return nil },
		"the session is over": func(s *scene, _ *records.Leave, token account.Secret) error { return s.desk.End(ctx, token) },
		"half an hour is over": func(s *scene, _ *records.Leave, _ account.Secret) error {
			s.move(30 * time.Minute)
			return nil
		},
		"somebody set up": func(s *scene, _ *records.Leave, _ account.Secret) error { s.setUp("alice"); return nil },
		"a reset": func(s *scene, _ *records.Leave, _ account.Secret) error {
			_, err := s.support.Reset(ctx, order("alice"))
			return err
		},
	} {
		s, now := allowed(t, records.Leave{Why: "grace"})
		cfg := s.cfg
		cfg.Directory = &spoken{scene: s}
		v := visits.New(cfg)
		token := s.open(account.TicketEnroll, "alice")
		enter := func() (account.Secret, error) {
			code, err := v.Hand(ctx, token, wiki, visits.Proof(browser))
			if err != nil {
				return "", err
			}
			return v.Enter(ctx, wiki, code, browser)
		}
		visit, err := enter()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if who, err := v.See(ctx, wiki, visit); err != nil || who.ID != "id-alice" {
			t.Errorf("%s, before: %v, %v", name, who, err)
		}
		if err := end(s, now, token); err != nil {
			t.Fatal(err)
		}
		if who, err := v.See(ctx, wiki, visit); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%s: the visit goes on: %v, %v", name, who, err)
		}
		if _, err := enter(); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%s: another begins: %v", name, err)
		}
	}
	// Without leave, and without anybody who could give it, there is none.
	for _, s := range []*scene{newScene(t, nil)} {
		if _, err := visits.New(s.cfg).Hand(ctx, s.open(account.TicketEnroll, "alice"), wiki, visits.Proof(browser)); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("without leave: %v", err)
		}
	}
}

// An operator makes app passwords for machines and the exempt, and for nobody
// else; the audit has who and why.
func TestOperatorsMakeAppPasswordsForMachines(t *testing.T) {
	ctx := context.Background()
	wish := enroll.Wish{Label: "Copy room", Services: []string{"dav"}}
	s, now := allowed(t, records.Leave{ByOperator: true})
	made, err := s.support.Issue(ctx, order("alice"), wish)
	if err != nil || !s.verify("alice", "app-password", made.Secret) {
		t.Fatalf("%v, %v", made, err)
	}
	if strings.Contains(made.String(), made.Secret.Reveal()) {
		t.Error("it prints itself with the secret")
	}
	r := s.load("alice").Records[0]
	if r.Label != "Copy room" || len(r.Services) != 1 || r.Services[0] != "dav" {
		t.Errorf("%+v", r)
	}
	events, err := s.store.Events(ctx, 0, 10)
	if err != nil || len(events) != 1 || events[0].Act != account.ActIssue || events[0].Actor != "root(0)" || events[0].Note != "lost phone" ||
		events[0].Ticket != "T-1" || events[0].Record != made.Record.ID {
		t.Errorf("audited is %+v, %v", events, err)
	}
	for name, bad := range map[string]enroll.Wish{"no label": {}, "a service without": {Label: "x", Services: []string{"web"}}} {
		var no *enroll.Refusal
		if _, err := s.support.Issue(ctx, order("alice"), bad); !errors.As(err, &no) || no.Reason != account.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	now.ByOperator = false
	var no *enroll.Refusal
	if _, err := s.support.Issue(ctx, order("bert"), wish); !errors.As(err, &no) || no.Reason != account.NotAllowed || s.active("bert", "app-password") != 0 {
		t.Errorf("an ordinary person: %v", err)
	}
	if _, err := s.support.Issue(ctx, enroll.Order{Operator: "root(0)", Name: "alice"}, wish); !errors.As(err, &no) || no.Reason != account.Malformed {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := s.support.Issue(ctx, order("nobody"), wish); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}
