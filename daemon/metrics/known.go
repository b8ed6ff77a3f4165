package metrics

import (
	"slices"
	"strconv"
	"time"
)

// known are the labels that a config gives.
type known struct {
	services, plugins []string
	servers           int
}

// listed keeps what gets a label of its own.
func listed(names []string) []string { return names[:min(len(names), maxListed)] }

// Know takes the labels from another config. What has been counted goes on, and
// what is no longer there has no series any more that could pass for an outage.
func (m *Metrics) Know(b Build) {
	next := &known{listed(b.Services), listed(b.Plugins), min(b.Servers, maxListed)}
	former := m.known.Swap(next)
	if former == nil {
		former = &known{}
	}
	for i := former.servers; i < next.servers; i++ {
		m.serverUp.WithLabelValues(strconv.Itoa(i)).Set(0)
	}
	for i := next.servers; i < former.servers; i++ {
		m.serverUp.DeleteLabelValues(strconv.Itoa(i))
	}
	for _, p := range next.plugins {
		if !slices.Contains(former.plugins, p) {
			m.pluginUp.WithLabelValues(p).Set(0)
			m.restarts.WithLabelValues(p)
		}
	}
	for _, p := range former.plugins {
		if !slices.Contains(next.plugins, p) {
			m.pluginUp.DeleteLabelValues(p)
			m.restarts.DeleteLabelValues(p)
		}
	}
	for _, s := range next.services {
		m.appPassword.WithLabelValues(s)
	}
}

// Reloaded says what became of a reload of the config at that time.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	m.gauges["config_reload_success"].Set(number(ok))
	if ok {
		m.gauges["config_reload_timestamp_seconds"].Set(seconds(at))
	}
}
