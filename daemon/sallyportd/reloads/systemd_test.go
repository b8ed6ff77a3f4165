package reloads

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestWhatSystemdIsTold follows a daemon through its life by what it says to its
// service manager.
func TestWhatSystemdIsTold(t *testing.T) {
	s := &scene{Site: servertest.Start(t, servertest.Options{}), t: t}
	s.Stop()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	s.must(err)
	defer func() { _ = l.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "1000000")
	// heard waits for a message that begins like this, and counts the beats of the
	// watchdog before it.
	heard := func(want string) (message string, beats int) {
		t.Helper()
		s.must(l.SetReadDeadline(time.Now().Add(run.Patience)))
		b := make([]byte, 1024)
		for {
			n, err := l.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("never heard: %s", want)
			}
			s.must(err)
			switch message = string(b[:n]); {
			case strings.HasPrefix(message, want):
				return message, beats
			case message == "WATCHDOG=1":
				beats++
			default:
				t.Fatalf("heard %q, want %q", message, want)
			}
		}
	}
	m := newManager(t, s.Site)
	m.start()
	s.pid = m.cmd.Process.Pid
	if message, _ := heard("READY=1"); !strings.Contains(message, "\nSTATUS=ready") {
		t.Errorf("at the start: %q", message)
	}
	heard("WATCHDOG=1")
	heard("WATCHDOG=1")
	s.hangup()
	if message, _ := heard("RELOADING=1"); !strings.Contains(message, "\nMONOTONIC_USEC=") {
		t.Errorf("at a reload: %q", message)
	}
	heard("READY=1")
	s.edit("failure_grid", "failure_gird")
	s.hangup()
	heard("RELOADING=1")
	if message, _ := heard("READY=1"); !strings.Contains(message, "refused") {
		t.Errorf("after a bad config: %q", message)
	}
	s.must(m.cmd.Process.Signal(syscall.SIGTERM))
	heard("STOPPING=1")
	s.must(<-m.done)
	// Unit and config do not say the same.
	s.edit("failure_gird", "failure_grid", fmt.Sprintf("listen = %q", m.page), fmt.Sprintf("listen = %q\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"", strings.Replace(m.page, "127.0.0.1", "0.0.0.0", 1)))
	s.certify(1)
	m.start()
	if err := <-m.done; err == nil {
		t.Error("it starts without the address that it shall have")
	}
	if want := "sallyport-page.socket (" + m.page + "), and not this: let the .socket unit and the config say the same"; !strings.Contains(m.log.String(), want) {
		t.Errorf("it does not say %q", want)
	}
	m.cmd = nil
}
