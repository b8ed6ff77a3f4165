package metrics

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

func scrape(t *testing.T, m *Metrics) (body string, series int) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	return string(b), series
}

func TestCounts(t *testing.T) {
	m := New(Build{Version: "v1.2.3", Services: []string{"web", "dav"}, Plugins: []string{"totp"}, Servers: 2})
	check := account.Event{Act: account.ActCheck, Service: "dav", FrontEnd: "http", Verdict: factor.Deny, Reason: account.AppPasswordRequired, Name: "alice", Address: "192.0.2.7", Took: 2 * time.Millisecond}
	m.Observe(check)
	check.Count = 4
	m.Observe(check)
	m.Observe(account.Event{Act: account.ActReset, Name: "alice"})
	m.DirectoryUp(1, true)
	m.DirectoryUp(7, true)
	m.PluginUp("totp", true)
	m.PluginUp("evil", true)
	m.PluginRestarted("totp")
	m.Throttled("second")
	m.RefusedPeer("admin")
	m.Lost("tries", 3)
	m.Took("directory_bind", 0.002)
	m.Attack(true)
	m.Set(Gauges{Subjects: 12, Enrolled: 9, AppPasswords: 30, Sessions: 2, AuditHead: 77, ClockSkew: 1500 * time.Millisecond})
	body, _ := scrape(t, m)
	for _, want := range []string{
		`sallyport_checks_total{front_end="http",reason="app_password_required",service="dav",verdict="deny"} 5`,
		`sallyport_app_password_required_total{service="dav"} 5`,
		`sallyport_app_password_required_total{service="web"} 0`,
		`sallyport_acts_total{act="reset"} 1`,
		`sallyport_directory_server_up{server="0"} 0`,
		`sallyport_directory_server_up{server="1"} 1`,
		`sallyport_plugin_up{plugin="totp"} 1`,
		`sallyport_plugin_restarts_total{plugin="totp"} 1`,
		`sallyport_throttled_total{bucket="second"} 1`,
		`sallyport_refused_peers_total{front_end="admin"} 1`,
		`sallyport_events_lost_total{what="tries"} 3`,
		`sallyport_duration_seconds_count{what="check"} 2`,
		`sallyport_duration_seconds_count{what="directory_bind"} 1`,
		"sallyport_subjects 12", "sallyport_enrolled_subjects 9", "sallyport_app_passwords 30", "sallyport_sessions 2", "sallyport_audit_head 77",
		"sallyport_clock_skew_seconds 1.5", "sallyport_attack 1",
		`sallyport_build_info{version="v1.2.3"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("missing: %s\n", want)
		}
	}
	for _, secret := range []string{"alice", "192.0.2.7", "evil", `server="7"`} {
		if strings.Contains(body, secret) {
			t.Errorf("%q is in the metrics", secret)
		}
	}
}

func TestLint(t *testing.T) {
	m := New(Build{Version: "v1", Services: []string{"web"}, Plugins: []string{"totp"}, Servers: 1})
	m.Observe(account.Event{Act: account.ActCheck})
	m.Throttled("first")
	m.RefusedPeer("http")
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestHostile: nothing that strangers send makes the metrics swell, even where
// they hit every allowed label in every mix.
func TestHostile(t *testing.T) {
	many := func(word string) (out []string) {
		for i := range 50 {
			out = append(out, fmt.Sprintf("%s-%d", word, i))
		}
		return out
	}
	b := Build{Version: "v1", Services: many("service"), Plugins: many("plugin"), Servers: 50}
	m := New(b)
	all := reasons()
	for i := range 100_000 {
		evil := fmt.Sprintf("evil-%d\n\"}", i)
		e := account.Event{
			Act: account.ActCheck, Service: b.Services[i%50], FrontEnd: frontEnds()[i%7], Verdict: factor.Verdict(i % 3),
			Reason: account.Reason(all[i/3%len(all)]), Name: evil, Address: evil, Agent: evil,
		}
		switch i % 11 {
		case 0:
			e.Service = evil
		case 1:
			e.FrontEnd = evil
		case 2:
			e.Reason = account.Reason(evil)
		case 3:
			e.Act = account.Act(evil)
		}
		m.Observe(e)
		m.Took(evil, 1)
		m.DirectoryUp(i, true)
		m.PluginUp(evil, true)
		m.PluginUp(b.Plugins[i%50], true)
		m.PluginRestarted(b.Plugins[i%50])
		m.Throttled(evil)
		m.RefusedPeer(evil)
		m.Lost(evil, 1)
		m.StoreFailed(evil)
	}
	ends := map[string]time.Time{"evil": time.Unix(1, 0)}
	for _, c := range certificates() {
		ends[c] = time.Unix(1, 0)
	}
	m.Certificates(ends)
	body, n := scrape(t, m)
	if n > 400 || strings.Contains(body, "evil") {
		t.Errorf("%d series, at most 400 are allowed", n)
	}
	t.Logf("%d series", n)
}
