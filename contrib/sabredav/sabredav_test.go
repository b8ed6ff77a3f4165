package sabredav

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/impostor"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// start runs php-fpm and nginx with the recipe, where alice,
// bert and müller have a calendar already.
func start(t *testing.T) (*servertest.Site, davtest.Server) {
	t.Helper()
	run.NeedRoot(t)
	fpm := run.Need(t, "php-fpm8.2", "php-fpm php-mbstring php-sqlite3 php-sabre-dav")
	for _, p := range []string{"nginx", "vdirsyncer"} {
		run.Need(t, p, "nginx-light vdirsyncer")
	}
	s := servertest.Start(t, servertest.Options{Recipe: recipe(t)})
	dir, address := s.Dir+"/sabredav", fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	run.Own(t, dir, "www-data")
	database(t, dir)
	class, err := os.ReadFile("SabreAuth.php")
	if err != nil {
		t.Fatal(err)
	}
	run.Write(t, dir+"/SabreAuth.php", string(class), 0o644)
	run.Write(t, dir+"/server.php", run.Config(t, "server.php", "/var/lib/sabredav", dir, "/run/sallyport/check.sock", s.HTTP), 0o644)
	run.Write(t, dir+"/fpm.conf", "[global]\nerror_log = /dev/stderr\ndaemonize = no\n"+run.Config(t, "pool.conf",
		"/run/php/sabredav.sock", dir+"/fpm.sock", "user = sabredav", "user = www-data", "group = sabredav", "group = www-data"), 0o644)
	run.Background(t, run.Command{Path: fpm, Args: []string{"--nodaemonize", "--fpm-config", dir + "/fpm.conf"}})
	davtest.Nginx(t, s, address, run.Config(t, "nginx.conf", "127.0.0.1:8012", address,
		"/run/php/sabredav.sock", dir+"/fpm.sock", "/usr/share/sallyport/sabredav", dir))
	dav := davtest.Server{URL: "http://" + address}
	for _, name := range []string{"alice", "bert", "müller"} {
		l := servertest.Login{Name: name, Password: s.Person(name).App}
		if err := dav.VdirSync(t, l); err != nil {
			t.Fatalf("%s did not get through: %v", name, err)
		}
		if got, err := dav.Status(l, "PUT", item(name), "--header", "Content-Type: text/calendar", "--data-binary", davtest.Event("of-"+name)); err != nil || got != "201" {
			t.Fatalf("an event of %s: told %s, %v", name, got, err)
		}
	}
	return s, dav
}

// item is the address of an event.
func item(name string) string {
	return "/calendars/" + url.PathEscape(name) + "/calendar/of-" + url.PathEscape(name) + ".ics"
}

// recipe is sallyport.toml for www-data, whom this machine has.
func recipe(t *testing.T) string {
	t.Helper()
	file := t.TempDir() + "/sallyport.toml"
	run.Write(t, file, run.Config(t, "sallyport.toml", `allow = ["sabredav"]`, `allow = ["www-data", "root"]`, `"sabredav"`, `"www-data"`), 0o644)
	return file
}

// database makes the tables as the README does, by sabre's own files.
func database(t *testing.T, dir string) {
	t.Helper()
	var sql strings.Builder
	for _, name := range []string{"principals", "calendars", "addressbooks"} {
		b, err := os.ReadFile("/usr/share/doc/php-sabre-dav/examples/sql/sqlite." + name + ".sql")
		if err != nil {
			t.Fatalf("the tables are in the package php-sabre-dav, unless dpkg leaves out documentation: %v", err)
		}
		sql.Write(b)
	}
	sql.WriteString("DELETE FROM principals;\n")
	run.Write(t, dir+"/make.php", "<?php (new PDO('sqlite:"+dir+"/db.sqlite'))->exec(stream_get_contents(STDIN));\n", 0o644)
	if _, err := run.Run(run.Command{Path: run.Need(t, "php", "php-cli"), Args: []string{dir + "/make.php"}, Stdin: sql.String(), User: run.AsUser(t, "www-data")}); err != nil {
		t.Fatalf("making the tables: %v", err)
	}
}

