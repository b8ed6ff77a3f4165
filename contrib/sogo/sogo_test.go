package sogo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// start runs SOGo and what it needs, and nginx in front of it, with the recipe;
// behind is where SOGo itself listens.
func start(t *testing.T, s *servertest.Site) (dav davtest.Server, behind string) {
	t.Helper()
	backend, cache, front := port(t), port(t), port(t)
	database := postgres(t, s)
	run.Background(t, run.Command{Path: run.Need(t, "memcached", "memcached"), User: run.AsUser(t, "memcache"),
		Args: []string{"-l", host(cache), "-p", number(cache)}})
	sogod(t, s, run.Config(t, "sogo.conf", "127.0.0.1:20000", backend, "ldap://ldap.example.org", s.Directory().URL,
		"cn=sogo,ou=services,dc=example,dc=org", directorytest.BindDN, `bindPassword = "secret"`, `bindPassword = "`+directorytest.BindPassword+`"`,
		"127.0.0.1:5432", database, "SOGoMemcachedHost = 127.0.0.1", `SOGoMemcachedHost = "`+cache+`"`))
	for _, address := range []string{cache, backend} {
		if err := run.Listening(address); err != nil {
			t.Fatal(err)
		}
	}
	check := s.Dir + "/check.conf"
	run.Write(t, check, run.Config(t, "../nginx/check.conf"), 0o644)
	davtest.Nginx(t, s, front, run.Config(t, "../nginx/sallyport.conf", "/run/sallyport/check.sock", s.HTTP),
		run.Config(t, "nginx.conf", "127.0.0.1:8011", front, "127.0.0.1:20000", backend, "include check.conf", "include "+check))
	return davtest.Server{URL: "http://" + front, Calendars: "/SOGo/dav/%s/Calendar/", Contacts: "/SOGo/dav/%s/Contacts/"}, backend
}

// sogod reads /etc/sogo/sogo.conf and no other file: the recipe is put there in
// a mount namespace of its own, which nobody else sees.
func sogod(t *testing.T, s *servertest.Site, config string) {
	t.Helper()
	sogod, dir := run.Need(t, "sogod", "sogo"), s.Dir+"/sogo"
	unshare, setpriv := run.Need(t, "unshare", "util-linux"), run.Need(t, "setpriv", "util-linux")
	run.Own(t, dir, "sogo")
	run.Write(t, s.Dir+"/sogo-etc/sogo.conf", config, 0o644)
	script := `mount --bind "$1" /etc/sogo && shift && exec "$@"`
	run.Background(t, run.Command{Path: unshare, Dir: dir, Env: []string{"HOME=" + dir, "LOGNAME=sogo", "USER=sogo"},
		Args: []string{"--mount", "sh", "-c", script, "sh", s.Dir + "/sogo-etc",
			setpriv, "--reuid=sogo", "--regid=sogo", "--init-groups", "--pdeathsig=KILL", "--",
			sogod, "-WOWorkersCount", "1", "-WONoDetach", "YES", "-WOPidFile", dir + "/pid", "-WOLogFile", "-"}})
}

