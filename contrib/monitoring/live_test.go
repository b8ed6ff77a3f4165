package monitoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// prometheus is a real one that scrapes the stage every second.
type prometheus struct {
	t       *testing.T
	address string
}

// keepsWaiting are rules whose "for" the test leaves as it is: in the first minute
// the audit was not counted yet, and the machine under test may be slow.
func keepsWaiting() []string { return []string{"SallyportAuditStopped", "SallyportSlow"} }

// hasty are the rules with "for" cut to a second or two, so that a test can wait
// for it; nothing else is changed.
func hasty(t *testing.T) string {
	t.Helper()
	names, text := rules(t)
	all := read(t, "alerts.yaml")
	for _, name := range names {
		if slices.Contains(keepsWaiting(), name) {
			continue
		}
		all = strings.Replace(all, text[name], regexp.MustCompile(`\n        for: \w+\n`).ReplaceAllString(text[name], "\n        for: 2s\n"), 1)
	}
	return all
}

func watch(t *testing.T, target string) *prometheus {
	t.Helper()
	program, dir := run.Need(t, "prometheus", "prometheus"), t.TempDir()
	run.Write(t, dir+"/alerts.yaml", hasty(t), 0o644)
	run.Write(t, dir+"/prometheus.yml", `global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: sallyport
    static_configs: [{targets: ["`+target+`"]}]
`, 0o644)
	p := &prometheus{t, fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))}
	run.Background(t, run.Command{Path: program, Dir: dir, Args: []string{
		"--config.file=prometheus.yml", "--storage.tsdb.path=" + dir + "/data", "--web.listen-address=" + p.address, "--log.level=warn",
	}})
	if err := run.Within(run.Patience, func() error { _, err := p.get("/-/ready"); return err }); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *prometheus) get(path string) ([]byte, error) {
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Get("http://" + p.address + path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text := new(strings.Builder)
	if err := resp.Write(text); err != nil {
		return nil, err
	}
	_, body, _ := strings.Cut(text.String(), "\r\n\r\n")
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", path, resp.StatusCode, body)
	}
	return []byte(body), nil
}

// sample is one series of an answer.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

func (s sample) number() float64 {
	text, _ := s.Value[1].(string)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return n
}

// ask evaluates an expression now.
func (p *prometheus) ask(expr string) ([]sample, error) {
	body, err := p.get("/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	var a struct{ Data struct{ Result []sample } }
	return a.Data.Result, json.Unmarshal(body, &a)
}

// alert is one that waits or fires.
type alert struct {
	State       string
	Labels      map[string]string
	Annotations map[string]string
}

func (p *prometheus) alerts() ([]alert, error) {
	body, err := p.get("/api/v1/alerts")
	if err != nil {
		return nil, err
	}
	var a struct{ Data struct{ Alerts []alert } }
	return a.Data.Alerts, json.Unmarshal(body, &a)
}

// fires waits until an alert does, and reads what it says.
func (p *prometheus) fires(name string) {
	p.t.Helper()
	var said alert
	err := run.Within(75*time.Second, func() error {
		all, err := p.alerts()
		for _, a := range all {
			if a.Labels["alertname"] == name && a.State == "firing" {
				said = a
				return err
			}
		}
		return fmt.Errorf("%s does not fire, but %v, %w", name, all, err)
	})
	if err != nil {
		p.t.Error(err)
		return
	}
	for _, text := range said.Annotations {
		if strings.Contains(text, "<error") || strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
			p.t.Errorf("%s says %q", name, text)
		}
	}
	p.t.Logf("%s (%s): %s", name, said.Labels["severity"], said.Annotations["summary"])
}

