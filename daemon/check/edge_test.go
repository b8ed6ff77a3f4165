package check_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// A record that is good for another service is no way in here.
func TestACodeOfAnotherServiceIsToldSo(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, func(r *account.Record) { r.Services = []string{"mail"} })
	want(t, s.try("web", "alice", "alice-password", s.code(key)), factor.Deny, account.WrongService)
	want(t, s.try("mail", "alice", "alice-password", s.code(key)), factor.Accept, account.OK)
}

// Without randomness there is no ticket, and so no answer that needs one; the
// right password is not counted.
func TestNoRandomnessIsAnOutage(t *testing.T) {
	s := newScene(t, func(s *scene) { s.cfg.Rand = bytes.NewReader(nil) })
	want(t, s.try("web", "alice", "alice-password", ""), factor.Unavailable, account.StoreUnavailable)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	ans := s.engine.Check(context.Background(), account.Attempt{Service: "web", Name: "alice", Password: "alice-password", Code: s.code(key), WantTicket: true, Client: home()})
	want(t, ans, factor.Unavailable, account.StoreUnavailable)
	if n, m := s.tries("alice", ""), s.tries("alice", "totp"); n+m != 0 {
		t.Errorf("%d passwords and %d codes are counted", n, m)
	}
}

// A plugin that goes away between the two questions is an outage.
func TestAnOutageWhileLookingForTheReason(t *testing.T) {
	app := &crooked{Factor: apppassword.Factor{}}
	s := newScene(t, func(s *scene) { s.cfg.Factors[2].Plugin = app })
	_, typed := s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.Revoked = s.clock.Now() })
	app.say(factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}, nil)
	app.during = func() { app.say(factor.Result{}, errOutage) }
	want(t, s.try("dav", "alice", account.Secret(typed), ""), factor.Unavailable, account.PluginUnavailable)
}

// A field that holds nothing but digits is a password: what would be left of
// it is empty, and an empty password is an anonymous bind.
func TestNeverBindsAnEmptyPassword(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	for _, who := range []string{"alice", "nobody"} {
		s.engine.Check(context.Background(), account.Attempt{Service: "web", Name: who, Password: "123456", OneField: true, Client: home()})
	}
	if len(s.people.bound) != 1 || s.people.bound[0] != "123456" || len(s.people.decoys) != 1 || s.people.decoys[0] != "123456" {
		t.Errorf("bound %q, decoys %q", s.people.bound, s.people.decoys)
	}
}

// At the edges of what is remembered and allowed.
func TestLimitsHoldToTheByte(t *testing.T) {
	s := newScene(t, nil)
	for _, c := range []struct {
		a    account.Attempt
		want account.Reason
	}{
		{account.Attempt{Name: "alice", Password: account.Secret(bytes.Repeat([]byte("x"), 1024))}, account.BadCredentials},
		{account.Attempt{Name: "alice", Password: account.Secret(bytes.Repeat([]byte("x"), 1025))}, account.Malformed},
		{account.Attempt{Name: string(bytes.Repeat([]byte("n"), 256)), Password: "x"}, account.UnknownUser},
		{account.Attempt{Name: string(bytes.Repeat([]byte("n"), 257)), Password: "x"}, account.Malformed},
	} {
		c.a.Service, c.a.Client = "web", home()
		want(t, s.engine.Check(context.Background(), c.a), factor.Deny, c.want)
	}
	one := check.Config{}
	if _, err := check.New(one); err == nil {
		t.Error("an empty config was taken")
	}
}
