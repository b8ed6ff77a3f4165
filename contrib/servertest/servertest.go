// Package servertest runs the whole daemon for the tests of the recipes beside
// it: a real slapd, the built daemon with its plugins, and sockets that the
// server under test may reach. Prove is the proof that every recipe passes.
//
// It is no double of anything, and it is not how to run the daemon: records are
// written into the store before the daemon opens it, where people would take
// the page. Only tests may import it.
package servertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// PageURL is where people would make app passwords.
const PageURL = "https://login.example.org"

// Options say what differs from the usual site.
type Options struct {
	// Peers are the operating system's users, beside root, that may connect to
	// the sockets: "www-data", "cyrus" ...
	Peers []string
	// HTTP, Saslauthd and Dovecot are further lines of the [[listen]] of that
	// protocol, for example `spelling = "strict"`. All may ask for the services
	// dav, files and mail (app passwords) and ssh (password and code); without
	// a line that says otherwise dav is asked.
	HTTP, Saslauthd, Dovecot string
	// Recipe is the file of a recipe with its [[listen]], which is taken as it
	// is, in place of the usual one of that protocol; only the path is put
	// elsewhere, and root, who runs the tests, may connect, too.
	Recipe string
	// Config are further tables at the end of the config.
	Config string
	// More adds that many people, u000001 and on, set up like the others.
	More int
	// Dir is where the sockets are; empty means a folder of their own. Some
	// servers find theirs only at a fixed place below one of their own.
	Dir string
}

// Site is one running installation.
type Site struct {
	// Dir is the installation's folder; everybody may enter, nobody may look.
	Dir string
	// HTTP, Saslauthd and Dovecot are the paths of the sockets; the second is
	// called mux, as libsasl wants it.
	HTTP, Saslauthd, Dovecot string
	// Bin is the folder of the built binaries.
	Bin string

	t         testing.TB
	options   Options
	directory *directorytest.Server
	people    map[string]*Person
	daemon    *run.Process
	log       *run.Buffer
	// marks counts what was put into the log by mark.
	marks atomic.Int32
}

// factTTL is how long the daemon goes by what it knows of somebody.
const factTTL = time.Second

const configText = `issuer = "Example University"
state = "state"
[keys]
kek = "kek"
[directory]
servers = ["{{.LDAP}}"]
bind_dn = "{{.BindDN}}"
bind_password_file = "ldap-password"
base = "{{.Base}}"
account_filter = "(!(employeeType=disabled))"
decoy_dn = "{{.Decoy}}"
fact_ttl = "{{.FactTTL}}"
cool_down = "1s"
[[factor]]
kind = "totp"
timeout = "2s"
[[factor]]
kind = "app-password"
timeout = "2s"
standalone = true
[[factor]]
kind = "recovery"
timeout = "2s"
[[service]]
name = "web"
accept = [["totp", "directory"], ["recovery", "directory"]]
[[service]]
name = "ssh"
accept = [["totp", "directory"]]
[[service]]
name = "dav"
accept = [["app-password"]]
[[service]]
name = "files"
accept = [["app-password"]]
[[service]]
name = "mail"
accept = [["app-password"]]
{{range .Sockets}}{{if .Recipe}}
{{.Recipe}}
{{else}}
[[listen]]
protocol = "{{.Protocol}}"
path = "{{.Path}}"
mode = "0666"
allow = [{{$.Allow}}]
services = ["dav", "files", "mail", "ssh"]
{{.More}}
{{end}}{{end}}
[[listen]]
protocol = "admin"
path = "{{.Dir}}/admin.sock"
[page]
listen = "{{.Dir}}/page.sock"
url = "{{.Page}}"
service = "web"
operator = "Example University"
[page.support]
phone = "+49 30 1234567"
[metrics]
listen = "{{.Dir}}/metrics.sock"
[throttle]
failure_grid = "50ms"
[log]
format = "json"
level = "debug"
{{.More}}
`

// Start runs a site until the test ends. It needs slapd: where that is missing
// the test is skipped, or fails if CI=true is in the environment.
func Start(t testing.TB, o Options) *Site {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	s := &Site{Dir: dir, Bin: Binaries(t), t: t, options: o, people: map[string]*Person{}, log: &run.Buffer{}}
	t.Cleanup(s.clean)
	s.directory = directorytest.Start(t, directorytest.Options{More: o.More})
	s.must("opening the folder", os.Chmod(dir, 0o711))
	if o.Dir == "" {
		s.options.Dir = filepath.Join(dir, "run")
		s.must("making a folder", os.Mkdir(s.options.Dir, 0o755))
	}
	for _, socket := range []struct {
		to   *string
		name string
	}{{&s.HTTP, "check.sock"}, {&s.Saslauthd, "mux"}, {&s.Dovecot, "auth-client"}} {
		*socket.to = filepath.Join(s.options.Dir, socket.name)
	}
	s.must("writing the password", os.WriteFile(s.path("ldap-password"), []byte(directorytest.BindPassword), 0o400))
	s.must("making people", s.seed())
	s.must("writing the config", s.configure())
	s.Restart()
	return s
}

