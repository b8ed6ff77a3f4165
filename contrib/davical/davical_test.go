package davical

import (
	"fmt"
	"os"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

const adminPassword = "of-the-database"

// start runs PostgreSQL and php-fpm with the recipe.
func start(t *testing.T) *servertest.Site {
	t.Helper()
	run.NeedRoot(t)
	fpm := run.Need(t, "php-fpm8.2", "php-fpm davical postgresql")
	for _, p := range []string{"nginx", "vdirsyncer"} {
		run.Need(t, p, "nginx-light vdirsyncer")
	}
	needMounts(t)
	listen := t.TempDir() + "/sallyport.toml"
	// This machine has no user davical.
	run.Write(t, listen, run.Config(t, "sallyport.toml", `allow = ["davical", `, `allow = ["www-data", `, `group = "davical"`, `group = "www-data"`), 0o644)
	s := servertest.Start(t, servertest.Options{Recipe: listen})
	dir := s.Dir + "/davical"
	run.Own(t, dir, "www-data")
	database(t, s.Dir+"/pg")
	link := s.Dir + "/sallyport-check-pipe"
	if err := os.Symlink(s.Bin+"/sallyport-check", link); err != nil {
		t.Fatal(err)
	}
	run.Write(t, dir+"/etc/config.php", run.Config(t, "config.php", "dbname=davical", "host="+s.Dir+"/pg dbname=davical",
		"/usr/local/bin/sallyport-check-pipe", link), 0o644)
	run.Write(t, dir+"/fpm.conf", "[global]\nerror_log = /dev/stderr\ndaemonize = no\n"+run.Config(t, "pool.conf",
		"/run/php/davical.sock", dir+"/fpm.sock", "user = davical", "user = www-data", "group = davical", "group = www-data"), 0o644)
	// DAViCal looks for its config, and the link for its socket, at fixed places:
	// this process, and what it starts, sees them there, and nobody else does.
	run.Background(t, run.Command{Path: run.Need(t, "unshare", "util-linux"), Args: []string{"--mount", "sh", "-ec", `
		mount --bind "$1/etc" /etc/davical
		mount -t tmpfs -o mode=0755 tmpfs /run
		mkdir /run/sallyport
		mount --bind "$2" /run/sallyport
		exec "$3" --nodaemonize --fpm-config "$1/fpm.conf"`, "sh", dir, s.Dir + "/run", fpm}})
	if err := run.Listening(dir + "/fpm.sock"); err != nil {
		t.Fatal(err)
	}
	return s
}

// front runs nginx with the recipe. The pairs are further changes to its file.
func front(t *testing.T, s *servertest.Site, oldnew ...string) davtest.Server {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	davtest.Nginx(t, s, address, run.Config(t, "nginx.conf", append(oldnew, "127.0.0.1:8015", address, "/run/php/davical.sock", s.Dir+"/davical/fpm.sock")...))
	return davtest.Server{URL: "http://" + address + "/caldav.php", Calendars: "/%s/", Contacts: "/%s/"}
}

// needMounts skips a test where a process may have no view of its own of the
// file system, as in some containers, or fails it if CI=true is in the
// environment.
func needMounts(t *testing.T) {
	t.Helper()
	said, err := run.Run(run.Command{Path: run.Need(t, "unshare", "util-linux"), Args: []string{"--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"}})
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("no mount namespace: %v\n%s", err, said)
	default:
		t.Skip("no mount namespace here")
	}
}

// database runs PostgreSQL with DAViCal's own database in it, made as the README
// does.
func database(t *testing.T, dir string) {
	t.Helper()
	run.Own(t, dir, "postgres")
	user := run.AsUser(t, "postgres")
	const bin = "/usr/lib/postgresql/15/bin/"
	do := func(c run.Command) {
		t.Helper()
		c.User, c.Dir, c.Env = user, dir, []string{"PGHOST=" + dir}
		if said, err := run.Run(c); err != nil {
			t.Fatalf("%s: %v\n%s", c.Path, err, said)
		}
	}
	do(run.Command{Path: run.Need(t, bin+"initdb", "postgresql"), Args: []string{"-D", dir + "/data", "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"}})
	rest, err := os.ReadFile(dir + "/data/pg_hba.conf")
	if err != nil {
		t.Fatal(err)
	}
	run.Write(t, dir+"/data/pg_hba.conf", run.Config(t, "pg_hba.conf")+string(rest), 0o644)
	run.Write(t, dir+"/data/pg_ident.conf", run.Config(t, "pg_ident.conf", "davical    davical_app", "www-data    davical_app"), 0o644)
	server := run.Background(t, run.Command{Path: bin + "postgres", User: user, Dir: dir,
		Args: []string{"-D", dir + "/data", "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off"}})
	t.Cleanup(func() { _ = server.Stop() }) // it has memory to give back
	if err := run.Listening(dir + "/.s.PGSQL.5432"); err != nil {
		t.Fatal(err)
	}
	do(run.Command{Path: run.Need(t, "/usr/share/davical/dba/create-database.sh", "davical"), Args: []string{"davical", adminPassword}})
}

// TestDAViCal: nobody has been there before, so the first login makes the
// person.
func TestDAViCal(t *testing.T) {
	s := start(t)
	t.Run("Digest is closed", func(t *testing.T) { digestIsClosed(t, s) })
	dav := front(t, s)
	if err := dav.VdirSync(t, login(s, "bert")); err != nil {
		t.Fatalf("bert did not get through: %v", err)
	}
	for _, name := range []string{"alice", "bert", "müller"} {
		put(t, s, dav, name)
	}
	t.Run("a new person", func(t *testing.T) { newPerson(t, s, dav) })
	t.Run("umlauts", func(t *testing.T) { umlauts(t, s, dav) })
	t.Run("no client is believed", func(t *testing.T) { believesNoClient(t, s, dav) })
	t.Run("a restart is waited out", func(t *testing.T) { restartIsWaitedOut(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "DAViCal 1.1", Mechanism: "pwauth driver, sallyport-check", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/calendar/")
		},
		OK: "207", Refused: "401", Outage: "401", Address: "127.0.0.1", Waits: true,
		Note: "a restart of sallyport of less than 4 seconds is waited out",
	})
	dav.Revoked(t, s, "bert", "/bert/calendar/")
}
