package check_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// Whatever the reason that lets one factor in, it does not open the page: a
// password alone could there make a code app, and with it all else.
func TestOneFactorNeverOpensThePage(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	for service, a := range map[string]account.Attempt{
		"plain": {Name: "alice", Password: "alice-password"},
		"door":  {Name: "alice", Password: s.code(key)},
	} {
		a.Service, a.Client, a.WantTicket = service, home(), true
		ans := s.engine.Check(context.Background(), a)
		want(t, ans, factor.Accept, account.OK)
		if ans.Ticket != "" {
			t.Errorf("%s opens the page", service)
		}
	}
}

// standalone is for what nobody can guess; a code alone needs a reason.
func TestWhatCanBeGuessedIsNotStandalone(t *testing.T) {
	s := newScene(t, nil)
	cfg := s.cfg
	cfg.Services = []check.Service{{Name: "door", Ways: []check.Way{{Factors: []string{"totp"}}}}}
	cfg.Factors = []check.Factor{{Info: info(t, totp.Factor{}), Plugin: totp.Factor{}, Standalone: true}}
	if _, err := check.New(cfg); err == nil || !strings.Contains(err.Error(), "single_factor with the reason") {
		t.Errorf("six digits alone: %v", err)
	}
	cfg.Services[0].SingleFactor = "a keypad"
	if _, err := check.New(cfg); err != nil {
		t.Errorf("with a reason: %v", err)
	}
}
