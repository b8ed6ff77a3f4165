package metrics

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// upkeep tells for how long all will go on: certificates, the store and its
// audit, and the next day from which a second factor will be owed.
type upkeep struct {
	expiry   *prometheus.GaugeVec
	failures *prometheus.CounterVec
	// told are the certificates that have a series.
	told []string
}

func (m *Metrics) newUpkeep(now func() time.Time) {
	m.upkeep.expiry = m.gaugeVec("certificate_expiry_timestamp_seconds", "When the certificate ends: of the page, of the profiles for Apple's devices, of the directory's authorities (the first to end), and of the directory server by its place in the config, as it was last seen.", "certificate")
	m.upkeep.failures = m.counter("store_failures_total", "Writes that the store could not do, by what was to be written: commit, fail (a try that counts) or log (the last tries).", "op")
	for _, op := range storeOps() {
		m.upkeep.failures.WithLabelValues(op)
	}
	if now != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sallyport_clock_timestamp_seconds", Help: "The time by the daemon's clock, at the moment of asking.",
		}, func() float64 { return seconds(now()) }))
	}
	for name, help := range map[string]string{
		"store_bytes":                     "Size of the store's files.",
		"audit_last_timestamp_seconds":    "When the newest audit entry was made; 0 while there is none.",
		"counted_timestamp_seconds":       "When people, records and the audit were last counted; all gauges of them are of then.",
		"next_deadline_timestamp_seconds": "The next day from which a second factor will be owed by somebody; 0 where none is to come.",
	} {
		m.gauges[name] = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_" + name, Help: help})
		m.registry.MustRegister(m.gauges[name])
	}
}

func storeOps() []string { return []string{"commit", "fail", "log"} }

// certificates are those that there can be.
func certificates() []string {
	all := []string{"page", "profile", "directory_ca"}
	for i := range maxListed {
		all = append(all, "directory_"+strconv.Itoa(i))
	}
	return all
}

// Certificates says when each certificate ends: "page", "profile",
// "directory_ca", and "directory_0" and on. One that is not among them, or whose
// end is not known, has no series.
func (m *Metrics) Certificates(ends map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.upkeep.told {
		m.upkeep.expiry.DeleteLabelValues(name)
	}
	m.upkeep.told = nil
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		if slices.Contains(certificates(), name) && !ends[name].IsZero() {
			m.upkeep.expiry.WithLabelValues(name).Set(seconds(ends[name]))
			m.upkeep.told = append(m.upkeep.told, name)
		}
	}
}

// StoreFailed counts a write that the store could not do: "commit", "fail" or
// "log".
func (m *Metrics) StoreFailed(op string) {
	m.upkeep.failures.WithLabelValues(among(storeOps(), op)).Inc()
}

// seconds is a time as Prometheus tells it; none is 0.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}
