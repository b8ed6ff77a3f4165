package endtoend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// patience is the longest wait for anything that should come soon.
const patience = 30 * time.Second

// site is one installation in a folder of its own: config, key, state, sockets
// and a directory.
type site struct {
	t      testing.TB
	dir    string
	page   string // where the page listens
	url    string // what people type to reach it
	people *directorytest.Server
	daemon *process
	phones phones
}

// options say what differs from the usual site.
type options struct {
	// more people in the directory, u000001 and on.
	more int
	// listen and url place the page; default: a Unix socket behind a proxy that
	// does TLS.
	listen, url, tlsCert, tlsKey string
	// logLevel is info by default.
	logLevel string
	// bare makes a folder only, for the demo, which brings what it needs.
	bare bool
}

// baseConfig is what every site begins with; scripts change it from there. The
// time limits of plugins are wide, because the tests share the machine.
const baseConfig = `issuer = "Example University"
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
fact_ttl = "1s"
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
name = "dav"
accept = [["app-password"]]

[[service]]
name = "files"
accept = [["app-password"]]

[[listen]]
protocol = "http"
path = "run/check.sock"
services = ["web", "dav", "files"]

[[listen]]
protocol = "admin"
path = "run/admin.sock"

[page]
listen = "{{.Listen}}"
url = "{{.URL}}"
service = "web"
operator = "Example University"
{{if .Cert}}tls_cert = "{{.Cert}}"
tls_key = "{{.Key}}"
{{end}}
[page.support]
phone = "+49 30 1234567"
hours = "Mo-Fr 9-17"
mail = "help@example.org"

[metrics]
listen = "run/metrics.sock"

[log]
level = "{{.Level}}"
`

// newSite makes the installation and starts its directory, but no daemon.
func newSite(t testing.TB, o options) *site {
	t.Helper()
	need(t, "oathtool", "oathtool")
	build(t)
	// Short, because a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "sp")
	s := &site{t: t, dir: dir}
	s.must("making a folder", err)
	t.Cleanup(s.clean)
	if o.bare {
		return s
	}
	s.people = directorytest.Start(t, directorytest.Options{More: o.more})
	s.must("making a folder", os.Mkdir(s.path("run"), 0o700))
	s.must("writing the password", os.WriteFile(s.path("ldap-password"), []byte(directorytest.BindPassword+"\n"), 0o400))
	if o.listen == "" {
		o.listen, o.url = "run/page.sock", "https://login.example.org"
	}
	s.page, s.url = o.listen, o.url
	if o.tlsCert != "" {
		for from, to := range map[string]string{"cert.pem": o.tlsCert, "key.pem": o.tlsKey} {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(s.people.CAFile), from))
			s.must("taking the directory's certificate", err)
			s.must("writing the certificate", os.WriteFile(s.path(to), b, 0o400))
		}
	}
	if o.logLevel == "" {
		o.logLevel = "info"
	}
	var text bytes.Buffer
	s.must("writing the config", template.Must(template.New("").Parse(baseConfig)).Execute(&text, map[string]string{
		"LDAP": s.people.URL, "BindDN": directorytest.BindDN, "Base": directorytest.PeopleDN, "Decoy": directorytest.DecoyDN,
		"Listen": o.listen, "URL": o.url, "Cert": o.tlsCert, "Key": o.tlsKey, "Level": o.logLevel,
	}))
	s.must("writing the config", os.WriteFile(s.path("sallyport.toml"), text.Bytes(), 0o600))
	said, err := exec.Command(filepath.Join(bin, "sallyportd"), "init", "--kek", s.path("kek"), "--state", s.path("state")).CombinedOutput()
	if err != nil {
		t.Fatalf("init: %v\n%s", err, said)
	}
	return s
}

func (s *site) clean() {
	if s.daemon != nil {
		s.daemon.kill()
	}
	if s.t.Failed() {
		s.t.Logf("the daemon's log:\n%s", tail(s.log(), 6000))
	}
	_ = os.RemoveAll(s.dir)
}

func (s *site) path(rel string) string { return filepath.Join(s.dir, rel) }

func (s *site) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// log is everything that the daemon has written to its standard error.
func (s *site) log() string {
	b, _ := os.ReadFile(s.path("daemon.log"))
	return string(b)
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// start runs "sallyportd serve" and waits until it is ready.
func (s *site) start() error {
	return s.run(func() bool {
		a, err := s.check().ask(request{method: "GET", path: "/v1/health/ready"})
		return err == nil && a.status == http.StatusOK && s.listening()
	}, "serve", "--config", s.path("sallyport.toml"))
}

// listening tells whether the page, which comes last, can be reached.
func (s *site) listening() bool {
	network, address := "unix", s.path(s.page)
	if strings.Contains(s.page, ":") {
		network, address = "tcp", s.page
	}
	c, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// demo runs "sallyportd demo" in the site's folder, below var.
func (s *site) demo() error {
	for _, port := range []string{"8080", "9464", "3389"} {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			return fmt.Errorf("the demo needs port %s of loopback, which is taken: %w", port, err)
		}
		_ = l.Close()
	}
	return s.run(func() bool { return strings.Contains(s.daemon.said(), "Ctrl-C stops the demo.") }, "demo", "--dir", "var")
}

func (s *site) run(ready func() bool, args ...string) error {
	log, err := os.OpenFile(s.path("daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(bin, "sallyportd"), args...)
	cmd.Dir, cmd.Stderr = s.dir, log
	if s.daemon, err = startProcess(cmd); err != nil {
		return err
	}
	return within(patience, func() error {
		select {
		case <-s.daemon.done:
			return fatal{fmt.Errorf("the daemon ended at once: %v\n%s", s.daemon.err, tail(s.log(), 3000))}
		default:
		}
		if !ready() {
			return errors.New("the daemon does not become ready")
		}
		return nil
	})
}

// check, admin, metrics and pageSocket reach the daemon's sockets.
func (s *site) check() client   { return client{s.path("run/check.sock")} }
func (s *site) admin() client   { return client{s.path("run/admin.sock")} }
func (s *site) metrics() client { return client{s.path("run/metrics.sock")} }

// process is a program that runs in the background.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	out  lockedBuffer
}

func startProcess(cmd *exec.Cmd) (*process, error) { return startProcessAs(cmd, nil) }

// startProcessAs starts it as another user, or as ours.
func startProcessAs(cmd *exec.Cmd, who *syscall.Credential) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout = &p.out
	// Plugins live as long as the daemon holds their pipe; a test that dies must
	// not leave a daemon behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: who}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) said() string { return p.out.String() }

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop sends SIGTERM and returns how the process ended.
func (p *process) stop() error { return p.end(syscall.SIGTERM) }

// end sends a signal and returns how the process ended.
func (p *process) end(by syscall.Signal) error {
	if err := p.cmd.Process.Signal(by); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.kill()
		return errors.New("does not end after " + by.String())
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var _ io.Writer = (*lockedBuffer)(nil)

// fatal ends a wait at once.
type fatal struct{ error }

// within asks again and again until there is no error, or time is up; ever more
// seldom, because asking a browser costs as much as what is waited for.
func within(limit time.Duration, try func() error) error {
	const seldom = 250 * time.Millisecond
	deadline, pause := time.After(limit), 10*time.Millisecond
	tick := time.NewTimer(pause)
	defer tick.Stop()
	for {
		err := try()
		if err == nil || errors.As(err, new(fatal)) {
			return err
		}
		select {
		case <-deadline:
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
		pause = min(pause*3/2, seldom)
		tick.Reset(pause)
	}
}
