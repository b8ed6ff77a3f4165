package check_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// lone is the factor of emergency codes as support asks it.
type lone struct{ *recovery.Factor }

func (l lone) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	e.Settings = map[string]string{factor.LoneCode: "true"}
	return l.Factor.Enroll(ctx, e)
}

// fromSupport gives somebody a code from support.
func (s *scene) fromSupport(name string) (account.Record, account.Secret) {
	s.t.Helper()
	r, code := s.enroll(name, lone{recovery.New()}, func(r *account.Record) {
		*r = r.ForSupport(s.clock.Now().Add(time.Hour))
	})
	return r, account.Secret(code)
}

// A code from support stands in for the six digits once, behind the password, at
// services that ask for both. The audit names it, the record says when and from
// where.
func TestACodeFromSupportLetsIn(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	s.enroll("alice", recovery.New(), nil)
	r, code := s.fromSupport("alice")
	want(t, s.try("dav", "alice", code, ""), factor.Deny, account.AppPasswordRequired)
	want(t, s.try("dav", "alice", "alice-password", code), factor.Deny, account.AppPasswordRequired)
	want(t, s.try("web", "alice", "wrong-password", code), factor.Deny, account.BadCredentials)
	want(t, s.try("web", "bert", "bert-password", code), factor.Deny, account.EnrollRequired)
	ans := s.try("web", "alice", "alice-password", code)
	want(t, ans, factor.Accept, account.OK)
	if e := s.journal.last(); e.Record != r.ID || e.Label != "code from support" || e.Factor != "recovery" {
		t.Errorf("the audit says %+v", e)
	}
	snap, err := s.real.Load(context.Background(), "id-alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range snap.Records {
		if k.ID == r.ID && (k.Uses != 0 || k.LastFrom != "192.0.2.7" || !k.LastUsed.Equal(s.clock.Now())) {
			t.Errorf("%d uses, last at %s from %q", k.Uses, k.LastUsed, k.LastFrom)
		}
		if k.Factor == "recovery" && k.ID != r.ID && k.Uses != 10 {
			t.Errorf("it took a code of the sheet: %d left", k.Uses)
		}
	}
	s.move(time.Minute)
	want(t, s.try("web", "alice", "alice-password", code), factor.Deny, account.CodeWrong)
	_, late := s.fromSupport("alice")
	s.move(time.Hour)
	want(t, s.try("web", "alice", "alice-password", late), factor.Deny, account.CodeWrong)
}

// Guessing at it costs the same small budget as guessing at emergency codes.
func TestGuessingAtACodeFromSupport(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	_, code := s.fromSupport("alice")
	for range 5 {
		want(t, s.try("web", "alice", "alice-password", "00000-00000"), factor.Deny, account.CodeWrong)
	}
	want(t, s.try("web", "alice", "alice-password", code), factor.Deny, account.Throttled)
}

// Where emergency codes alone open something, for a written reason, a code from
// support does not: it was given out on the phone, and is worth nothing without
// the password.
func TestACodeFromSupportNeverWorksAlone(t *testing.T) {
	s := newScene(t, func(s *scene) {
		s.cfg.Services = append(s.cfg.Services, check.Service{Name: "gate", Ways: []check.Way{{Factors: []string{"recovery"}}}, SingleFactor: "a keypad"})
	})
	_, printed := s.enroll("alice", recovery.New(), nil)
	_, code := s.fromSupport("alice")
	want(t, s.try("gate", "alice", code, ""), factor.Deny, account.BadCredentials)
	want(t, s.try("gate", "alice", account.Secret(printed[:17]), ""), factor.Accept, account.OK)
}
