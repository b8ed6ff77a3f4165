// Package metrics counts what happens, for Prometheus.
//
// Every label has a closed list of values, so nothing that a stranger sends can
// make a new series: what is not on the list counts as "other". No label holds
// a name of a person or an address. It decides nothing and stores nothing; it
// is not the audit and not the log, which tell of single acts. The mains build
// it and hand its methods to the parts that measure; nobody else imports it.
//
// Decided against: the default registry and the collector of the Go runtime,
// which would add some thirty series that no operator of a login service reads.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	other = "other"
	// maxListed bounds configured services, plugins and servers that get a
	// label of their own; the rest share "other".
	maxListed = 8
	// maxChecks bounds the combinations of sallyport_checks_total; further ones
	// share a service and a front end named "other".
	maxChecks = 120
)

// Build is what is known before the start.
type Build struct {
	// Version is what sallyportd --version says.
	Version string
	// Services, Plugins (factors and hooks) and Servers are those configured;
	// the first eight of each get series of their own.
	Services []string
	Plugins  []string
	Servers  int
	// Now is the daemon's clock, which is shown beside Prometheus's own. Without it
	// there is no such series.
	Now func() time.Time
}

// Gauges is what is counted from time to time.
type Gauges struct {
	// Subjects is of how many people anything is kept, Enrolled how many of
	// them have a second factor.
	Subjects, Enrolled int64
	AppPasswords       int64
	Sessions           int64
	// AuditHead is the number of the newest audit entry.
	AuditHead int64
	// ClockSkew is how far the daemon's clocks are apart.
	ClockSkew time.Duration
	// AuditLast is when the newest audit entry was made, Counted when all this
	// was counted, Deadline the next day from which a second factor will be owed.
	AuditLast, Counted, Deadline time.Time
	// StoreBytes is the size of the store's files.
	StoreBytes int64
}

// Metrics counts. Its methods may be called from anywhere and never block.
type Metrics struct {
	registry *prometheus.Registry
	// known are the labels that a config gives.
	known atomic.Pointer[known]

	checks      *prometheus.CounterVec
	acts        *prometheus.CounterVec
	appPassword *prometheus.CounterVec
	throttled   *prometheus.CounterVec
	refused     *prometheus.CounterVec
	lost        *prometheus.CounterVec
	took        *prometheus.HistogramVec
	serverUp    *prometheus.GaugeVec
	pluginUp    *prometheus.GaugeVec
	restarts    *prometheus.CounterVec
	leave       *prometheus.CounterVec
	policy      *prometheus.GaugeVec
	muster      muster
	upkeep      upkeep
	gauges      map[string]prometheus.Gauge

	// timed are the series of took, by what is timed: looking one up by its label
	// is most of what an observation costs.
	timed map[string]prometheus.Observer

	mu   sync.Mutex
	seen map[[4]string]prometheus.Counter // of checks
}

