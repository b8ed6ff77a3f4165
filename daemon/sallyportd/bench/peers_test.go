package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// noWorkEnv makes the test binary a server that does nothing, in a process of
// its own like the daemon.
const noWorkEnv = "SALLYPORT_BENCH_NO_WORK"

// answerOnlyEnv makes it a server that answers saslauthd requests without work.
const answerOnlyEnv = "SALLYPORT_BENCH_ANSWER_ONLY"

func TestMain(m *testing.M) {
	if socket := os.Getenv(noWorkEnv); socket != "" {
		l, err := net.Listen("unix", socket)
		if err == nil {
			err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if socket := os.Getenv(answerOnlyEnv); socket != "" {
		l, err := net.Listen("unix", socket)
		for err == nil {
			var c net.Conn
			if c, err = l.Accept(); err == nil {
				go answer(c)
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// noWork starts the HTTP server that does nothing and returns its socket.
func noWork(b *testing.B) string { return again(b, noWorkEnv) }

// answerOnly starts the one that only answers saslauthd requests.
func answerOnly(b *testing.B) string { return again(b, answerOnlyEnv) }

// again runs this test binary as one of its servers.
func again(b *testing.B, env string) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "s")
	self, err := os.Executable()
	must(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), env+"="+socket)
	background(b, cmd)
	awaitSocket(b, socket)
	return socket
}

// background runs a peer until the benchmark ends.
func background(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(b, cmd.Start())
	b.Cleanup(func() {
		must(b, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		cmd.Wait() //nolint // it was killed
	})
}

func awaitSocket(b *testing.B, socket string) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if c, err := net.Dial("unix", socket); err == nil {
			must(b, c.Close())
			return
		}
		<-tick.C
	}
	b.Fatalf("nobody listens at %s", socket)
}

// program finds a peer's program, or skips the benchmark.
func program(b *testing.B, name, debian string) string {
	b.Helper()
	for _, dir := range []string{"", "/usr/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		b.Fatalf("%s is missing: apt install %s", name, debian)
	}
	b.Skipf("%s is missing: apt install %s", name, debian)
	return ""
}

// saslauthd starts the real one on the same directory: search and bind, with
// its usual five processes, with or without its cache of credentials.
func (w *world) saslauthd(b *testing.B, cache bool) string {
	b.Helper()
	dir := filepath.Join(w.dir, fmt.Sprintf("sasl-%t", cache))
	must(b, os.Mkdir(dir, 0o755))
	conf := filepath.Join(dir, "conf")
	must(b, os.WriteFile(conf, fmt.Appendf(nil, `ldap_servers: %s
ldap_search_base: %s
ldap_filter: uid=%%u
ldap_bind_dn: %s
ldap_bind_pw: %s
`, w.slapd.URL, directorytest.PeopleDN, directorytest.BindDN, directorytest.BindPassword), 0o600))
	args := []string{"-a", "ldap", "-O", conf, "-m", dir, "-n", "5"}
	if cache {
		args = append(args, "-c", "-s", "8192", "-t", "3600")
	}
	// In the foreground it would say everything aloud, so it goes away by itself.
	must(b, exec.Command(program(b, "saslauthd", "sasl2-bin"), args...).Run())
	b.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "saslauthd.pid"))
		must(b, err)
		var pid int
		_, err = fmt.Sscan(string(text), &pid)
		must(b, err)
		must(b, syscall.Kill(pid, syscall.SIGTERM))
	})
	awaitSocket(b, filepath.Join(dir, "mux"))
	return filepath.Join(dir, "mux")
}

// dovecot starts Dovecot's own auth with everybody's password in clear in a
// file: the least work that it can have.
func (w *world) dovecot(b *testing.B) string {
	b.Helper()
	path := program(b, "dovecot", "dovecot-core")
	dir := filepath.Join(w.dir, "dovecot")
	must(b, os.Mkdir(dir, 0o755))
	must(b, os.Chmod(w.dir, 0o711)) // its processes are other users
	var people strings.Builder
	for _, p := range w.people {
		fmt.Fprintf(&people, "%s:{PLAIN}%s-password\n", p.name, p.name)
	}
	must(b, os.WriteFile(filepath.Join(dir, "passwd"), []byte(people.String()), 0o644))
	conf := filepath.Join(dir, "dovecot.conf")
	must(b, os.WriteFile(conf, fmt.Appendf(nil, `base_dir = %[1]s/base
state_dir = %[1]s/state
log_path = %[1]s/log
protocols =
ssl = no
auth_mechanisms = plain
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%%u %[1]s/passwd
}
userdb {
  driver = static
  args = uid=mail gid=mail home=/nonexistent
}
service auth {
  unix_listener %[1]s/auth-client {
    mode = 0666
  }
}
`, dir), 0o644))
	background(b, exec.Command(path, "-F", "-c", conf))
	awaitSocket(b, filepath.Join(dir, "auth-client"))
	return filepath.Join(dir, "auth-client")
}

// bareLDAP does what a program does that asks the directory itself: search for
// the name, then bind, over kept connections.
func (w *world) bareLDAP(b *testing.B, inFlight int, people []person, search bool) result {
	b.Helper()
	work := make(chan person, len(people))
	for _, p := range people {
		work <- p
	}
	close(work)
	type pair struct{ search, bind *ldap.Conn }
	conns := make([]pair, inFlight)
	for i := range conns {
		conns[i] = pair{w.dial(b), w.dial(b)}
		must(b, conns[i].search.Bind(directorytest.BindDN, directorytest.BindPassword))
	}
	var g errgroup.Group
	start := time.Now()
	for _, c := range conns {
		g.Go(func() error {
			for p := range work {
				dn := p.dn
				if search {
					res, err := c.search.Search(ldap.NewSearchRequest(directorytest.PeopleDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
						2, 0, false, "(uid="+ldap.EscapeFilter(p.name)+")", []string{"uid", "entryUUID"}, nil))
					if err != nil {
						return err
					}
					dn = res.Entries[0].DN
				}
				if err := c.bind.Bind(dn, p.name+"-password"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, g.Wait())
	r := result{requests: len(people), took: time.Since(start)}
	for _, c := range conns {
		c.search.Close() //nolint // done with it
		c.bind.Close()   //nolint // done with it
	}
	return r
}
