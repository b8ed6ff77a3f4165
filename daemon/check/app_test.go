package check_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

func TestRule07NothingIsBoundWithoutTheDirectory(t *testing.T) {
	s := newScene(t, nil)
	s.people.forbidden = func(what string) { t.Errorf("a %s where no way has the directory", what) }
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	for _, service := range []string{"dav", "door"} {
		for _, name := range []string{"alice", "nobody"} {
			for _, secret := range []string{"alice-password", "123456", "alice-password123456", app, typo(app), strings.Repeat("0", 24), "ümläut"} {
				for _, one := range []bool{true, false} {
					s.engine.Check(context.Background(), account.Attempt{Service: service, Name: name, Password: account.Secret(secret), OneField: one, Client: home()})
				}
			}
		}
	}
}

// typo changes the first character, so that the check character is wrong.
func typo(app string) string {
	if app[0] == '2' {
		return "3" + app[1:]
	}
	return "2" + app[1:]
}

func TestRule07AnAppPasswordNeverReachesTheDirectory(t *testing.T) {
	s := newScene(t, nil)
	s.people.forbidden = func(what string) { t.Errorf("a %s of an app password", what) }
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	_, never := s.enroll("bert", apppassword.Factor{}, nil)
	for _, service := range []string{"web", "mail", "plain", "dav"} {
		for _, name := range []string{"alice", "nobody"} {
			for _, secret := range []string{app, never, strings.ToUpper(app), strings.ReplaceAll(app, "-", " "), app + "123456"} {
				one := len(secret) > len(app)
				if one && service != "mail" && service != "web" {
					continue // without a code to split off it has another shape
				}
				s.engine.Check(context.Background(), account.Attempt{Service: service, Name: name, Password: account.Secret(secret), OneField: one, Client: home()})
			}
		}
	}
}

func TestRule07OnlyItsShapeReachesTheAppPasswordPlugin(t *testing.T) {
	app := &crooked{Factor: apppassword.Factor{}}
	s := newScene(t, func(s *scene) { s.cfg.Factors[2].Plugin = app })
	for _, secret := range []string{"alice-password", "123456", strings.Repeat("x", 23), strings.Repeat("x", 25), strings.Repeat("u", 24), "äöü"} {
		for _, service := range []string{"dav", "web", "mail", "plain", "door"} {
			s.try(service, "alice", account.Secret(secret), "")
			s.try(service, "nobody", account.Secret(secret), "")
		}
	}
	if len(app.asked) > 0 {
		t.Errorf("it was shown %d inputs", len(app.asked))
	}
}

func TestNeverAcceptsThePasswordOnAnAppPasswordService(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	s.enroll("alice", apppassword.Factor{}, nil)
	for _, a := range []account.Attempt{
		{Password: "alice-password"}, {Password: "alice-password", Code: s.code(key)},
		{Password: "alice-password" + s.code(key), OneField: true}, {Password: s.code(key)},
		{Password: "x", Ticket: s.ticket("alice"), Code: s.code(key)},
	} {
		a.Service, a.Name, a.Client = "dav", "alice", home()
		if ans := s.engine.Check(context.Background(), a); ans.Verdict != factor.Deny {
			t.Errorf("%s %s", ans.Verdict, ans.Reason)
		}
	}
}

func TestAppPasswordsAndTheirReasons(t *testing.T) {
	s := newScene(t, nil)
	r, app := s.enroll("alice", apppassword.Factor{}, func(r *account.Record) { r.Services = []string{"dav"} })
	_, berts := s.enroll("bert", apppassword.Factor{}, nil)
	ans := s.try("dav", "alice", account.Secret(app), "")
	want(t, ans, factor.Accept, account.OK)
	if len(ans.Scope) != 1 || ans.Scope[0] != "dav" || ans.Subject.Name != "alice" || ans.Factors[0] != "app-password" {
		t.Errorf("the answer says %+v", ans)
	}
	use := s.journal.used[0]
	if use.ID != r.ID || use.Subject != "id-alice" || use.LastService != "dav" || use.LastFrom != "192.0.2.7" || use.LastAgent != "test" || len(use.Payload) > 0 {
		t.Errorf("noted: %+v", use)
	}
	for _, c := range []struct {
		service, typed string
		want           account.Reason
	}{
		{"card", app, account.WrongService},
		{"web", app, account.WrongService},
		{"dav", typo(app), account.AppPasswordTypo},
		{"dav", berts, account.BadCredentials},
		{"dav", "alice-password", account.AppPasswordRequired},
		{"web", typo(app), account.BadCredentials}, // 24 characters may be a password: it is bound
	} {
		want(t, s.try(c.service, "alice", account.Secret(c.typed), ""), factor.Deny, c.want)
	}
	if len(s.people.bound) != 1 {
		t.Errorf("%d binds, want the one of the typo on web", len(s.people.bound))
	}
}

