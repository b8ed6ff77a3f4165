package house

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/wayform"
	"github.com/sallyport/sallyport/plugins/factor"
)

// What the config says of policy, bridges and groups reaches the engine and the
// page; and a clock that is set back while the daemon does not run opens nothing
// again.
func TestThePolicyOfTheConfigHolds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	want := func(when, service, name string, reason account.Reason) {
		t.Helper()
		if got := s.try(service, name, account.Secret(name+"-password"), ""); got.Reason != reason {
			t.Errorf("%s, %s at %s: %s %s, want %s", when, name, service, got.Verdict, got.Reason, reason)
		}
	}
	want("without a policy", "web", "alice", account.EnrollRequired)
	want("without a bridge", "dav", "alice", account.AppPasswordRequired)

	day := s.clock.Now().Add(24 * time.Hour)
	s.cfg.Policy = policy.Policy{Everybody: policy.Line{From: day}}
	s.cfg.Services[0].Groups = []wayform.Group{{Groups: []string{"nobody at all"}, Accept: []config.Way{{Factors: []string{"totp", "directory"}}}}}
	s.cfg.Services[1].Bridge = config.Way{Factors: []string{"directory"}}
	s.cfg.Services = append(s.cfg.Services, config.Service{Name: "mail",
		Accept: []config.Way{{Factors: []string{"totp", "directory"}}},
		Groups: []wayform.Group{{Groups: []string{"Staff"}, Accept: []config.Way{{Factors: []string{"recovery", "directory"}}}, Config: "c.toml:9 service[2].group[0]"}}})
	s.restart("SELECT 1")
	want("in grace", "web", "alice", account.OK)
	want("over the bridge", "dav", "alice", account.OK)
	if got := s.metric(`sallyport_logins_without_second_factor_total{leave="bridge"}`); got != "1" {
		t.Errorf("logins over the bridge: %s", got)
	}
	status, err := s.Status(t.Context())
	if err != nil || status.Enrollment.Policy["grace"] != 1 || status.Enrollment.Policy["bridge"] != 1 {
		t.Errorf("%v, %v", status.Enrollment.Policy, err)
	}

	// The group's own way is the one that is walked, for its members only.
	for name, own := range map[string]bool{"alice": true, "carla": false} {
		steps, err := s.duty.Now().Engine.Explain(t.Context(), name, "mail")
		said := fmt.Sprint(steps)
		if err != nil || strings.Contains(said, "c.toml:9 service[2].group[0]") != own || strings.Contains(said, "recovery (nothing enrolled)") != own ||
			strings.Contains(said, "totp (nothing enrolled)") == own {
			t.Errorf("%s at mail: %s, %v", name, said, err)
		}
	}

	s.enroll(s.person("alice"), "totp", nil)
	want("in grace, and set up", "web", "alice", account.CodeRequired)
	s.must(s.store.Sweep(t.Context(), day.Add(time.Hour)))
	s.restart("SELECT 1")
	want("with a clock that was set back", "web", "bert", account.EnrollRequired)
	want("with a clock that was set back", "dav", "bert", account.AppPasswordRequired)
	if got := s.try("web", "alice", "alice-password", ""); got.Verdict != factor.Deny || got.Reason != account.CodeRequired {
		t.Errorf("who has set up: %s %s", got.Verdict, got.Reason)
	}
	if steps, err := s.duty.Now().Engine.Explain(t.Context(), "bert", "dav"); err != nil || !strings.Contains(steps[len(steps)-2].Answer, "their day has come") {
		t.Errorf("%+v, %v", steps, err)
	}
}
