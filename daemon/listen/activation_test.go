package listen_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/listen"
)

const activatedEnv = "SALLYPORT_TEST_ACTIVATED"

// activatedChild is the daemon's part: it serves one connection on the socket
// that was passed to it and says which sockets nobody asked for.
func activatedChild() int {
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	a, err := listen.Activated()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	l, err := listen.Unix(listen.Config{Path: "/nonexistent/never-bound", Activated: a, Name: "check"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("left", strings.Join(a.Left(), " "), "env", os.Getenv("LISTEN_FDS"))
	c, err := l.Accept()
	if err != nil {
		return 1
	}
	p, _ := listen.PeerOfConn(c)
	fmt.Fprintf(c, "hello %d", p.UID)
	c.Close()
	l.Close()
	return 0
}

func TestSocketsFromSystemdAreMatchedByName(t *testing.T) {
	dir := folder(t)
	files := make([]*os.File, 0, 2)
	for _, name := range []string{"other", "check"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		defer f.Close()
		files = append(files, f)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.ExtraFiles = files
	cmd.Env = []string{activatedEnv + "=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=other:check",
		"GORACE=atexit_sleep_ms=0"}
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "check")
	if got, want := greeting(t, path), fmt.Sprintf("hello %d", os.Getuid()); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got := out.String(); got != "left other env \n" {
		t.Errorf("the daemon said %q", got)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("systemd's file must stay: %v", err)
	}
}

func TestWithoutSystemdThereIsNothingToTakeOver(t *testing.T) {
	a, err := listen.Activated()
	if err != nil || len(a.Left()) != 0 {
		t.Fatalf("%v, %v", a.Left(), err)
	}
	open(t, listen.Config{Path: filepath.Join(folder(t), "s"), Activated: a, Name: "check"})
}