// ends waits until an alert is over.
func (p *prometheus) ends(name string) {
	p.t.Helper()
	err := run.Within(75*time.Second, func() error {
		all, err := p.alerts()
		if slices.ContainsFunc(all, func(a alert) bool { return a.Labels["alertname"] == name }) {
			return fmt.Errorf("%s does not end", name)
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
}

// load is a small house at work: right and wrong app passwords, codes and passwords,
// until it is stopped.
func (s *stage) load(alice, bert *person) (stop func()) {
	done, wrong := make(chan struct{}), servertest.WrongApp(s.t)
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			s.check(login{service: "dav", name: "alice", password: alice.app})
			switch n % 30 {
			case 3:
				s.check(login{service: "dav", name: "alice", password: wrong, from: "192.0.2.8"})
			case 9:
				s.check(login{service: "dav", name: "bert", password: "bert-password", from: "192.0.2.9"})
			case 15:
				s.check(login{service: "web", name: "carla", password: "wrong", from: "192.0.2.10"})
			case 21:
				s.check(login{service: "web", name: "bert", password: "bert-password", code: "000000", from: "192.0.2.11"})
			case 27:
				if c := alice.code(); c != "" {
					s.check(login{service: "web", name: "alice", password: "alice-password", code: c})
				}
			}
		}
	})
	return func() { close(done); all.Wait() }
}

// filled asks for a panel as Grafana does, and returns what is wrong with the answer.
func (p *prometheus) filled(q target) error {
	expr := strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*").Replace(q.Expr)
	got, err := p.ask(expr)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(got, func(s sample) bool { return !math.IsNaN(s.number()) && !math.IsInf(s.number(), 0) }) {
		return fmt.Errorf("no data: %v", got)
	}
	for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.LegendFormat, -1) {
		if got[0].Metric[label[1]] == "" {
			return fmt.Errorf("the legend names the label %s, which %v has not", label[1], got[0].Metric)
		}
	}
	return nil
}

// TestMonitoring runs a real Prometheus in front of the demo. Under a small load
// each panel has data, no alert fires, and every metric of the daemon is there.
// Then things break: the alerts that are about them fire, and end where the trouble
// does.
func TestMonitoring(t *testing.T) {
	t.Parallel() // it waits, most of the time
	run.Need(t, "prometheus", "prometheus")
	s := newStage(t)
	p := watch(t, s.metrics)
	alice, bert := s.setUp("alice"), s.setUp("bert")
	carla := s.setUp("carla")
	stop := s.load(alice, bert)
	defer stop()
	s.sallyport("reset", "carla", "--reason", "lost phone")
	s.sallyport("revoke", "bert", "--all", "--reason", "lost phone")
	if got := s.check(login{service: "dav", name: "carla", password: carla.app, from: "192.0.2.12"}); got != http.StatusUnauthorized {
		t.Fatalf("after a reset the app password is answered with %d", got)
	}
	t.Run("panels", func(t *testing.T) { everyPanel(t, p) })
	t.Run("metrics", func(t *testing.T) { everyMetric(t, p) })
	t.Run("commands", func(t *testing.T) { everyCommand(t, s) })
	healthy(t, p)
	if t.Failed() {
		return
	}
	breakAll(t, s, p)
}

func everyPanel(t *testing.T, p *prometheus) {
	for _, panel := range board(t).Panels {
		for _, q := range panel.Targets {
			if err := run.Within(20*time.Second, func() error { return p.filled(q) }); err != nil {
				t.Errorf("%q: %s: %v", panel.Title, q.Expr, err)
			}
		}
	}
}

// everyMetric compares what is scraped with what the files ask for.
func everyMetric(t *testing.T, p *prometheus) {
	got, err := p.ask(`count by (__name__) ({job="sallyport"})`)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, s := range got {
		there = append(there, ours(s.Metric["__name__"])...)
	}
	for _, name := range ours(asked(t) + read(t, "alerts.yaml")) {
		if !slices.Contains(there, name) {
			t.Errorf("the daemon does not have %s", name)
		}
	}
	for name := range meters(served(t)) {
		if strings.HasPrefix(name, "sallyport_") && !slices.Contains(there, name) {
			t.Errorf("%s is not scraped from the demo", name)
		}
	}
}

