package lighttpd

import (
	"errors"
	"net/http"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// askedOnce: no cache answers, and no module asks twice.
func askedOnce(t *testing.T, s *servertest.Site, dav *server) {
	alice := servertest.Login{Name: "alice", Password: s.Person("alice").App}
	const requests = 4
	for range requests {
		if got, err := dav.Status(alice, "PROPFIND", "/alice/"); err != nil || got != "207" {
			t.Fatalf("told %s, %v", got, err)
		}
	}
	var asked float64
	_ = run.Within(run.Patience, func() error { // counting comes after answering
		if asked = s.Metric(t, "sallyport_checks_total"); asked < requests {
			return errors.New("not counted yet")
		}
		return nil
	})
	if asked != requests {
		t.Errorf("the daemon was asked %v times about %d requests", asked, requests)
	}
}

// TestWhatTheCacheWouldDo: the README warns of it, even of an empty one.
func TestWhatTheCacheWouldDo(t *testing.T) {
	t.Parallel()
	auth := t.TempDir() + "/auth-pam.conf"
	run.Write(t, auth, run.Config(t, "auth-pam.conf")+"auth.cache = ()\n", 0o644)
	s, pam := withPAM(t)
	dav := start(t, s, auth, pam)
	client := dav.Keep(t, servertest.Login{Name: "alice", Password: s.Person("alice").App})
	client.Expect(t, "/alice/", http.StatusMultiStatus, false)
	s.Revoke("alice")
	client.Expect(t, "/alice/", http.StatusMultiStatus, true)
}
