package nginx

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func TestRadicale(t *testing.T) {
	run.NeedRoot(t)
	radicale := run.Need(t, "radicale", "radicale")
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	backend, front := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	run.Write(t, s.Dir+"/radicale.conf", run.Config(t, "../radicale/radicale-nginx.conf",
		"127.0.0.1:5232", backend, "/var/lib/radicale/collections", s.Dir+"/collections"), 0o644)
	run.Background(t, run.Command{Path: radicale, Args: []string{"--config", s.Dir + "/radicale.conf"}, Dir: s.Dir})
	start(t, s, "radicale.conf", "127.0.0.1:8008", front, "127.0.0.1:5232", backend)
	if err := run.Listening(backend); err != nil {
		t.Fatal(err)
	}
	dav := davtest.Server{URL: "http://" + front}
	servertest.Prove(t, s, servertest.Proof{
		Server: "Radicale 3.1", Mechanism: "nginx auth_request, header X-Remote-User", Client: "vdirsyncer",
		Sync: func(l servertest.Login) error { return dav.VdirSync(t, l) },
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
		Note: "logins must be ASCII",
	})
}
