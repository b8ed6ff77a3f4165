package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
)

// rollout is a policy as somebody would write it.
const rollout = `[policy]
timezone = "Europe/Berlin"
required_from = "2027-01-15"
[[policy.group]]
groups = ["staff"]
required_from = "2027-03-28"
[[policy.group]]
groups = ["board-guests"]
exempt = "they read the agenda"
[[policy.group]]
groups = ["scanners"]
machine = "they have no hands"
[[policy.group]]
groups = ["admins"]
[log]`

func withPolicy(text string) string { return strings.Replace(base, "[log]", text, 1) }

func TestPolicyIsRead(t *testing.T) {
	c, ps := parse(t, strings.Replace(withPolicy(rollout), `accept = [["app-password"]]`, `accept = [["app-password"]]
before_enrollment = [["directory"]]
[[service.group]]
groups = ["staff", "admins"]
accept = [["app-password"]]`, 1))
	if ps != nil {
		t.Fatal(ps)
	}
	p := c.Policy
	if got := p.Everybody.From.UTC(); !got.Equal(time.Date(2027, 1, 14, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("everybody: %s", got)
	}
	// The day on which clocks are put forward begins before they are.
	if got := p.Lines[0].From.UTC(); !got.Equal(time.Date(2027, 3, 27, 23, 0, 0, 0, time.UTC)) || p.Lines[0].Config != "s.toml:63 policy.group[0]" {
		t.Errorf("staff: %s at %s", got, p.Lines[0].Config)
	}
	if p.Lines[1].Exempt != "they read the agenda" || p.Lines[2].Machine != "they have no hands" || len(p.Lines) != 4 {
		t.Errorf("%+v", p.Lines)
	}
	if got := p.For(account.Subject{Groups: []string{"admins"}}).At(time.Time{}); got != policy.Required {
		t.Errorf("a group without a word: %s", got)
	}
	dav := c.Services[1]
	if !slices.Equal(dav.Bridge.Factors, []string{"directory"}) || !strings.HasSuffix(dav.Bridge.Config, " service[1].before_enrollment") {
		t.Errorf("the bridge: %+v", dav.Bridge)
	}
	if len(dav.Groups) != 1 || len(dav.Every()) != 2 || dav.Groups[0].Accept[0].Factors[0] != "app-password" {
		t.Errorf("groups: %+v", dav.Groups)
	}
	c, ps = parse(t, base)
	if ps != nil || !c.Policy.Last().IsZero() || c.Policy.For(account.Subject{}).At(time.Time{}) != policy.Required {
		t.Errorf("without a policy: %+v, %v", c.Policy, ps)
	}
	c, ps = parse(t, withPolicy("[policy]\n[log]"))
	if ps != nil || c.Policy.For(account.Subject{}).At(time.Time{}) != policy.Required {
		t.Errorf("an empty policy: %+v, %v", c.Policy, ps)
	}
	// Only the members of some groups owe one.
	c, ps = parse(t, withPolicy("[policy]\nexempt = \"only accounting has to\"\n[[policy.group]]\ngroups = [\"accounting\"]\n[log]"))
	if ps != nil || c.Policy.For(account.Subject{Groups: []string{"staff"}}).At(time.Time{}) != policy.Exempt ||
		c.Policy.For(account.Subject{Groups: []string{"Accounting"}}).At(time.Time{}) != policy.Required || c.Policy.Everybody.Exempt != "only accounting has to" {
		t.Errorf("for some groups only: %+v, %v", c.Policy, ps)
	}
}

func TestMutantsOfPolicy(t *testing.T) {
	const log = "[log]"
	group := func(lines string) string { return "[[policy.group]]\ngroups = [\"a\"]\n" + lines + "\n[log]" }
	run(t, []mutant{
		{log, "[policy]\ntimezone = \"Europe/Berlinn\"\n[log]", "timezone", "policy.timezone", "no time zone", "Europe/Berlin"},
		{log, "[policy]\ntimezone = \"Local\"\n[log]", "timezone", "policy.timezone", "no time zone", "Europe/Berlin"},
		{log, "[policy]\ntimezone = \"\"\n[log]", "timezone", "policy.timezone", "no time zone", "Europe/Berlin"},
		{log, "[policy]\nrequired_from = \"2027-02-29\"\n[log]", "required_from", "policy.required_from", `"2027-02-29" is no date`, "2027-01-15"},
		{log, "[policy]\nrequired_from = \"1.2.2027\"\n[log]", "required_from", "policy.required_from", "is no date", "2027-01-15"},
		{log, "[policy]\nrequired_from = \"\"\n[log]", "required_from", "policy.required_from", "is no date", "2027-01-15"},
		{log, "[policy]\nrequired_from = \"0027-02-01\"\n[log]", "required_from", "policy.required_from", "is no date", "2027-01-15"},
		{log, "[policy]\nrequired_from = 2027-02-01\n[log]", "required_from", "policy.required_from", "must be a date in quotes", "2027-01-15"},
		{log, "[policy]\nrequired = \"2027-02-01\"\n[log]", "required =", "policy.required", "unknown key", "did you mean required_from?"},
		{log, "[policy]\nexempt = \"all\"\n[log]", "exempt", "policy.exempt", "exempts everybody", "name in [[policy.group]] who does"},
		{log, "[policy]\nexempt = \"all\"\n" + group(`exempt = "they, too"`), "exempt = \"all\"", "policy.exempt", "exempts everybody", "name in [[policy.group]] who does"},
		{log, "[policy]\nexempt = \"all\"\n" + group(`machine = "scanners"`), "exempt", "policy.exempt", "exempts everybody", "name in [[policy.group]] who does"},
		{log, "[policy]\nexempt = \" \"\n" + group(""), "exempt", "policy.exempt", "gives no reason", "in a sentence"},
		{log, "[policy]\nexempt = \"others\"\nrequired_from = \"2027-02-01\"\n" + group(""), "exempt", "policy.exempt", "contradicts required_from", "one of the two"},
		{log, "[policy]\nmachine = \"all\"\n[log]", "machine", "policy.machine", "unknown key", "known here are"},
		{log, group(`exempt = "a reason"` + "\n" + `machine = "a reason"`), "machine", "policy.group[0].machine", "contradicts exempt", "one of the two"},
		{log, group(`required_from = "2027-02-01"` + "\n" + `exempt = "a reason"`), "exempt", "policy.group[0].exempt", "contradicts required_from", "one of the two"},
		{log, group(`required_from = "2027-02-01"` + "\n" + `machine = "a reason"`), "machine", "policy.group[0].machine", "contradicts required_from", "one of the two"},
		{log, group(`exempt = " "`), "exempt", "policy.group[0].exempt", "gives no reason", "in a sentence"},
		{log, group(`machine = ""`), "machine", "policy.group[0].machine", "gives no reason", "in a sentence"},
		{log, group(`exempt = true`), "exempt", "policy.group[0].exempt", "must be a text", "exempt = "},
		{log, "[[policy.group]]\nexempt = \"a\"\n[log]", "[[policy.group]]", "policy.group[0].groups", "is missing", "groups = "},
		{log, "[[policy.group]]\ngroups = []\n[log]", "groups = []", "policy.group[0].groups", "is missing", "groups = "},
		{log, "[[policy.group]]\ngroups = [\"a\", \"b\"]\n[[policy.group]]\ngroups = [\"B\"]\n[log]", "groups = [\"B\"]", "policy.group[1].groups", "never does", "remove it"},
		{log, "[policy.group]\ngroups = [\"a\"]\n[log]", "[policy.group]", "policy.group", "must be a list of tables", "[[policy.group]]"},
	})
}

func TestMutantsOfBridgesAndGroupsOfServices(t *testing.T) {
	const (
		dav  = `accept = [["app-password"]]`
		web  = "  [\"recovery\", \"directory\"],\n]"
		plan = "[policy]\nrequired_from = \"2027-01-15\"\n[[service]]\nname = \"dav\"\naccept = [[\"app-password\"]]\n"
		old  = "[[service]]\nname = \"dav\"\naccept = [[\"app-password\"]]\n"
	)
	run(t, []mutant{
		{dav, dav + "\nbefore_enrollment = [[\"directory\"]]", "before_enrollment", "service[1].before_enrollment", "would never end", "required_from"},
		{dav, dav + "\nbefore_enrollment = [[\"directory\"]]\n[[policy.group]]\ngroups = [\"a\"]\nexempt = \"a reason\"", "before_enrollment", "service[1].before_enrollment", "would never end", "required_from"},
		{old, plan + "before_enrollment = [[\"totp\", \"directory\"]]\n", "before_enrollment", "service[1].before_enrollment", "one thing only", `[["directory"]]`},
		{old, plan + "before_enrollment = \"directory\"\n", "before_enrollment", "service[1].before_enrollment", "one thing only", `[["directory"]]`},
		{old, plan + "before_enrollment = [[\"directory\"], [\"directory\"]]\n", "before_enrollment", "service[1].before_enrollment", "one thing only", `[["directory"]]`},
		{web, web + "\nbefore_enrollment = [[\"directory\"]]\n[policy]\nrequired_from = \"2027-01-15\"", "before_enrollment", "service[0].before_enrollment", "has no meaning", "remove it"},
		{old, plan + "[[service]]\nname = \"door\"\naccept = [[\"totp\"]]\nsingle_factor = \"a keypad\"\nbefore_enrollment = [[\"directory\"]]\n", "before_enrollment", "service[2].before_enrollment", "nothing else", "remove it"},
		{web, web + "\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"directory\"]]", "accept = [[\"directory\"]]", "service[0].group[0].accept[0]", `"directory" alone is one factor`, "single_factor"},
		{web, web + "\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"totpp\", \"directory\"]]", "accept = [[\"totpp\"", "service[0].group[0].accept[0]", `unknown factor "totpp"`, `did you mean "totp"?`},
		{web, web + "\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"app-password\"]]", "accept = [[\"app-password\"]]", "service[0].group[0].accept", "strangers could tell", "both begin with the same"},
		{dav, dav + "\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"totp\", \"directory\"]]", "accept = [[\"totp\", \"directory\"]]", "service[1].group[0].accept", "strangers could tell", "both begin with the same"},
		{web, web + "\n[[service.group]]\ngroups = [\"a\"]", "[[service.group]]", "service[0].group[0].accept", "is missing", "accept = "},
		{web, web + "\n[[service.group]]\naccept = [[\"totp\", \"directory\"]]", "[[service.group]]", "service[0].group[0].groups", "is missing", "groups = "},
		{web, web + "\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"totp\", \"directory\"]]\nname = \"x\"", "name = \"x\"", "service[0].group[0].name", "unknown key", "known here are"},
		// One factor never opens the page, for no group.
		{web, web + "\nsingle_factor = \"a reason\"\n[[service.group]]\ngroups = [\"a\"]\naccept = [[\"directory\"]]", "service = \"web\"\ntrusted", "page.service", "one factor", "each way asks for two"},
	})
}
