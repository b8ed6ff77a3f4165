package rollout

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// summary is the last line of a report, with how many people use each program
// with the normal password.
type summary struct {
	counts
	programs map[program]int
}

type counts struct {
	People           int `json:"people"`
	PolicyRequired   int `json:"policy_required"`
	PolicyGrace      int `json:"policy_grace"`
	PolicyExempt     int `json:"policy_exempt"`
	PolicyMachine    int `json:"policy_machine"`
	Enrolled         int `json:"enrolled"`
	InGrace          int `json:"in_grace"`
	NotYet           int `json:"not_yet"`
	Exempt           int `json:"exempt"`
	Machines         int `json:"machines"`
	WithAppPasswords int `json:"with_app_passwords"`
	Blocked          int `json:"blocked_if_enforced"`
	OnNormalPassword int `json:"on_normal_password"`
	MachineLike      int `json:"machine_like"`
	Unreadable       int `json:"unreadable"`
}

// standing is how somebody stands in a report.
type standing struct {
	Policy       string `json:"policy"`
	SecondFactor bool   `json:"second_factor"`
	AppPasswords int    `json:"app_passwords"`
	Blocked      bool   `json:"blocked_if_enforced"`
}

// stands is how the ledger has somebody; inGrace are the groups whose day is not
// here yet.
func (p *person) stands(inGrace map[string]bool) standing {
	s := standing{Policy: "required", SecondFactor: p.phone != nil}
	switch {
	case p.group == guests:
		s.Policy = "exempt"
	case p.group == scanners:
		s.Policy = "machine"
	case inGrace[p.group]:
		s.Policy = "grace"
	}
	if p.app != "" {
		s.AppPasswords = 1
	}
	s.Blocked = !s.SecondFactor && (s.Policy == "required" || s.Policy == "grace")
	return s
}

// sum is what the ledger has of all.
func (st *story) sum(inGrace map[string]bool) (s summary) {
	s.People = len(st.all)
	s.OnNormalPassword, s.programs = st.ledger.onNormalPassword()
	for _, p := range st.all {
		now := p.stands(inGrace)
		policies := map[string]*int{"required": &s.PolicyRequired, "grace": &s.PolicyGrace, "exempt": &s.PolicyExempt, "machine": &s.PolicyMachine}
		*policies[now.Policy]++
		have := map[string]*int{"required": &s.NotYet, "grace": &s.InGrace, "exempt": &s.Exempt, "machine": &s.Machines}
		if now.SecondFactor {
			s.Enrolled++
		} else {
			*have[now.Policy]++
		}
		if now.AppPasswords > 0 {
			s.WithAppPasswords++
		}
		if slices.Contains(named(), p.name) {
			s.MachineLike++
		}
		if now.Blocked {
			s.Blocked++
		}
	}
	return s
}

// report runs the report as JSON, as a table and as CSV, and holds each to the
// ledger.
func (st *story) report(inGrace map[string]bool) {
	st.t.Helper()
	st.told(inGrace)
	st.ledger.did("report", 2)
	st.table(st.sum(inGrace))
	st.sheet(inGrace)
}

// told is the report as programs read it.
func (st *story) told(inGrace map[string]bool) {
	st.t.Helper()
	want := st.sum(inGrace)
	st.within("the report", func() error { // the last tries are written beside the answers
		st.ledger.did("report", 1)
		got, standings, err := asJSON(st.sallyport("report", "--json"))
		switch {
		case err != nil:
			return err
		case got.counts != want.counts:
			return fmt.Errorf("the report says\n%+v, the ledger\n%+v", got.counts, want.counts)
		case !maps.Equal(got.programs, want.programs):
			return fmt.Errorf("with the normal password: the report says\n%v, the ledger\n%v", got.programs, want.programs)
		case len(standings) != len(st.all):
			return fmt.Errorf("%d people are told of", len(standings))
		}
		for _, p := range st.all {
			if got := standings[p.name]; got != p.stands(inGrace) {
				return fmt.Errorf("%s: the report says %+v, the ledger %+v", p.name, got, p.stands(inGrace))
			}
		}
		return nil
	})
}

func asJSON(text string) (all summary, each map[string]standing, err error) {
	each = map[string]standing{}
	in := json.NewDecoder(strings.NewReader(text))
	for {
		var line struct {
			Person *struct {
				Name string
				standing
			}
			Summary *struct {
				counts
				Programs []struct {
					Service, Agent string
					People         int
				}
			}
		}
		switch err := in.Decode(&line); {
		case err == io.EOF:
			return all, each, nil
		case err != nil:
			return all, each, err
		case line.Summary != nil:
			all = summary{line.Summary.counts, map[program]int{}}
			for _, p := range line.Summary.Programs {
				all.programs[program{p.Service, p.Agent}] = p.People
			}
		case line.Person != nil:
			each[line.Person.Name] = line.Person.standing
		}
	}
}

