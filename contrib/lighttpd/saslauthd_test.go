package lighttpd

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestSaslauthd is the other way, whose mod_authn_sasl was seen to crash:
// lighttpd is started again then, and a request that got no answer is made again.
// What lighttpd answers is taken as it is.
func TestSaslauthd(t *testing.T) {
	t.Parallel()
	run.NeedRoot(t)
	if _, err := os.Stat("/usr/lib/lighttpd/mod_authn_sasl.so"); err != nil {
		lacks(t, "lighttpd-mod-authn-sasl")
	}
	s := servertest.Start(t, servertest.Options{Recipe: recipe(t, "saslauthd/sallyport.toml")})
	files(t, s)
	dav := start(t, s, "saslauthd/auth-saslauthd.conf", map[string]string{"/run/saslauthd": filepath.Dir(s.Saslauthd)})
	status := func(l servertest.Login, path string) (got string, err error) {
		err = run.Within(run.Patience, func() error {
			got, err = dav.Status(l, "PROPFIND", path)
			return err
		})
		return got, err
	}
	servertest.Prove(t, s, servertest.Proof{
		Server: "lighttpd 1.4.69 files", Mechanism: "mod_authn_sasl, saslauthd socket", Client: "cadaver",
		Sync: func(l servertest.Login) error {
			for {
				before := dav.crashes()
				if err := dav.Cadaver(t, l, "/alice/"); dav.crashes() == before {
					return err
				}
			}
		},
		Ask:     func(l servertest.Login) (string, error) { return status(l, "/.common/") },
		Foreign: func(l servertest.Login, owner string) (string, error) { return status(l, "/"+owner+"/") },
		OK:      "207", Refused: "401", Outage: "401",
		Note: "not advised: the module was seen to crash lighttpd, see its page",
	})
	for _, try := range s.Tries() {
		if try.Service != "files" || try.FrontEnd != "saslauthd" {
			t.Errorf("the daemon was asked for %+v", try)
		}
	}
	// Bert is connected all the time, unless a crash ends that.
	bert := servertest.Login{Name: "bert", Password: s.Person("bert").App}
	client := dav.Keep(t, bert)
	if err := run.Within(run.Patience, func() error {
		got, reused, err := client.Ask(t, "/bert/")
		if err == nil && (got != http.StatusMultiStatus || !reused) {
			err = fmt.Errorf("told %d, over the connection of before: %t", got, reused)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.Revoke("bert")
	if got, reused, err := client.Ask(t, "/bert/"); err == nil && (got != http.StatusUnauthorized || !reused) {
		t.Errorf("revoked: told %d, over the connection of before: %t", got, reused)
	}
	if got, err := status(bert, "/bert/"); err != nil || got != "401" {
		t.Errorf("revoked: told %s, %v", got, err)
	}
}
