package metrics

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Whoever tries twice counts once, as what they were last; who has been away for
// a day does not count any more.
func TestMuster(t *testing.T) {
	m, now := New(Build{}), time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)
	try := func(id, owes, leave string, at time.Time) {
		m.Observe(account.Event{Act: account.ActCheck, Subject: account.ID(id), Owes: owes, Leave: leave, At: at, Verdict: factor.Accept, Reason: account.OK})
	}
	try("a", "grace", "grace", now)
	try("a", "grace", "bridge", now)
	try("a", "grace", "", now)
	try("b", "grace", "grace", now)
	try("b", "required", "", now)
	try("c", "exempt", "exempt", now.Add(-23*time.Hour))
	try("d", "machine", "", now.Add(-24*time.Hour))
	try("e", "bridge too far", "", now)
	try("", "", "", now) // nobody is behind it
	want := map[string]int{"grace": 1, "required": 1, "exempt": 1, "bridge": 1, "other": 1}
	if got := m.Muster(now); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`sallyport_policy_subjects{state="bridge"} 1`, `sallyport_policy_subjects{state="grace"} 1`, `sallyport_policy_subjects{state="machine"} 0`,
		`sallyport_logins_without_second_factor_total{leave="bridge"} 1`, `sallyport_logins_without_second_factor_total{leave="grace"} 2`,
		`sallyport_logins_without_second_factor_total{leave="exempt"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("missing %s in\n%s", line, w.Body)
		}
	}
	if got := m.Muster(now.Add(24 * time.Hour)); len(got) != 0 {
		t.Errorf("a day later: %v", got)
	}
}

// The page sends somebody with leave to the set-up: that is no login.
func TestLeaveCountsLoginsOnly(t *testing.T) {
	m := New(Build{})
	m.Observe(account.Event{Act: account.ActCheck, Subject: "a", Owes: "grace", Leave: "grace", Verdict: factor.Deny, Reason: account.EnrollRequired})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), `sallyport_logins_without_second_factor_total{leave="grace"} 0`+"\n") {
		t.Errorf("a refusal counts as a login:\n%s", w.Body)
	}
}

func TestMusterIsBounded(t *testing.T) {
	m := New(Build{})
	for i := range maxSeen + 10 {
		m.Observe(account.Event{Act: account.ActCheck, Subject: account.ID(fmt.Sprint(i)), Owes: "required"})
	}
	if got := m.Muster(time.Time{}); got["required"] != maxSeen {
		t.Errorf("%d are remembered", got["required"])
	}
}
