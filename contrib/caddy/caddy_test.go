package caddy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func TestRadicale(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"caddy"}})
	dav := start(t, s)
	t.Run("no client is believed", func(t *testing.T) {
		dav.Forge(t, s, davtest.Places{Own: "/alice/", Foreign: "/bert/"})
	})
	t.Run("uploads", func(t *testing.T) { uploads(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "Radicale 3.1", Mechanism: "Caddy forward_auth, header X-Remote-User", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
		Note: "logins must be ASCII",
	})
	dav.Revoked(t, s, "bert", "/bert/")
	t.Run("what is said", func(t *testing.T) { said(t, s, dav) })
}

// said: what the daemon says reaches the client, with its text and with the time
// after which to try again. Both are away in the end.
func said(t *testing.T, s *servertest.Site, dav davtest.Server) {
	carla := servertest.Login{Name: "carla", Password: s.Person("carla").App}
	// Once known, carla would be served from memory for a while.
	alice := s.Person("alice")
	status, header, body := ask(t, dav, servertest.Login{Name: alice.Name, Password: alice.Password})
	if status != http.StatusUnauthorized || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("the normal password: told %d %v", status, header)
	}
	for _, part := range []string{"App-Passwort", "app password", "\n" + servertest.PageURL + "\n"} {
		if !strings.Contains(body, part) {
			t.Errorf("the text lacks %q: %s", part, body)
		}
	}
	s.Directory().Kill()
	status, header, body = ask(t, dav, carla)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || header.Get("X-Sallyport-Reason") != "directory_unavailable" {
		t.Errorf("without a directory: told %d %v %s", status, header, body)
	}
	s.Stop()
	status, header, body = ask(t, dav, carla)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "30" {
		t.Errorf("without the daemon: told %d %v %s", status, header, body)
	}
}

// uploads: the check is asked about one without its body, so a large one arrives
// whole, and one that is refused ends at once.
func uploads(t *testing.T, s *servertest.Site, dav davtest.Server) {
	alice := s.Person("alice")
	large := s.Dir + "/large.ics"
	run.Write(t, large, strings.Replace(davtest.Event("large"), "Two doors", strings.Repeat("Two doors. ", 100_000), 1), 0o644)
	put := []string{"--data-binary", "@" + large, "--header", "Content-Type: text/calendar", "--max-time", "20"}
	for _, c := range []struct {
		method, path, password, want string
		more                         []string
	}{
		{"MKCALENDAR", "/alice/large/", alice.App, "201", nil},
		{"PUT", "/alice/large/large.ics", alice.Password, "401", put},
		{"PUT", "/alice/large/large.ics", alice.App, "201", put},
	} {
		got, err := dav.Status(servertest.Login{Name: "alice", Password: c.password}, c.method, c.path, c.more...)
		if err != nil || got != c.want {
			t.Errorf("%s %s: told %s, %v, want %s", c.method, c.path, got, err, c.want)
		}
	}
}

func ask(t *testing.T, dav davtest.Server, l servertest.Login) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PROPFIND", dav.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(l.Name, l.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func start(t *testing.T, s *servertest.Site) davtest.Server {
	t.Helper()
	backend, front := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	davtest.Radicale(t, s, run.Config(t, "../radicale/radicale-nginx.conf",
		"127.0.0.1:5232", backend, "/var/lib/radicale/collections", davtest.Collections(s)), backend)
	serve(t, s, front, run.Config(t, "Caddyfile",
		"calendar.example.org", "http://"+front, "/run/sallyport/check.sock", s.HTTP, "127.0.0.1:5232", backend))
	return davtest.Server{URL: "http://" + front}
}

// serve runs Caddy with a recipe.
func serve(t *testing.T, s *servertest.Site, front, recipe string) {
	t.Helper()
	caddy := run.Need(t, "caddy", "caddy")
	run.Own(t, s.Dir+"/caddy", "caddy")
	run.Write(t, s.Dir+"/Caddyfile", "{\n\tadmin off\n}\n"+recipe, 0o644)
	run.Background(t, run.Command{
		Path: caddy, Args: []string{"run", "--config", s.Dir + "/Caddyfile", "--adapter", "caddyfile"},
		Dir: s.Dir, User: run.AsUser(t, "caddy"), Env: []string{"HOME=" + s.Dir + "/caddy"},
	})
	if err := run.Listening(front); err != nil {
		t.Fatal(err)
	}
}
