package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What is no more has no series that could pass for a certificate that ends, and
// nothing has one that is not on the list.
func TestUpkeep(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	m := New(Build{Now: func() time.Time { return at(500) }})
	m.Certificates(map[string]time.Time{"page": at(1000), "profile": at(2000), "directory_0": at(3000), "directory_1": {}, "evil": at(5000)})
	m.Certificates(map[string]time.Time{"page": at(1500), "directory_7": at(4000), "directory_8": at(6000)})
	m.StoreFailed("log")
	m.StoreFailed("evil")
	m.Set(Gauges{AuditLast: at(7000), Counted: at(8000), Deadline: at(9000), StoreBytes: 4096})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`sallyport_certificate_expiry_timestamp_seconds{certificate="page"} 1500`,
		`sallyport_certificate_expiry_timestamp_seconds{certificate="directory_7"} 4000`,
		`sallyport_store_failures_total{op="log"} 1`, `sallyport_store_failures_total{op="commit"} 0`, `sallyport_store_failures_total{op="other"} 1`,
		"sallyport_clock_timestamp_seconds 500", `sallyport_throttled_total{bucket="second"} 0`, `sallyport_refused_peers_total{front_end="saslauthd"} 0`,
		"sallyport_audit_last_timestamp_seconds 7000", "sallyport_counted_timestamp_seconds 8000",
		"sallyport_next_deadline_timestamp_seconds 9000", "sallyport_store_bytes 4096",
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	for _, gone := range []string{"profile", "directory_0", "directory_1", "directory_8", "evil"} {
		if strings.Contains(w.Body.String(), `="`+gone+`"`) {
			t.Errorf("there is a series of %s", gone)
		}
	}
	m.Set(Gauges{})
	w = httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, none := range []string{"sallyport_audit_last_timestamp_seconds 0\n", "sallyport_next_deadline_timestamp_seconds 0\n"} {
		if !strings.Contains(w.Body.String(), none) {
			t.Errorf("missing %s", none)
		}
	}
}
