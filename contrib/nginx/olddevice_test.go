package nginx

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// A calendar program with the old password makes several checks a sync, for
// ever. That is one wrong secret and not many: nothing is sent to the directory,
// nobody is locked out, not even at the same address, the log stays short, and
// owner and support see what it is.
func TestAnOldDeviceThatNeverGivesUp(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	dav := radicale(t, s, front{})
	alice := s.Person("alice")
	old := servertest.Login{Name: "alice", Password: alice.Password}
	binds := s.Metric(t, "sallyport_duration_seconds_count", `directory_bind`)
	lines := strings.Count(s.Log(), "\n")
	for range 3 {
		if err := dav.VdirSync(t, old); err == nil {
			t.Fatal("vdirsyncer got through with the normal password")
		}
	}
	const more = 120 // twice what an address may get wrong in a minute
	for range more {
		if got, err := dav.Status(old, "PROPFIND", "/alice/"); err != nil || got != "401" {
			t.Fatalf("told %q, %v", got, err)
		}
	}
	err := run.Within(run.Patience, func() error { // written beside the work
		if seen := s.Metric(t, "sallyport_app_password_required_total", `service="dav"`); seen < more+3 {
			return fmt.Errorf("%v of the tries are counted", seen)
		}
		screen := s.Sallyport("user", "alice")
		for _, want := range []string{
			"not an app password, and only that helps here (1", " times)",
			"A calendar or contacts program still sends the normal password or a code.",
		} {
			if !strings.Contains(screen, want) {
				return fmt.Errorf("the support screen does not say %q:\n%s", want, screen)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	var user struct{ Blocks []json.RawMessage }
	if err := json.Unmarshal([]byte(s.Sallyport("--json", "user", "alice")), &user); err != nil || len(user.Blocks) > 0 {
		t.Errorf("somebody has to wait: %s, %v", user.Blocks, err)
	}
	if got, err := dav.Status(servertest.Login{Name: "alice", Password: alice.App}, "PROPFIND", "/alice/"); err != nil || got != "207" {
		t.Errorf("the new device at the same address is told %q, %v", got, err)
	}
	if got := s.Metric(t, "sallyport_duration_seconds_count", `directory_bind`); got != binds {
		t.Errorf("%v binds at the directory", got-binds)
	}
	if got := strings.Count(s.Log(), "\n") - lines; got > 40 {
		t.Errorf("%d lines in the log", got)
	}
}