// postgres runs a database of the test's own, with the account that Debian's
// sogo.conf has, and returns its address.
func postgres(t *testing.T, s *servertest.Site) string {
	t.Helper()
	bin := func(name string) string { return run.Need(t, "/usr/lib/postgresql/15/bin/"+name, "postgresql-15") }
	dir, address, user := s.Dir+"/postgres", port(t), run.AsUser(t, "postgres")
	run.Own(t, dir, "postgres")
	run.Write(t, s.Dir+"/password", "password\n", 0o644)
	if _, err := run.Run(run.Command{Path: bin("initdb"), User: user, Args: []string{"--pgdata", dir + "/data", "--username", "sogo",
		"--auth", "scram-sha-256", "--pwfile", s.Dir + "/password", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"}}); err != nil {
		t.Fatal(err)
	}
	run.Background(t, run.Command{Path: bin("postgres"), User: user, Args: []string{"-D", dir + "/data", "-c", "listen_addresses=" + host(address),
		"-c", "port=" + number(address), "-c", "unix_socket_directories=" + dir, "-c", "fsync=off"}})
	if err := run.Within(run.Patience, func() error {
		_, err := run.Run(run.Command{Path: bin("createdb"), Args: []string{"-h", host(address), "-p", number(address), "-U", "sogo", "sogo"}, Env: []string{"PGPASSWORD=password"}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return address
}

func port(t *testing.T) string         { return fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)) }
func host(address string) (h string)   { h, _, _ = strings.Cut(address, ":"); return h }
func number(address string) (n string) { _, n, _ = strings.Cut(address, ":"); return n }

// site is a site with SOGo, where alice and bert have been before.
func site(t *testing.T) (s *servertest.Site, dav davtest.Server, behind string) {
	t.Helper()
	run.NeedRoot(t)
	for _, p := range []string{"nginx", "vdirsyncer"} {
		run.Need(t, p, "nginx-light vdirsyncer")
	}
	s = servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	dav, behind = start(t, s)
	for _, name := range []string{"alice", "bert"} {
		if err := dav.VdirSync(t, servertest.Login{Name: name, Password: s.Person(name).App}); err != nil {
			t.Fatalf("%s did not get through: %v", name, err)
		}
	}
	return s, dav, behind
}

func TestSOGo(t *testing.T) {
	s, dav, behind := site(t)
	t.Run("no client is believed", func(t *testing.T) { believesNoClient(t, s, dav, behind) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "SOGo 5.8", Mechanism: "nginx auth_request, SOGoTrustProxyAuthentication", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/SOGo/dav/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", calendar(owner))
		},
		OK: "207", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
		Note: "SOGo must find the login in its own LDAP or SQL source, too",
	})
	dav.Revoked(t, s, "bert", calendar("bert"))
}

func calendar(owner string) string { return "/SOGo/dav/" + owner + "/Calendar/personal/" }

func believesNoClient(t *testing.T, s *servertest.Site, dav davtest.Server, behind string) {
	dav.Forge(t, s, davtest.Places{Own: calendar("alice"), Foreign: calendar("bert")})
	alice := servertest.Login{Name: "alice", Password: s.Person("alice").App}
	for _, header := range []string{"x-webobjects-remote-user: bert", "X_WebObjects_Remote_User: bert", "x-webobjects-auth-type: Basic"} {
		for path, want := range map[string]string{calendar("alice"): "207", calendar("bert"): "404"} {
			if got, err := dav.Status(alice, "PROPFIND", path, "--header", header); err != nil || got != want {
				t.Errorf("%s at %s: told %s, %v, want %s", header, path, got, err, want)
			}
		}
	}
	// The web pages are for people, and SOGo's login page asks for no second factor.
	for _, path := range []string{
		"/", "/SOGo", "/SOGo/", "/SOGo/connect", "/SOGo/so/alice/", "/SOGo/dav/../so/alice/", "/SOGo/dav/%2e%2e/so/alice/",
		"/SOGo/dav/..%2fso/alice/", "/SOGo/dav/%2e%2e%2f%2e%2e/SOGo/so/alice/", "/SOGo/Microsoft-Server-ActiveSync",
	} {
		for _, method := range []string{"GET", "POST"} {
			if got, err := dav.Status(alice, method, path, "--path-as-is"); err != nil || got != "404" {
				t.Errorf("%s %s: told %s, %v, want 404", method, path, got, err)
			}
		}
	}
	for _, path := range []string{"/.well-known/caldav", "/.well-known/carddav"} {
		if got, err := dav.Status(alice, "PROPFIND", path); err != nil || got != "301" {
			t.Errorf("%s: told %s, %v", path, got, err)
		}
	}
	// The README warns of this: at its own port SOGo believes the header, and
	// the name in Authorization with any password.
	sogo := davtest.Server{URL: "http://" + behind}
	for _, c := range []struct {
		l      servertest.Login
		header string
		want   string
	}{
		{servertest.Login{}, "x-webobjects-remote-user: alice", "207"},
		{servertest.Login{Name: "alice", Password: "anything"}, "X-Nothing: here", "207"},
		{servertest.Login{}, "Authorization:", "401"},
	} {
		if got, err := sogo.Status(c.l, "PROPFIND", calendar("alice"), "--header", c.header); err != nil || got != c.want {
			t.Errorf("SOGo's own port, %+v: told %s, %v", c, got, err)
		}
	}
	// An umlaut comes as Latin-1 from vdirsyncer and as UTF-8 from curl.
	miller := servertest.Login{Name: "müller", Password: s.Person("müller").App}
	if err := dav.VdirSync(t, miller); err != nil {
		t.Errorf("müller did not get through: %v", err)
	}
	if got, err := dav.Status(miller, "PROPFIND", calendar("m%C3%BCller")); err != nil || got != "207" {
		t.Errorf("müller: told %s, %v", got, err)
	}
}