// table reads what an operator reads.
func (st *story) table(want summary) {
	st.t.Helper()
	said := st.sallyport("report", "--if-enforced")
	named, total, _ := strings.Cut(said, "\n\n")
	for what, n := range map[string]int{
		"people in the directory": want.People, "have a second factor": want.Enrolled, "have none and are in grace": want.InGrace,
		"have none and owe one": want.NotYet, "have none and are exempt": want.Exempt, "are machines": want.Machines,
		"have app passwords": want.WithAppPasswords, "would be blocked, if it were enforced today": want.Blocked,
		"have programs that still send the normal password": want.OnNormalPassword, `look like machines \(a guess\)`: want.MachineLike,
	} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ +%d  %s`, n, what)).MatchString(total) {
			st.t.Errorf("the report does not say %d %s:\n%s", n, what, total)
		}
	}
	if got := strings.Count(named, "  blocked until set up"); got != want.Blocked {
		st.t.Errorf("the report names %d who would be blocked, want %d", got, want.Blocked)
	}
}

// sheet reads what a spreadsheet reads.
func (st *story) sheet(inGrace map[string]bool) {
	st.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(st.sallyport("report", "--csv"))).ReadAll()
	st.must("reading the CSV", err)
	at := map[string]int{}
	for i, title := range rows[0] {
		at[title] = i
	}
	got := map[string]standing{}
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(row[at["app_passwords"]])
		st.must("reading the CSV", err)
		got[row[at["login"]]] = standing{row[at["policy"]], row[at["second_factor"]] == "yes", n, row[at["blocked_if_enforced"]] == "yes"}
	}
	want := map[string]standing{}
	for _, p := range st.all {
		want[p.name] = p.stands(inGrace)
	}
	if !maps.Equal(got, want) {
		st.t.Errorf("the CSV tells of %d people, and not what the ledger has of %d", len(got), len(want))
	}
}

// balance holds the metrics to what was answered since the daemon's last start.
func (st *story) balance() {
	st.t.Helper()
	text := st.metrics()
	for c, n := range st.ledger.checks {
		if got := metric(text, "sallyport_checks_total", c.service, c.frontEnd, c.verdict); got != n {
			st.t.Errorf("%+v: the metrics say %d, the ledger %d", c, got, n)
		}
	}
	for leave, n := range st.ledger.leaves {
		if got := metric(text, "sallyport_logins_without_second_factor_total", leave); got != n {
			st.t.Errorf("let in for %s: the metrics say %d, the ledger %d", leave, got, n)
		}
	}
	for what, n := range map[string]int{
		"waits for the innocent": metric(text, "sallyport_throttled_total"), "an attack": metric(text, "sallyport_attack"),
		"lost tries": metric(text, "sallyport_events_lost_total", "tries"), "failures of the store": metric(text, "sallyport_store_failures_total"),
	} {
		if n != 0 {
			st.t.Errorf("the metrics tell of %s: %d", what, n)
		}
	}
	st.t.Logf("log lines left out as repetitions: %d", metric(text, "sallyport_events_lost_total", "log_lines"))
	st.ledger.closed()
}

// accounts holds the metrics, the audit and the last report to the ledger.
func (st *story) accounts() {
	st.report(nil)
	st.balance()
	st.audit()
	// The status counts those who have tried to log in, and that was everybody.
	said, sum := st.sallyport("status"), st.sum(nil)
	for what, n := range map[string]int{"owe a second factor": sum.PolicyRequired, "owe none": sum.PolicyExempt, "are machines": sum.PolicyMachine} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ *%d +%s`, n, what)).MatchString(said) {
			st.t.Errorf("the status does not say %d %s:\n%s", n, what, said)
		}
	}
	// Everybody has one phone, and nobody has it twice.
	if n := st.count(func(p *person) bool { return p.phone != nil }); !regexp.MustCompile(fmt.Sprintf(`(?m)^ *totp +%d$`, n)).MatchString(said) {
		st.t.Errorf("the status does not say that there are %d phones:\n%s", n, said)
	}
	// Whatever is counted anew is the same after a restart.
	st.stop()
	st.start()
	for name, n := range map[string]int{
		"sallyport_enrolled_subjects": st.count(func(p *person) bool { return p.phone != nil }),
		"sallyport_app_passwords":     st.count(func(p *person) bool { return p.app != "" }),
	} {
		st.within("counting", func() error {
			if got := metric(st.metrics(), name); got != n {
				return fmt.Errorf("%s is %d, the ledger has %d", name, got, n)
			}
			return nil
		})
	}
}

// audit holds the export to the ledger: as many events of each act, in an audit
// that is whole.
func (st *story) audit() {
	st.t.Helper()
	acts := map[string]int{}
	in := json.NewDecoder(strings.NewReader(st.sallyport("audit", "export")))
	for {
		var e struct{ Act string }
		err := in.Decode(&e)
		if err == io.EOF {
			break
		}
		st.must("reading the audit", err)
		acts[e.Act]++
	}
	for act, n := range st.ledger.acts {
		if acts[act] != n {
			st.t.Errorf("the audit has %d of %q, the ledger %d", acts[act], act, n)
		}
	}
	// Each of them came from a network that was new once, and again after a reset.
	if want := len(st.all) + st.ledger.acts["reset"]; acts["new_network"] != want {
		st.t.Errorf("the audit has %d new networks, want %d", acts["new_network"], want)
	}
	st.t.Logf("the audit: %v", acts)
	if said := st.sallyport("audit", "verify"); !strings.Contains(said, "whole") {
		st.t.Errorf("the audit is not whole:\n%s", said)
	}
}

// metric is the sum of the series of this name that have all these labels.
func metric(text, name string, labels ...string) (sum int) {
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(line, " ")
		if base, _, _ := strings.Cut(series, "{"); base != name {
			continue
		}
		if slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(series, `="`+l+`"`) }) {
			continue
		}
		n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
		sum += int(n)
	}
	return sum
}

func (st *story) metrics() string {
	st.t.Helper()
	got, err := overUnix(st.path("run/metrics.sock")).Get("http://sallyport/metrics")
	st.must("asking for the metrics", err)
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	st.must("reading the metrics", err)
	return string(text)
}
