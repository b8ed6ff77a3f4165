package apache

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// rest is what the recipe leaves as Debian has it, with its folders elsewhere.
const rest = `ServerRoot %[1]s
ServerName localhost
PidFile %[1]s/pid
DefaultRuntimeDir %[1]s
ErrorLog %[1]s/error.log
User www-data
Group www-data
Listen %[2]s
<Directory />
	Options FollowSymLinks
	AllowOverride None
	Require all denied
</Directory>
AccessFileName .htaccess
<FilesMatch "^\.ht">
	Require all denied
</FilesMatch>
DAVLockDB %[1]s/DAVLock
TypesConfig /etc/mime.types
`

// modules are those that the README switches on, and what Debian always has.
const modules = "mpm_prefork authn_core authz_core authz_user auth_basic authnz_external dav dav_fs dir mime setenvif"

func folders(s *servertest.Site) string { return s.Dir + "/srv/files" }

// site is what Apache asks, and the folders of alice, bert and müller.
func site(t *testing.T) *servertest.Site {
	t.Helper()
	run.NeedRoot(t)
	needModule(t, "mod_authnz_external", "libapache2-mod-authnz-external")
	s := servertest.Start(t, servertest.Options{Recipe: "sallyport.toml"})
	for _, name := range []string{"alice", "bert", "müller"} {
		fill(t, s, name)
	}
	return s
}

// fill makes the folder of a person, and the file in it.
func fill(t *testing.T, s *servertest.Site, name string) {
	t.Helper()
	run.Own(t, folders(s)+"/"+name, "www-data")
	run.Write(t, folders(s)+"/"+name+"/of-"+name+".txt", "belongs to "+name, 0o644)
}

// start runs Apache with the recipe, with its own files in a folder of that name,
// and returns where it listens. More is further text of the global config.
func start(t *testing.T, s *servertest.Site, name, more string) string {
	t.Helper()
	apache := run.Need(t, "apache2", "apache2 libapache2-mod-authnz-external")
	dir, address := s.Dir+"/"+name, fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	run.Own(t, dir, "www-data")
	var load strings.Builder
	for _, m := range strings.Fields(modules) {
		fmt.Fprintf(&load, "LoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", m)
	}
	files := run.Config(t, "files.conf", "127.0.0.1:8013", address, "/srv/files", folders(s),
		"/usr/bin/sallyport-check", s.Bin+"/sallyport-check", "/run/sallyport/check.sock", s.HTTP)
	run.Write(t, dir+"/httpd.conf", load.String()+fmt.Sprintf(rest, dir, address)+more+files, 0o644)
	if said, err := run.Run(run.Command{Path: apache, Args: []string{"-f", dir + "/httpd.conf", "-t"}}); err != nil {
		t.Fatalf("Apache does not like the config: %v\n%s", err, said)
	}
	run.Background(t, run.Command{Path: apache, Args: []string{"-f", dir + "/httpd.conf", "-DFOREGROUND"}})
	t.Cleanup(func() {
		if log, err := os.ReadFile(dir + "/error.log"); err == nil && t.Failed() {
			t.Logf("Apache logged:\n%s", run.Tail(string(log)))
		}
	})
	if err := run.Listening(address); err != nil {
		t.Fatal(err)
	}
	return address
}

// needModule skips a test without a module of Apache, or fails it if CI=true is
// in the environment.
func needModule(t *testing.T, module, debian string) {
	t.Helper()
	_, err := os.Stat("/usr/lib/apache2/modules/" + module + ".so")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: apt install %s", module, debian)
	default:
		t.Skipf("%s is missing: apt install %s", module, debian)
	}
}

func TestApache(t *testing.T) {
	s := site(t)
	address := start(t, s, "apache", "")
	dav := davtest.Server{URL: "http://" + address}
	t.Run("no client is believed", func(t *testing.T) { believesNoClient(t, s, address) })
	t.Run("refusals do not spread", func(t *testing.T) { refusalsDoNotSpread(t, s, address) })
	t.Run("umlauts", func(t *testing.T) { umlauts(t, s, dav) })
	t.Run("nothing leaves the folder", func(t *testing.T) { nothingLeavesTheFolder(t, s, address) })
	t.Run("uploads are data", func(t *testing.T) { uploadsAreData(t, s) })
	t.Run("a restart is waited out", func(t *testing.T) { restartIsWaitedOut(t, s, dav) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "Apache 2.4 files", Mechanism: "mod_authnz_external, sallyport-check", Client: "cadaver",
		// The folder is alice's, however she is called at the moment.
		Sync: func(l servertest.Login) error { return dav.Cadaver(t, l, "/alice/") },
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/alice/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/of-"+owner+".txt")
		},
		OK: "207", Refused: "401", Outage: "401", Address: "127.0.0.1", Waits: true,
		Note: "a restart of sallyport of less than 4 seconds is waited out; needs `mpm_prefork`",
	})
	dav.Revoked(t, s, "bert", "/bert/")
}
