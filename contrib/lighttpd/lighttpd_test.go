package lighttpd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// server is a lighttpd with the recipe.
type server struct {
	davtest.Server
	address string
	process *run.Process
}

// crashes is how often it has crashed.
func (s *server) crashes() int { return strings.Count(s.process.Said(), "crashed") }

// start runs lighttpd in a mount namespace of its own, where bind is another
// folder: the places that PAM and SASL look at are fixed. Auth is the file of the
// recipe that says how passwords are checked.
func start(t *testing.T, s *servertest.Site, auth string, bind map[string]string) *server {
	t.Helper()
	lighttpd := run.Need(t, "lighttpd", "lighttpd lighttpd-mod-webdav")
	unshare := run.Need(t, "unshare", "util-linux")
	people, err := filepath.Abs("lighttpd-people")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(s.Dir, "lighttpd")
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	run.Own(t, dir, "www-data")
	run.Write(t, dir+"/lighttpd.conf", fmt.Sprintf(`server.modules = ( "mod_access" )
server.username = "www-data"
server.groupname = "www-data"
server.bind = "127.0.0.1"
server.port = %d
server.document-root = "/nowhere"
server.upload-dirs = ( "%s" )
mimetype.assign = ( "" => "application/octet-stream" )
`, run.FreePort(t), dir)+run.Config(t, auth)+run.Config(t, "files.conf", "127.0.0.1:8013", address,
		"/usr/share/sallyport/lighttpd-people", people, "/srv/files", folders(s), "/var/lib/lighttpd", dir), 0o644)
	last := "exec"
	if strings.HasPrefix(auth, "saslauthd/") {
		last = "again" // see TestSaslauthd
	}
	script := `again() { until "$@"; do [ $? = 139 ] && echo "crashed" || exit; done; }
		while [ "$1" != -- ]; do mount --bind "$1" "$2" && shift 2 || exit; done; shift; ` + last + ` "$@"`
	args := []string{"--mount", "sh", "-c", script, "sh"}
	for place, folder := range bind {
		args = append(args, folder, place)
	}
	p := run.Background(t, run.Command{Path: unshare, Args: append(args, "--", lighttpd, "-D", "-f", dir+"/lighttpd.conf"), Dir: dir})
	if err := run.Listening(address); err != nil {
		t.Fatal(err)
	}
	return &server{Server: davtest.Server{URL: "http://" + address}, address: address, process: p}
}

// files makes the folders of the recipe.
func files(t *testing.T, s *servertest.Site) {
	t.Helper()
	run.Write(t, s.Dir+"/srv/secret.txt", "nobody's", 0o644)
	for _, name := range []string{"alice", "alice2", "bert", ".common", "müller", "alice and bert"} {
		run.Own(t, folders(s)+"/"+name, "www-data")
		run.Write(t, folders(s)+"/"+name+"/of-"+name+".txt", "belongs to "+name, 0o666)
	}
	run.Write(t, folders(s)+"/top.txt", "belongs to nobody", 0o666)
}

func folders(s *servertest.Site) string { return s.Dir + "/srv/files" }

// withPAM is a site for the recipe as it is, with our module, and what start is to
// bind for it.
func withPAM(t *testing.T) (*servertest.Site, map[string]string) {
	t.Helper()
	run.NeedRoot(t)
	if _, err := os.Stat("/usr/lib/lighttpd/mod_authn_pam.so"); err != nil {
		lacks(t, "lighttpd-mod-authn-pam")
	}
	s := servertest.Start(t, servertest.Options{Recipe: recipe(t, "sallyport.toml")})
	files(t, s)
	run.Write(t, s.Dir+"/pam.d/lighttpd", run.Config(t, "pam.conf", "pam_sallyport.so service=files uid=sallyport",
		module(t, s)+" socket="+s.HTTP+" service=files uid=root", "account  required  pam_sallyport.so", "account  required  "+s.Dir+"/pam/pam_sallyport.so"), 0o644)
	run.Write(t, s.Dir+"/pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n", 0o644)
	return s, map[string]string{"/etc/pam.d": s.Dir + "/pam.d"}
}

// module builds the PAM module.
func module(t *testing.T, s *servertest.Site) string {
	t.Helper()
	run.Need(t, "gcc", "gcc libc6-dev")
	if _, err := os.Stat("/usr/include/security/pam_modules.h"); err != nil {
		lacks(t, "libpam0g-dev")
	}
	out := s.Dir + "/pam"
	if said, err := run.Run(run.Command{Path: run.Need(t, "make", "make"), Args: []string{"-C", "../pam", "OUT=" + out}, Dir: "."}); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
	if err := os.Chmod(out, 0o755); err != nil {
		t.Fatal(err)
	}
	return out + "/pam_sallyport.so"
}

func lacks(t *testing.T, debian string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing: apt install %s", debian)
	}
	t.Skipf("missing: apt install %s", debian)
}

// recipe is a sallyport.toml, where the test may ask, too.
func recipe(t *testing.T, toml string) string {
	t.Helper()
	file := t.TempDir() + "/sallyport.toml"
	run.Write(t, file, run.Config(t, toml, `allow = ["www-data"]`, `allow = ["www-data", "root"]`), 0o644)
	return file
}

func TestPAM(t *testing.T) {
	t.Parallel() // lighttpd takes a second for each refusal
	s, pam := withPAM(t)
	dav := start(t, s, "auth-pam.conf", pam)
	t.Run("each request is asked about once", func(t *testing.T) { askedOnce(t, s, dav) })
	t.Run("nothing leaves the folder", func(t *testing.T) { nothingLeavesTheFolder(t, s, dav) })
	t.Run("everybody's own", func(t *testing.T) { everybodysOwn(t, s, dav) })
	t.Run("no client is believed", func(t *testing.T) {
		dav.Forge(t, s, davtest.Places{Own: "/alice/of-alice.txt", Foreign: "/bert/of-bert.txt", Get: true})
	})
	servertest.Prove(t, s, servertest.Proof{
		Server: "lighttpd 1.4.69 files", Mechanism: "mod_authn_pam, pam_sallyport", Client: "cadaver",
		Sync: func(l servertest.Login) error { return dav.Cadaver(t, l, "/alice/") },
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/.common/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "401", Address: "127.0.0.1",
		Note: "serves nobody else while it asks",
	})
	dav.Revoked(t, s, "bert", "/bert/")
	t.Run("silence", func(t *testing.T) { silence(t, s, dav) })
}