// everyCommand looks whether there is what the document tells people to run.
func everyCommand(t *testing.T, s *stage) {
	found := regexp.MustCompile("`(sallyportd?) ([a-z][^`]*)`").FindAllStringSubmatch(read(t, doc), -1)
	if len(found) < 5 {
		t.Errorf("only %d commands were found", len(found))
	}
	for _, m := range found {
		var words []string
		for _, w := range strings.Fields(m[2]) {
			if w != strings.ToUpper(w) {
				words = append(words, w)
			}
		}
		out, err := run.Run(run.Command{Path: s.bin + "/" + m[1], Args: append(words, "--help")})
		command := m[1] + " " + strings.Join(slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }), " ")
		if err != nil || !strings.Contains(out, "\n  "+command) {
			t.Errorf("there is no command %q: %v\n%s", command, err, out)
		}
	}
}

// healthy wants no alert to fire.
func healthy(t *testing.T, p *prometheus) {
	t.Helper()
	all, err := p.alerts()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.State == "firing" {
			t.Errorf("in health %s fires: %s", a.Labels["alertname"], a.Annotations["summary"])
		}
	}
}

// breakAll breaks one thing after the other, and mends what can be mended.
func breakAll(t *testing.T, s *stage, p *prometheus) {
	t.Helper()
	s.certificate(2 * 24 * time.Hour)
	s.must("reloading", syscall.Kill(s.daemon.PID(), syscall.SIGHUP))
	s.must("reloading", run.Within(run.Patience, func() error { // that starts all plugins afresh
		if !strings.Contains(s.daemon.Said(), "the config was read again") {
			return errors.New("it is not done")
		}
		return nil
	}))
	s.flap("totp", 5)
	for n := range 60 {
		s.check(login{service: "dav", name: "müller", password: "müller-password", from: fmt.Sprintf("198.51.%d.7", n)})
	}
	for range 11 {
		s.sallyport("reset", "bert", "--reason", "lost phone")
	}
	at := strings.TrimPrefix(s.people.URL(), "ldap://")
	s.must("ending the directory", s.people.Close())
	p.fires("SallyportCertificateEndsSoon")
	p.fires("SallyportCertificateEnds")
	p.fires("SallyportPluginFlapping")
	p.fires("SallyportManyResets")
	p.fires("SallyportDirectoryDown")
	p.fires("SallyportNormalPasswordOnApps")
	s.openDirectory(at)
	p.ends("SallyportDirectoryDown")
	s.fill("0")
	p.fires("SallyportStoreFailing")
	s.fill("unlimited")
	good := read(t, s.path("demo.toml"))
	s.must("breaking the config", os.WriteFile(s.path("demo.toml"), []byte("nonsense = true\n"+good), 0o600))
	s.must("reloading", syscall.Kill(s.daemon.PID(), syscall.SIGHUP))
	p.fires("SallyportReloadRefused")
	s.must("mending the config", os.WriteFile(s.path("demo.toml"), []byte(good), 0o600))
	s.must("reloading", syscall.Kill(s.daemon.PID(), syscall.SIGHUP))
	p.ends("SallyportReloadRefused")
	t.Run("counted", func(t *testing.T) { counted(t, p) })
	s.must("stopping the daemon", s.daemon.Stop())
	p.fires("SallyportDown")
}

// counted waits until the daemon, which counts once a minute, tells what is true.
func counted(t *testing.T, p *prometheus) {
	for expr, want := range map[string]float64{
		`sallyport_enrolled_subjects`:                                1,
		`sallyport_acts_total{act="enroll"}`:                         3,
		`sallyport_acts_total{act="reset"}`:                          12,
		`sallyport_app_passwords`:                                    1,
		`time() - sallyport_audit_last_timestamp_seconds < bool 300`: 1,
		`sallyport_store_bytes > bool 4096`:                          1,
		`abs(sallyport_clock_skew_seconds) < bool 5`:                 1,
	} {
		err := run.Within(75*time.Second, func() error {
			got, err := p.ask(expr)
			if err != nil || len(got) != 1 || got[0].number() != want {
				return fmt.Errorf("%s is %v, %w; want %v", expr, got, err, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
