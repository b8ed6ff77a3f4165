package house

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
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
