package house

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/metrics"
)

// The next deadline is the first that is still to come, of a group or of
// everybody; what is exempt has none.
func TestNextDeadline(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2027, 2, d, 0, 0, 0, 0, time.UTC) }
	p := policy.Policy{
		Lines: []policy.Line{
			{Groups: []string{"staff"}, From: day(10)},
			{Groups: []string{"guests"}, From: day(20)},
			{Groups: []string{"robots"}, From: day(1), Machine: "a printer"},
			{Groups: []string{"board"}, From: day(15), Exempt: "they asked"},
		},
		Everybody: policy.Line{From: day(28)},
	}
	for now, want := range map[int]time.Time{1: day(10), 9: day(10), 10: day(20), 20: day(28), 28: {}} {
		if got := nextDeadline(p, day(now)); !got.Equal(want) {
			t.Errorf("on the %dth: %v, want %v", now, got, want)
		}
	}
	if got := nextDeadline(policy.Policy{}, day(1)); !got.IsZero() {
		t.Errorf("without a policy: %v", got)
	}
}

// Only faults of the store count as such.
func TestStoreFaults(t *testing.T) {
	h := &House{metrics: metrics.New(metrics.Build{})}
	h.observeStore("commit", time.Millisecond, nil)
	for _, err := range []error{account.ErrConflict, account.ErrNotFound, context.Canceled} {
		h.observeStore("commit", time.Millisecond, fmt.Errorf("committing: %w", err))
	}
	h.observeStore("census", time.Millisecond, errors.New("disk"))
	h.observeStore("log", time.Millisecond, fmt.Errorf("writing: %w", account.ErrUnavailable))
	w := httptest.NewRecorder()
	h.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`{op="commit"} 0`, `{op="log"} 1`, `{op="fail"} 0`} {
		if !strings.Contains(w.Body.String(), "sallyport_store_failures_total"+want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
	if strings.Contains(w.Body.String(), `sallyport_store_failures_total{op="other"}`) {
		t.Error("something else counts as a fault of the store")
	}
}

// The certificates of a directory are told: its authority's, which is read from a
// file, and the server's, once it has proved itself. After a reload that asks for no
// TLS, neither is.
func TestCertificatesOfTheDirectory(t *testing.T) {
	s := newScene(t)
	plain := s.cfg
	s.must(s.Close())
	secure := *plain
	secure.Directory.Servers, secure.Directory.CAFile = []string{s.people.TLSURL}, s.people.CAFile
	s.cfg = &secure
	s.open()
	s.try("web", "alice", "wrong", "")
	s.tellCertificates(t.Context())
	ends := fmt.Sprintf("%g", float64(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).Unix()))
	for _, name := range []string{"directory_ca", "directory_0"} {
		if got := s.metric(`sallyport_certificate_expiry_timestamp_seconds{certificate="` + name + `"}`); got != ends {
			t.Errorf("%s ends at %q, want %s", name, got, ends)
		}
	}
	s.must(s.Reload(t.Context(), "", plain))
	for _, name := range []string{"directory_ca", "directory_0"} {
		if got := s.metric(`sallyport_certificate_expiry_timestamp_seconds{certificate="` + name + `"}`); !strings.HasPrefix(got, "missing") {
			t.Errorf("without TLS %s ends at %q", name, got)
		}
	}
}

// What is counted once a minute: the audit's newest entry, when it was made, the
// size of the store, and the day to come.
func TestCensus(t *testing.T) {
	s := newScene(t)
	day := time.Now().Add(240 * time.Hour).Truncate(time.Second)
	cfg := *s.cfg
	cfg.Policy = policy.Policy{Everybody: policy.Line{From: day}}
	s.House.cfg.Store(&cfg)
	number := func(name string) float64 {
		t.Helper()
		n, err := strconv.ParseFloat(s.metric(name), 64)
		s.must(err)
		return n
	}
	s.census(t.Context())
	if head, last := number("sallyport_audit_head"), number("sallyport_audit_last_timestamp_seconds"); head != 0 || last != 0 {
		t.Errorf("before anything happened the audit is at %g, of %g", head, last)
	}
	s.enroll(s.person("alice"), "app-password", nil)
	begun := float64(time.Now().Add(-time.Minute).Unix())
	s.census(t.Context())
	if n := number("sallyport_audit_head"); n < 1 {
		t.Errorf("the audit is at %g", n)
	}
	for _, name := range []string{"sallyport_audit_last_timestamp_seconds", "sallyport_counted_timestamp_seconds", "sallyport_clock_timestamp_seconds"} {
		if at := number(name); at < begun || at > begun+120 {
			t.Errorf("%s is %g, now is %g", name, at, begun+60)
		}
	}
	if at := number("sallyport_next_deadline_timestamp_seconds"); at != float64(day.Unix()) {
		t.Errorf("the day to come is %g, want %d", at, day.Unix())
	}
	if n := number("sallyport_store_bytes"); n <= 4096 {
		t.Errorf("the store has %g bytes", n)
	}
}
