package nginx

import (
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func TestRadicale(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	dav := radicale(t, s, front{})
	t.Run("an old device that never gives up", func(t *testing.T) { oldDevice(t, s, dav) })
	t.Run("no client is believed", func(t *testing.T) {
		dav.Forge(t, s, davtest.Places{Own: "/alice/", Foreign: "/bert/"})
	})
	servertest.Prove(t, s, servertest.Proof{
		Server: "Radicale 3.1", Mechanism: "nginx auth_request, header X-Remote-User", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
		Note: "logins must be ASCII",
	})
	dav.Revoked(t, s, "bert", "/bert/")
	t.Run("outages are later", func(t *testing.T) { outagesAreLater(t, s, dav.URL) })
}

// radicale runs Radicale behind nginx, and adds the recipe to what the front
// says already.
func radicale(t *testing.T, s *servertest.Site, f front) davtest.Server {
	t.Helper()
	backend := loopback(t)
	davtest.Radicale(t, s, run.Config(t, "../radicale/radicale-nginx.conf",
		"127.0.0.1:5232", backend, "/var/lib/radicale/collections", davtest.Collections(s)), backend)
	f.Recipe, f.Moved = "radicale.conf", []string{"127.0.0.1:8008", loopback(t), "127.0.0.1:5232", backend}
	return davtest.Server{URL: f.start(t, s)}
}