// Wrong app passwords slow down their source, the same one once, and lock no
// account; a right one writes nothing.
func TestRule08AppPasswordsLockNoAccount(t *testing.T) {
	s := newScene(t, func(s *scene) { s.store = &faulty{keeper: s.real} })
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	for i := range 200 {
		_, wrong := s.enroll("bert", apppassword.Factor{}, func(r *account.Record) { r.Revoked = s.clock.Now() })
		s.try("dav", "alice", account.Secret(wrong), "")
		if i > 60 {
			break
		}
	}
	want(t, s.try("dav", "alice", account.Secret(app), ""), factor.Deny, account.Throttled)
	elsewhere := account.Attempt{Service: "dav", Name: "alice", Password: account.Secret(app), Client: account.Client{Addr: netip.MustParseAddr("198.51.100.1")}}
	want(t, s.engine.Check(context.Background(), elsewhere), factor.Accept, account.OK)
	for _, call := range s.store.(*faulty).calls {
		if call != "load" {
			t.Errorf("an app password led to a %s", call)
		}
	}
}

func TestOneFieldCarriesPasswordAndCode(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	sixes := "0123456789abcdefgh123456" // looks like an app password, by its check character it is none
	for _, c := range []struct{ service, password string }{
		{"web", "alice-password"}, {"web", "geheim123456"}, {"web", "pässwörtö"}, {"web", "ü"}, {"web", " blanks "},
		{"mail", "alice-password"}, {"mail", "123456"}, {"mail", sixes},
	} {
		s.people.password["alice"] = c.password
		s.move(30_000_000_000)
		ans := s.engine.Check(context.Background(), account.Attempt{Service: c.service, Name: "alice",
			Password: account.Secret(c.password) + s.code(key), OneField: true, Client: home()})
		if ans.Verdict != factor.Accept {
			t.Errorf("%s, %q: %s %s, bound %q", c.service, c.password, ans.Verdict, ans.Reason, s.people.bound[len(s.people.bound)-1])
		}
		if got := s.people.bound[len(s.people.bound)-1]; got != c.password {
			t.Errorf("%q was bound as %q", c.password, got)
		}
	}
	// Two fields are never split, one field without digits is a password, and
	// where the password is enough nothing is split off.
	s.people.password["alice"] = "geheim123456"
	one := account.Attempt{Service: "web", Name: "alice", Password: "geheim123456", Client: home()}
	want(t, s.engine.Check(context.Background(), one), factor.Deny, account.CodeRequired)
	one.Service, one.OneField = "plain", true
	want(t, s.engine.Check(context.Background(), one), factor.Accept, account.OK)
	s.people.password["alice"] = "geheim"
	one.Service, one.Password = "web", "geheim"
	want(t, s.engine.Check(context.Background(), one), factor.Deny, account.CodeRequired)
	// An app password that ends in six digits is one.
	_, app := s.enroll("alice", apppassword.Factor{}, nil)
	if app = endInDigits(app); app == "" { // another one, whatever the first ends in
		t.Fatal("none found")
	}
	binds := len(s.people.bound)
	one.Service, one.Password = "mail", account.Secret(app)
	want(t, s.engine.Check(context.Background(), one), factor.Deny, account.BadCredentials)
	if len(s.people.bound) != binds {
		t.Error("an app password ending in digits was split and bound")
	}
}

// endInDigits searches a well-formed app password of which the last six
// characters are digits.
func endInDigits(app string) string {
	whole := strings.ReplaceAll(app, "-", "")
	bare := whole[:len(whole)-6]
	for n := range 1_000_000 {
		tail := []byte("000000")
		for i := range tail {
			tail[5-i] = byte('0' + n%10)
			n /= 10
		}
		res, err := apppassword.Factor{}.Verify(context.Background(), factor.Request{Input: bare + string(tail)})
		if err == nil && res.Reason == factor.Wrong && bare+string(tail) != whole {
			return bare + string(tail)
		}
	}
	return ""
}
