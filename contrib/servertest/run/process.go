// Package run runs the real programs that the tests of the recipes need:
// servers in the background, clients to their end, each with a deadline, and
// gone with the test.
//
// It knows nothing of the daemon; package servertest does. Only tests may
// import it.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is the longest wait for anything that should come soon.
const Patience = 30 * time.Second

// Command is a program to run.
type Command struct {
	Path  string
	Args  []string
	Dir   string
	Stdin string
	// Env is added to a small environment: PATH, HOME and LANG.
	Env []string
	// User runs it as that user and its groups; empty means as the test. Use
	// AsUser.
	User *syscall.Credential
	// Also gets a copy of what a background program says.
	Also io.Writer
}

func (c Command) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Stdin = c.Dir, strings.NewReader(c.Stdin)
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + os.TempDir(), "LANG=C.UTF-8",
	}, c.Env...)
	// A test that dies must leave nothing behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: c.User}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Run runs a program to its end, at most for Patience twice over, and returns
// what it said on both of its outputs. An error holds the exit status.
func Run(c Command) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	out, err := c.command(ctx).CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("did not end in %s", 2*Patience)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(c.Path), err, Tail(string(out)))
	}
	return string(out), err
}

// ExitCode is the exit status that an error of Run holds: 0 for nil, -1 where
// the program did not run or was killed.
func ExitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// Process is a program that runs in the background.
type Process struct {
	cmd  *exec.Cmd
	out  *Buffer
	done chan struct{}
	err  error
}

// Background starts a program that runs until the test ends; what it says goes
// to the log of a test that fails.
func Background(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{cmd: c.command(context.Background()), out: &Buffer{}, done: make(chan struct{})}
	p.cmd.Stdout = p.out
	if c.Also != nil {
		p.cmd.Stdout = io.MultiWriter(p.out, c.Also)
	}
	p.cmd.Stderr = p.cmd.Stdout
	// Pdeathsig is sent when the thread that started the child ends.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- p.cmd.Start()
		if p.cmd.Process != nil {
			p.err = p.cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", c.Path, err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(c.Path), Tail(p.Said()))
		}
	})
	return p
}

// Said is everything that the program has said so far.
func (p *Process) Said() string { return p.out.String() }

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.done }

// Stop asks the program to end and returns how it did. One that does not end is
// killed.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(Patience):
		p.Kill()
		return errors.New("does not end after SIGTERM")
	}
}

// Kill ends the program and what it started at once; it may be called twice.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // gone is as good
	<-p.done
}

// Within asks again and again until there is no error, or the time is up.
func Within(limit time.Duration, try func() error) error {
	deadline, tick := time.After(limit), time.NewTicker(25*time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-deadline:
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// Listening waits until somebody accepts connections at "host:port" or at the
// path of a Unix socket.
func Listening(address string) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	return Within(Patience, func() error {
		c, err := net.DialTimeout(network, address, time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// FreePort returns a port of loopback that nobody listens on. It is below those that
// the kernel gives by itself, which another test or any connection may have before it
// is listened on; and one of twenty thousand, so that it is hardly given twice.
func FreePort(t testing.TB) int {
	t.Helper()
	for {
		port := 12_000 + rand.IntN(20_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatalf("looking for a free port: %v", err)
		}
		_ = l.Close()
		return port
	}
}

// Need returns the path of a program. Where it is missing the test is skipped,
// or fails if CI=true is in the environment.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/lib/sallyport-test/", "/usr/lib/cyrus/bin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt install %s", program, debian)
	}
	t.Skipf("%s is missing: apt install %s", program, debian)
	return ""
}

// Top is the top folder of the source tree.
func Top() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("there is no go.mod above the test")
}

// Config is a file of the recipe with folders, sockets and ports put elsewhere:
// each old text, which must be there, is replaced by the new one that follows.
func Config(t testing.TB, file string, oldnew ...string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("reading the recipe: %v", err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !bytes.Contains(b, []byte(oldnew[i])) {
			t.Fatalf("%s does not hold %q, which the test would put elsewhere", file, oldnew[i])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(string(b))
}

// Write writes a file, with its folder, for the server under test.
func Write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatalf("writing %s: %v", path, err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatalf("writing %s: %v", path, err)
	}
}

// Tail is the end of a long text, for the log of a test.
func Tail(s string) string { return s[max(0, len(s)-6000):] }

// Buffer is written by a process and read by a test.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes what a process says.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is everything so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
