package nginx

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func TestXandikos(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	dav := xandikos(t, s)
	t.Run("it is one person's", func(t *testing.T) { onePersons(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "Xandikos 0.2", Mechanism: "nginx auth_request, an instance for each person", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "GET", entry("alice")) },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "GET", entry(owner))
		},
		OK: "200", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
	})
	dav.Revoked(t, s, "bert", "/bert/")
	t.Run("outages are later", func(t *testing.T) { outagesAreLater(t, s, dav.URL) })
}

func onePersons(t *testing.T, s *servertest.Site, dav davtest.Server) {
	dav.Forge(t, s, davtest.Places{Own: entry("alice"), Foreign: entry("bert"), Get: true})
	bert := servertest.Login{Name: "bert", Password: s.Person("bert").App}
	for path, want := range map[string]string{entry("alice"): "404", entry("bert"): "200"} {
		if got, err := dav.Status(bert, "GET", path); err != nil || got != want {
			t.Errorf("bert at %s: told %s, %v, want %s", path, got, err, want)
		}
	}
	// Carla has an app password and no Xandikos.
	carla := servertest.Login{Name: "carla", Password: s.Person("carla").App}
	if got, err := dav.Status(carla, "PROPFIND", "/"); err != nil || got != "502" {
		t.Errorf("carla: told %s, %v", got, err)
	}
}

// xandikos runs what the unit says, for alice and for bert, behind nginx.
func xandikos(t *testing.T, s *servertest.Site) davtest.Server {
	t.Helper()
	unit, err := os.ReadFile("../xandikos/xandikos@.service")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(string(unit))
	if line == nil {
		t.Fatal("the unit starts nothing")
	}
	for _, dir := range []string{"/run", "/lib"} {
		run.Own(t, s.Dir+"/xandikos"+dir, "www-data")
	}
	run.Need(t, "xandikos", "xandikos")
	for _, name := range []string{"alice", "bert"} {
		command := strings.Fields(strings.NewReplacer("%i", name, "/run/xandikos", s.Dir+"/xandikos/run",
			"/var/lib/xandikos", s.Dir+"/xandikos/lib").Replace(line[1]))
		run.Background(t, run.Command{
			Path: command[0], Args: command[1:], Dir: s.Dir, User: run.AsUser(t, "www-data"), Env: []string{"HOME=" + s.Dir + "/xandikos/lib"},
		})
		if err := run.Listening(s.Dir + "/xandikos/run/" + name + ".sock"); err != nil {
			t.Fatal(err)
		}
	}
	dav := davtest.Server{URL: front{
		Recipe: "xandikos.conf", Moved: []string{"127.0.0.1:8009", loopback(t), "/run/xandikos", s.Dir + "/xandikos/run"},
	}.start(t, s)}
	for _, name := range []string{"alice", "bert"} {
		l := servertest.Login{Name: name, Password: s.Person(name).App}
		if got, err := dav.Status(l, "PUT", entry(name), "--data-binary", davtest.Event(name), "--header", "Content-Type: text/calendar"); err != nil || got != "201" {
			t.Fatalf("%s's entry: told %s, %v", name, got, err)
		}
	}
	return dav
}

// entry is the address of something that only this person has.
func entry(name string) string { return "/" + name + "/calendars/calendar/of-" + name + ".ics" }