func TestSabre(t *testing.T) {
	s, dav := start(t)
	t.Run("umlauts", func(t *testing.T) { umlauts(t, s, dav) })
	t.Run("somebody else's", func(t *testing.T) { somebodyElses(t, s, dav) })
	t.Run("no client is believed", func(t *testing.T) {
		dav.Forge(t, s, davtest.Places{Own: item("alice"), Foreign: item("bert"), Get: true})
	})
	t.Run("a full queue", func(t *testing.T) { fullQueue(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "sabre/dav 1.8", Mechanism: "class SabreAuth, check socket", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		// PROPFIND is answered with 207 whatever there is to see, so it is the
		// event itself that is asked for; OPTIONS is for everybody who is let in.
		Ask:     func(l servertest.Login) (string, error) { return dav.Status(l, "OPTIONS", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) { return dav.Status(l, "GET", item(owner)) },
		OK:      "200", Refused: "401", Outage: "503", Address: "127.0.0.1",
		Note: "umlauts in logins, too; for 4.x see its page",
	})
	dav.Revoked(t, s, "bert", "/calendars/bert/")
}

// fullQueue: the socket is there and nobody accepts, as before a daemon that
// hangs.
func fullQueue(t *testing.T, s *servertest.Site, dav davtest.Server) {
	alice := servertest.Login{Name: "alice", Password: s.Person("alice").App}
	s.Stop()
	impostor.Crowd(t, s.HTTP)
	begin := time.Now()
	got, err := dav.Status(alice, "OPTIONS", "/")
	if waited := time.Since(begin); err != nil || got != "503" || waited > impostor.Limit {
		t.Errorf("told %s, %v, after %s", got, err, waited)
	}
	if err := os.Remove(s.HTTP); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	if got, err := dav.Status(alice, "OPTIONS", "/"); err != nil || got != "200" {
		t.Errorf("afterwards: told %s, %v", got, err)
	}
}

// somebodyElses: by no method, and not by the names in a listing.
func somebodyElses(t *testing.T, s *servertest.Site, dav davtest.Server) {
	alice := servertest.Login{Name: "alice", Password: s.Person("alice").App}
	const query = `<c:calendar-query xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:d="DAV:"><d:prop><d:getetag/><c:calendar-data/></d:prop>` +
		`<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>`
	for _, ask := range []struct{ method, path, body, own string }{
		{"PROPFIND", "/calendars/%s/", "", "calendar/"},
		{"PROPFIND", "/calendars/%s/calendar/", "", ".ics"},
		{"PROPFIND", "/addressbooks/%s/", "", "contacts/"},
		{"PROPFIND", "/addressbooks/%s/contacts/", "", ".vcf"},
		{"REPORT", "/calendars/%s/calendar/", query, "Two doors"},
		{"GET", "/calendars/%[1]s/calendar/of-%[1]s.ics", "", "Two doors"},
	} {
		if _, said := request(t, dav, alice, ask.method, fmt.Sprintf(ask.path, "alice"), ask.body); !strings.Contains(said, ask.own) {
			t.Errorf("%s %s: nothing of one's own:\n%s", ask.method, ask.path, said)
		}
		if _, said := request(t, dav, alice, ask.method, fmt.Sprintf(ask.path, "bert"), ask.body); strings.Contains(said, ask.own) {
			t.Errorf("%s %s: shows bert's:\n%s", ask.method, ask.path, said)
		}
	}
	for method, path := range map[string]string{
		"PUT": item("bert"), "DELETE": item("bert"), "PROPPATCH": item("bert"), "MKCALENDAR": "/calendars/bert/more/", "COPY": item("bert"), "MOVE": item("bert"),
	} {
		if status, said := request(t, dav, alice, method, path, davtest.Event("of-bert")); status < 400 || status >= 500 {
			t.Errorf("%s %s: told %d\n%s", method, path, status, said)
		}
	}
	for _, path := range []string{"/server.php", "/SabreAuth.php", "/db.sqlite", "/sabredav/db.sqlite"} {
		if status, said := request(t, dav, alice, "GET", path, ""); status < 400 {
			t.Errorf("GET %s: told %d\n%s", path, status, said)
		}
	}
}

func request(t *testing.T, dav davtest.Server, l servertest.Login, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, dav.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(l.Name, l.Password)
	req.Header.Set("Depth", "1")
	req.Header.Set("Destination", dav.URL+"/calendars/alice/calendar/taken.ics")
	if method == "PUT" {
		req.Header.Set("Content-Type", "text/calendar")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(said)
}

// An umlaut comes as UTF-8 from curl and as Latin-1 from vdirsyncer; either way
// it is the same principal.
func umlauts(t *testing.T, s *servertest.Site, dav davtest.Server) {
	miller := s.Person("müller")
	for name, want := range map[string]string{"müller": "207", "m\xfcller": "207", "MÜLLER": "401", "muller": "401"} {
		got, err := dav.Status(servertest.Login{Name: name, Password: miller.App}, "PROPFIND", "/calendars/m%C3%BCller/calendar/")
		if err != nil || got != want {
			t.Errorf("%q: told %s, %v, want %s", name, got, err, want)
		}
	}
}
