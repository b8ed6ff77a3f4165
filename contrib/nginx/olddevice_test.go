package nginx

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// oldDevice: a calendar program with the old password makes several checks a sync,
// for ever. That is one wrong secret and not many: nothing is sent to the directory,
// nobody is locked out, not even at the same address, the log stays short, and
// owner and support see what it is.
func oldDevice(t *testing.T, s *servertest.Site, dav davtest.Server) {
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
	var all errgroup.Group
	all.SetLimit(4)
	for range more {
		all.Go(func() error {
			got, err := dav.Status(old, "PROPFIND", "/alice/")
			if err == nil && got != "401" {
				err = fmt.Errorf("told %q", got)
			}
			return err
		})
	}
	err := all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	err = run.Within(run.Patience, func() error { // written beside the work
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
