package reloads

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// manager holds the listening sockets, as systemd does, and hands them to one
// daemon after the other.
type manager struct {
	*servertest.Site
	t     *testing.T
	files []*os.File
	names []string
	// page is the address of the page.
	page string
	log  run.Buffer
	cmd  *exec.Cmd
	done chan error
}

func newManager(t *testing.T, s *servertest.Site) *manager {
	t.Helper()
	m := &manager{Site: s, t: t}
	metrics := filepath.Join(s.Dir, "metrics.sock")
	for _, path := range []string{s.HTTP, s.Saslauthd, s.Dovecot, metrics} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		f, err := l.File()
		if err = errors.Join(err, l.Close(), os.Chmod(path, 0o666)); err != nil {
			t.Fatal(err)
		}
		m.hold(f, filepath.Base(path))
	}
	m.holdPage()
	t.Cleanup(func() {
		if m.cmd != nil {
			_ = m.cmd.Process.Kill()
			<-m.done
		}
		if t.Failed() {
			t.Log(run.Tail(m.log.String()))
		}
	})
	return m
}

func (m *manager) hold(f *os.File, name string) {
	m.t.Cleanup(func() { _ = f.Close() })
	m.files, m.names = append(m.files, f), append(m.names, name)
}

// holdPage has the page behind a proxy that comes over TCP.
func (m *manager) holdPage() {
	m.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	m.page = l.Addr().String()
	f, err := l.(*net.TCPListener).File()
	if err = errors.Join(err, l.Close()); err != nil {
		m.t.Fatal(err)
	}
	m.hold(f, "sallyport-page.socket")
	s := &scene{Site: m.Site, t: m.t}
	s.edit(fmt.Sprintf("listen = %q", s.path("page.sock")), fmt.Sprintf("listen = %q\ntrusted_proxies = [\"127.0.0.1\"]", m.page))
}

// start runs the daemon. LISTEN_PID has to be its own number, so that the shell
// says it and becomes the daemon.
func (m *manager) start() {
	m.t.Helper()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve --config "$1"`,
		filepath.Join(m.Bin, "sallyportd"), filepath.Join(m.Dir, "sallyport.toml"))
	cmd.Dir, cmd.ExtraFiles = m.Dir, m.files
	cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(m.files)), "LISTEN_FDNAMES="+strings.Join(m.names, ":"))
	cmd.Stdout, cmd.Stderr = &m.log, &m.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.cmd, m.done = cmd, make(chan error, 1)
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when the thread that started it ends
		defer runtime.UnlockOSThread()
		started <- cmd.Start()
		m.done <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		m.t.Fatal(err)
	}
}

// stop ends the daemon as systemd does before it starts the next one.
func (m *manager) stop() {
	m.t.Helper()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	select {
	case err := <-m.done:
		if err != nil {
			m.t.Fatalf("the daemon ended badly: %v", err)
		}
	case <-time.After(run.Patience):
		m.t.Fatal("the daemon does not end")
	}
	m.cmd = nil
}

// TestRestartLosesNoRequest: with its sockets held by somebody else, that of the page
// as well, the daemon is ended and started again under load, twenty times, or as often
// as SALLYPORT_RESTARTS says. Nobody is refused, and no request that was sent stays
// without an answer.
func TestRestartLosesNoRequest(t *testing.T) {
	restarts := 20
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_RESTARTS")); err == nil {
		restarts = n
	}
	s := servertest.Start(t, servertest.Options{})
	s.Stop()
	m := newManager(t, s)
	m.start()
	l := begin(t, s, 32, client{front: "page", socket: m.page})
	for n := range restarts {
		l.more(25)
		begun := time.Now()
		m.stop()
		gone := time.Since(begun)
		m.start()
		l.more(1)
		t.Logf("restart %d: ended in %s, answers after %s", n+1, gone.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
		if t.Failed() {
			break
		}
	}
	l.end()
	if l.reconnects.Load() == 0 {
		t.Error("no client has kept a connection over a restart: the test shows nothing of those")
	}
	if s.Metric(t, "sallyport_config_reload_success") != 1 {
		t.Error("the metrics are not what they are at the start")
	}
	if strings.Contains(m.log.String(), "systemd passed a socket") {
		t.Error("the daemon has left a socket of its manager lie")
	}
	m.stop()
}
