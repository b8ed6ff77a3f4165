package davtest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

//go:embed vdirsyncer.py
var again string

// vdirsyncer runs it in a folder with a config, and fails as it does.
func vdirsyncer(t testing.TB, dir, command string) error {
	t.Helper()
	c, err := net.Dial("unix", forks(t))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * run.Patience))
	yes := strings.Repeat("y\n", 20) // "shall it be made?"
	if err := json.NewEncoder(c).Encode(map[string]any{"args": []string{"--config", dir + "/config", command}, "dir": dir, "stdin": yes}); err != nil {
		return err
	}
	var end struct {
		Code int
		Said string
	}
	if err := json.NewDecoder(c).Decode(&end); err != nil {
		return fmt.Errorf("%s did not come to an end: %w", command, err)
	}
	if end.Code != 0 {
		return fmt.Errorf("%s: exit status %d\n%s", command, end.Code, run.Tail(end.Said))
	}
	return nil
}

// forks starts what runs vdirsyncer for all tests of this process, unless it is
// there already, and returns its socket. It ends with this process, by its end of
// a pipe.
func forks(t testing.TB) string {
	t.Helper()
	const there = "SALLYPORT_TEST_VDIRSYNCER"
	me := fmt.Sprint(os.Getpid())
	if pid, socket, _ := strings.Cut(os.Getenv(there), " "); pid == me {
		return socket
	}
	b, err := os.ReadFile(run.Need(t, "vdirsyncer", "vdirsyncer"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	python, ok := strings.CutPrefix(line, "#!")
	if !ok {
		t.Fatalf("vdirsyncer is no script: %.20q", line)
	}
	dir, err := os.MkdirTemp("", "sp") // it is removed there
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	var life [2]int
	if err := syscall.Pipe2(life[:], syscall.O_CLOEXEC); err != nil {
		t.Fatalf("making a pipe: %v", err)
	}
	in, said, socket := os.NewFile(uintptr(life[0]), "life"), &run.Buffer{}, filepath.Join(dir, "s")
	cmd := exec.Command(strings.TrimSpace(python), "-c", again, socket)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, said, said
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + os.TempDir(), "LANG=C.UTF-8"}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", python, err)
	}
	_ = in.Close()
	go func() { _ = cmd.Wait() }()
	if err := run.Listening(socket); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if err := os.Setenv(there, me+" "+socket); err != nil {
		t.Fatal(err)
	}
	return socket
}
