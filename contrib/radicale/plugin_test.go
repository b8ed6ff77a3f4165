package radicale

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/impostor"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestPlugin is the plugin in the Radicale that Debian has: the interface of 3.1.
func TestPlugin(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"radicale"}})
	dav := withPlugin(t, s)
	// An umlaut in a login, which the way over a header cannot carry. vdirsyncer
	// sends it as Latin-1, curl as UTF-8.
	miller := s.Person("müller")
	if err := dav.VdirSync(t, servertest.Login{Name: miller.Name, Password: miller.App}); err != nil {
		t.Errorf("müller did not get through: %v", err)
	}
	for name, want := range map[string]string{"müller": "207", "MÜLLER": "207", "muller": "401"} {
		got, err := dav.Status(servertest.Login{Name: name, Password: miller.App}, "PROPFIND", "/m%C3%BCller/calendar/")
		if err != nil || got != want {
			t.Errorf("%s: told %s, %v, want %s", name, got, err, want)
		}
	}
	// What a client writes into headers is neither its address nor its name.
	t.Run("no client is believed", func(t *testing.T) {
		dav.Forge(t, s, davtest.Places{Own: "/alice/", Foreign: "/bert/"})
	})
	t.Run("a full queue", func(t *testing.T) { fullQueue(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "Radicale 3.1", Mechanism: "plugin sallyport_radicale, check socket", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "500", Address: "127.0.0.1", Canonical: true,
		Note: "umlauts in logins, too",
	})
	dav.Revoked(t, s, "bert", "/bert/")
}

// fullQueue: the socket is there and nobody accepts, as before a daemon that hangs.
// Radicale says so at once, and the address is open again afterwards.
func fullQueue(t *testing.T, s *servertest.Site, dav davtest.Server) {
	alice := servertest.Login{Name: "alice", Password: s.Person("alice").App}
	s.Stop()
	impostor.Crowd(t, s.HTTP)
	begin := time.Now()
	got, err := dav.Status(alice, "PROPFIND", "/")
	if waited := time.Since(begin); err != nil || got != "500" || waited > impostor.Limit {
		t.Errorf("told %s, %v, after %s", got, err, waited)
	}
	if err := os.Remove(s.HTTP); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	if got, err := dav.Status(alice, "PROPFIND", "/"); err != nil || got != "207" {
		t.Errorf("afterwards: told %s, %v", got, err)
	}
}

func withPlugin(t *testing.T, s *servertest.Site) davtest.Server {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	plugin, err := os.ReadFile("sallyport_radicale.py")
	if err != nil {
		t.Fatal(err)
	}
	run.Write(t, s.Dir+"/python/sallyport_radicale.py", string(plugin), 0o644)
	davtest.Radicale(t, s, run.Config(t, "radicale-plugin.conf", "127.0.0.1:5232", address,
		"/run/sallyport/check.sock", s.HTTP, "/var/lib/radicale/collections", davtest.Collections(s)),
		address, "PYTHONPATH="+s.Dir+"/python", "PYTHONDONTWRITEBYTECODE=1")
	return davtest.Server{URL: "http://" + address, Closes: true}
}

// TestInterfaces runs the plugin's own tests: the interfaces of newer Radicales,
// which Debian does not have.
func TestInterfaces(t *testing.T) {
	python := run.Need(t, "/usr/bin/python3", "python3")
	out, err := run.Run(run.Command{Path: python, Args: []string{"-W", "error", "-m", "unittest", "test_sallyport_radicale"}, Dir: ".",
		Env: []string{"PYTHONDONTWRITEBYTECODE=1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out)
}