// New makes a Metrics with a registry of its own.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		seen:     map[[4]string]prometheus.Counter{}, timed: map[string]prometheus.Observer{}, gauges: map[string]prometheus.Gauge{},
		muster: muster{seen: map[account.ID]seen{}},
	}
	m.checks = m.counter("checks_total", "Finished attempts to log in.", "service", "front_end", "verdict", "reason")
	m.acts = m.counter("acts_total", "Finished acts other than logins, by what was done; an alarm is of what should never happen.", "act")
	m.appPassword = m.counter("app_password_required_total", "Directory passwords and other secrets seen on a service that takes app passwords only.", "service")
	m.throttled = m.counter("throttled_total", "Tries that had to wait, by what they would have guessed.", "bucket")
	m.refused = m.counter("refused_peers_total", "Local programs that were sent away at a socket.", "front_end")
	m.lost = m.counter("events_lost_total", "Events that could not be written down, and log lines left out as repetitions.", "what")
	m.restarts = m.counter("plugin_restarts_total", "Times that a dead plugin was started again.", "plugin")
	m.leave = m.counter("logins_without_second_factor_total", "Logins that were let in with the normal password alone where more will be needed: grace, exempt, or over a bridge.", "leave")
	m.policy = m.gaugeVec("policy_subjects", "People who tried to log in during the last 24 hours, by what the policy said of them then; bridge are those of them whose normal password was let in on a service of app passwords.", "state")
	m.serverUp = m.gaugeVec("directory_server_up", "Whether the directory server, by its place in the config, answers.", "server")
	m.pluginUp = m.gaugeVec("plugin_up", "Whether the plugin answers.", "plugin")
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sallyport_duration_seconds", Help: "How long things took.",
		Buckets: []float64{.0001, .00025, .001, .0025, .01, .025, .1, .25, 1, 3},
	}, []string{"what"})
	m.registry.MustRegister(m.took, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name, help := range map[string]string{
		"subjects":                        "People of whom anything is kept.",
		"enrolled_subjects":               "People with a second factor.",
		"app_passwords":                   "Active app passwords.",
		"sessions":                        "Open sessions of the page.",
		"audit_head":                      "Number of the newest audit entry.",
		"clock_skew_seconds":              "How far the daemon's clocks are apart.",
		"config_reload_success":           "1 while the last reload of the config was taken over, and before the first; 0 while the old config goes on.",
		"config_reload_timestamp_seconds": "When a config was last taken over.",
		"attack":                          "1 while wrong secrets come in ten times as fast as usual and limits are tight, else 0.",
	} {
		m.gauges[name] = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_" + name, Help: help})
		m.registry.MustRegister(m.gauges[name])
	}
	m.newUpkeep(b.Now)
	info := m.gaugeVec("build_info", "Always 1; the version is the label.", "version")
	info.WithLabelValues(b.Version).Set(1)
	m.prepare()
	m.Know(b)
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_" + name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sallyport_" + name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

// prepare makes the series that are known, so that an alert on them works
// before the first time.
func (m *Metrics) prepare() {
	for _, a := range acts() {
		m.acts.WithLabelValues(a)
	}
	for _, w := range durations() {
		m.timed[w] = m.took.WithLabelValues(w)
	}
	for _, l := range leaves() {
		m.leave.WithLabelValues(l)
	}
	for _, s := range states() {
		m.policy.WithLabelValues(s)
	}
	for _, l := range losses() {
		m.lost.WithLabelValues(l)
	}
	for _, b := range buckets() {
		m.throttled.WithLabelValues(b)
	}
	for _, f := range frontEnds() {
		m.refused.WithLabelValues(f)
	}
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// Observe counts one finished act.
func (m *Metrics) Observe(e account.Event) {
	n := float64(max(1, e.Count))
	if e.Act != account.ActCheck {
		m.acts.WithLabelValues(among(acts(), string(e.Act))).Add(n)
		return
	}
	service := among(m.known.Load().services, e.Service)
	labels := [4]string{service, among(frontEnds(), e.FrontEnd), e.Verdict.String(), among(reasons(), string(e.Reason))}
	m.series(labels).Add(n)
	if e.Reason == account.AppPasswordRequired {
		m.appPassword.WithLabelValues(service).Add(n)
	}
	if e.Leave != "" && e.Verdict == factor.Accept {
		m.leave.WithLabelValues(among(leaves(), e.Leave)).Add(n)
	}
	if e.Owes != "" && e.Subject != "" {
		m.muster.note(e)
	}
	if e.Took > 0 {
		m.Took("check", e.Took.Seconds())
	}
}

// series is the counter of checks with these labels. It keeps the number of
// combinations within maxChecks, so that no mix of allowed labels makes monitoring
// swell.
func (m *Metrics) series(l [4]string) prometheus.Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.seen[l]; c != nil {
		return c
	}
	if len(m.seen) >= maxChecks {
		l[0], l[1] = other, other
		return m.checks.WithLabelValues(l[:]...)
	}
	m.seen[l] = m.checks.WithLabelValues(l[:]...)
	return m.seen[l]
}

// Took notes how long something took: "check", "directory_bind",
// "directory_search", "plugin_call" or "store_commit". Observe does so for
// checks.
func (m *Metrics) Took(what string, seconds float64) {
	series, ok := m.timed[what]
	if !ok {
		series = m.took.WithLabelValues(other)
	}
	series.Observe(seconds)
}

// DirectoryUp says whether a directory server, by its place in the config,
// answers.
func (m *Metrics) DirectoryUp(server int, up bool) {
	if server >= 0 && server < m.known.Load().servers {
		m.serverUp.WithLabelValues(strconv.Itoa(server)).Set(number(up))
	}
}

// PluginUp says whether a plugin answers.
func (m *Metrics) PluginUp(kind string, up bool) {
	if slices.Contains(m.known.Load().plugins, kind) {
		m.pluginUp.WithLabelValues(kind).Set(number(up))
	}
}

// PluginRestarted counts a dead plugin that is back.
func (m *Metrics) PluginRestarted(kind string) {
	m.restarts.WithLabelValues(among(m.known.Load().plugins, kind)).Inc()
}

// Throttled counts a try that had to wait: "source", "first" or "second".
func (m *Metrics) Throttled(bucket string) {
	m.throttled.WithLabelValues(among(buckets(), bucket)).Inc()
}

// Attack says whether wrong secrets come in so fast that limits are tight.
func (m *Metrics) Attack(on bool) { m.gauges["attack"].Set(number(on)) }

// RefusedPeer counts a program that was sent away at a front end's socket.
func (m *Metrics) RefusedPeer(frontEnd string) {
	m.refused.WithLabelValues(among(frontEnds(), frontEnd)).Inc()
}

// Lost counts what was not written down: "tries", "uses", "log_lines" or
// "alarms".
func (m *Metrics) Lost(what string, n int) {
	m.lost.WithLabelValues(among(losses(), what)).Add(float64(n))
}

// Set stores what was counted.
func (m *Metrics) Set(g Gauges) {
	for name, v := range map[string]float64{
		"subjects": float64(g.Subjects), "enrolled_subjects": float64(g.Enrolled), "app_passwords": float64(g.AppPasswords),
		"sessions": float64(g.Sessions), "audit_head": float64(g.AuditHead), "clock_skew_seconds": g.ClockSkew.Seconds(),
		"audit_last_timestamp_seconds": seconds(g.AuditLast), "counted_timestamp_seconds": seconds(g.Counted),
		"next_deadline_timestamp_seconds": seconds(g.Deadline), "store_bytes": float64(g.StoreBytes),
	} {
		m.gauges[name].Set(v)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func among(list []string, s string) string {
	if slices.Contains(list, s) {
		return s
	}
	return other
}

func frontEnds() []string {
	return []string{"http", "page", "admin", "saslauthd", "dovecot", "ldap", "radius"}
}

func durations() []string {
	return []string{"check", "directory_bind", "directory_search", "plugin_call", "store_commit"}
}

func buckets() []string { return []string{"source", "first", "second"} }

func losses() []string { return []string{"tries", "uses", "log_lines", "alarms"} }

func acts() []string {
	return words(account.ActEnroll, account.ActAdd, account.ActIssue, account.ActRevoke, account.ActRename, account.ActReset, account.ActUnlock, account.ActSignOut, account.ActReplace, account.ActNewNetwork, account.ActBackup, account.ActRestore, account.ActKeys, account.ActCode, account.ActRefuse, account.ActReport, account.ActExport, account.ActImport, account.ActErase, account.ActAlarm)
}

func reasons() []string {
	return words(account.OK, account.BadCredentials, account.UnknownUser, account.AccountDisabled, account.AccountLockedByDirectory,
		account.CodeRequired, account.CodeWrong, account.CodeUsed, account.EnrollRequired,
		account.AppPasswordRequired, account.AppPasswordTypo, account.AppPasswordRevoked, account.AppPasswordExpired, account.WrongService, account.WrongSpelling,
		account.Throttled, account.Vetoed, account.DirectoryUnavailable, account.StoreUnavailable, account.PluginUnavailable,
		account.ClockUnsafe, account.Malformed, account.NotAllowed)
}

func words[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}