func (s *Site) configure() error {
	type socket struct{ Protocol, Path, More, Recipe string }
	allow := `"root"`
	for _, p := range s.options.Peers {
		allow += fmt.Sprintf(", %q", p)
	}
	lines := func(given string) string {
		if strings.Contains(given, "default_service") {
			return given
		}
		return given + "\ndefault_service = \"dav\""
	}
	var text bytes.Buffer
	sockets := []socket{
		{Protocol: "http", Path: s.HTTP, More: lines(s.options.HTTP)},
		{Protocol: "saslauthd", Path: s.Saslauthd, More: lines(s.options.Saslauthd)},
		{Protocol: "dovecot", Path: s.Dovecot, More: lines(s.options.Dovecot)},
	}
	if s.options.Recipe != "" {
		recipe, err := os.ReadFile(s.options.Recipe)
		if err != nil {
			return err
		}
		for i := range sockets {
			if bytes.Contains(recipe, []byte("\nprotocol = \""+sockets[i].Protocol+"\"\n")) {
				text := regexp.MustCompile(`(?m)^path = ".*"$`).ReplaceAllString(string(recipe), "path = \""+sockets[i].Path+"\"")
				if !strings.Contains(text, `"root"`) {
					text = strings.Replace(text, "allow = [", `allow = ["root", `, 1)
				}
				sockets[i].Recipe = text
			}
		}
	}
	err := template.Must(template.New("").Parse(configText)).Execute(&text, map[string]any{
		"LDAP": s.directory.URL, "BindDN": directorytest.BindDN, "Base": directorytest.PeopleDN, "Decoy": directorytest.DecoyDN,
		"FactTTL": factTTL, "Dir": s.Dir, "Page": PageURL, "Allow": allow, "More": s.options.Config,
		"Sockets": sockets,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("sallyport.toml"), text.Bytes(), 0o600)
}

// Restart starts the daemon, or starts it again, and waits until it is ready.
func (s *Site) Restart() {
	s.t.Helper()
	s.Stop()
	s.daemon = run.Background(s.t, run.Command{
		Path: filepath.Join(s.Bin, "sallyportd"), Args: []string{"serve", "--config", s.path("sallyport.toml")}, Dir: s.Dir, Also: s.log,
	})
	s.must("starting the daemon", run.Within(run.Patience, func() error {
		if _, err := s.get(s.HTTP, "/v1/health/ready"); err != nil {
			return err
		}
		_, err := s.get(s.path("metrics.sock"), "/metrics") // opened last
		return err
	}))
}

// get asks over one of the daemon's sockets; any status but 200 is an error.
func (s *Site) get(socket, path string) (string, error) {
	res, err := over(socket).Get("http://sallyport" + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, res.StatusCode)
	}
	return string(text), err
}

// over is a client that asks over a socket, on a connection of its own each time.
func over(socket string) *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
}

// Stop ends the daemon as an operator would; it may be called twice.
func (s *Site) Stop() {
	s.t.Helper()
	if s.daemon != nil {
		s.must("stopping the daemon", s.daemon.Stop())
		s.daemon = nil
	}
}

// Directory is the slapd behind the daemon.
func (s *Site) Directory() *directorytest.Server { return s.directory }

// Sallyport runs the support tool and returns what it printed.
func (s *Site) Sallyport(args ...string) string {
	s.t.Helper()
	out, err := run.Run(run.Command{Path: filepath.Join(s.Bin, "sallyport"), Args: append([]string{"--socket", filepath.Join(s.Dir, "admin.sock")}, args...)})
	s.must("running sallyport "+strings.Join(args, " "), err)
	return out
}

func (s *Site) clean() {
	if s.daemon != nil {
		s.daemon.Kill()
	}
	if s.t.Failed() {
		s.t.Logf("the daemon's log:\n%s", run.Tail(s.log.String()))
	}
	_ = os.RemoveAll(s.Dir)
}

func (s *Site) path(rel string) string { return filepath.Join(s.Dir, rel) }

func (s *Site) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// Binaries builds the daemon, the tools and the plugins as "make build" does,
// into a folder that all tests of this user and this tree share, and returns it:
// what is built and unchanged is not built again, and looking for what has changed,
// which takes most of a second, is done once a run of "go test".
func Binaries(t testing.TB) string {
	t.Helper()
	top, err := run.Top()
	if err != nil {
		t.Fatal(err)
	}
	dir := shared(top)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatalf("making a folder for the binaries: %v", err)
	}
	unlock, err := run.Lock(dir)
	if err != nil {
		t.Fatalf("taking the folder of the binaries: %v", err)
	}
	defer unlock()
	stamp, round := filepath.Join(dir, ".built"), run.Round()
	if last, err := os.ReadFile(stamp); err == nil && string(last) == round {
		return dir
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir + "/", "./daemon/sallyportd", "./plugins/cmd/..."}
	tools, err := filepath.Glob(filepath.Join(top, "contrib", "sallyport*", "main.go"))
	if err != nil || len(tools) == 0 {
		t.Fatalf("no tools to build: %v", err)
	}
	for _, tool := range tools {
		args = append(args, "./contrib/"+filepath.Base(filepath.Dir(tool)))
	}
	build := exec.Command("go", args...)
	build.Dir, build.Env = top, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
	if err := os.WriteFile(stamp, []byte(round), 0o600); err != nil {
		t.Fatalf("noting that they are built: %v", err)
	}
	return dir
}

func shared(top string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("sallyport-test-bin-%d-%08x", os.Geteuid(), crc32.ChecksumIEEE([]byte(top))))
}
