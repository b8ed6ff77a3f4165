package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
)

// drainTime is how long the last words of a dead plugin may still arrive, in
// case something that it started holds its standard error open.
const drainTime = 100 * time.Millisecond

var errDoomed = errors.New("the start was given up")

// launcher starts every child from one operating system thread. The kernel
// ties Pdeathsig to the thread that forked, so that thread must live as long
// as the Host; and when it ends, with the Host, no child outlives it.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

func (l *launcher) close() { close(l.jobs) }

// run does the job on the launcher's thread.
func (l *launcher) run(job func() error) error {
	result := make(chan error, 1)
	l.jobs <- func() { result <- job() }
	return <-result
}

// child is one process as go-plugin's runner interface wants it.
type child struct {
	launch *launcher
	file   *checkedFile
	cmd    *exec.Cmd
	dir    string // of its socket
	pid    int
	exited chan struct{}

	lifeline       *os.File // our end of its standard input
	stdout, stderr *os.File // our ends
	theirs         []*os.File

	mu     sync.Mutex
	doomed bool
	reaped bool
	state  string
}

var _ runner.Runner = (*child)(nil)

func newChild(l *launcher, f *checkedFile) *child {
	return &child{launch: l, file: f, exited: make(chan struct{})}
}

// prepare completes the command that go-plugin made, whose environment holds
// the handshake and nothing of ours.
func (c *child) prepare(cmd *exec.Cmd, dir string) error {
	c.cmd, c.dir = cmd, dir
	in, lifeline, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	c.lifeline, c.theirs = lifeline, append(c.theirs, in)
	for _, ours := range []**os.File{&c.stdout, &c.stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			c.clear()
			return fmt.Errorf("making a pipe: %w", err)
		}
		*ours, c.theirs = r, append(c.theirs, w)
	}
	cmd.Path, cmd.Args, cmd.Dir = c.file.exec, []string{c.file.path}, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.theirs[0], c.theirs[1], c.theirs[2]
	cmd.Err = nil
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return nil
}

// Start is called by go-plugin once.
func (c *child) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doomed {
		return errDoomed
	}
	if err := c.launch.run(c.cmd.Start); err != nil {
		return err
	}
	c.pid = c.cmd.Process.Pid
	for _, f := range c.theirs {
		_ = f.Close()
	}
	c.theirs = nil
	go c.reap()
	return nil
}

// reap waits for the end of the process. The group is killed before the process
// is collected, because afterwards its number may be somebody else's.
func (c *child) reap() {
	for {
		err := unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	c.mu.Lock()
	_ = syscall.Kill(-c.pid, syscall.SIGKILL)
	err := c.cmd.Wait()
	c.reaped, c.state = true, c.cmd.ProcessState.String()
	if err != nil && c.cmd.ProcessState == nil {
		c.state = err.Error()
	}
	c.mu.Unlock()
	late := time.Now().Add(drainTime)
	_ = c.stdout.SetReadDeadline(late)
	_ = c.stderr.SetReadDeadline(late)
	close(c.exited)
}

// kill ends the process and all that it started; one that has not started yet
// never will.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doomed = true
	if c.pid != 0 && !c.reaped {
		_ = syscall.Kill(-c.pid, syscall.SIGKILL)
	}
}

func (c *child) started() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid != 0
}

// obituary says how the process ended.
func (c *child) obituary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// clear gives back descriptors and the socket's directory.
func (c *child) clear() {
	for _, f := range append([]*os.File{c.lifeline, c.stdout, c.stderr}, c.theirs...) {
		if f != nil {
			_ = f.Close()
		}
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// Wait is called by go-plugin, after it has read the pipes to their end.
func (c *child) Wait(context.Context) error {
	<-c.exited
	return nil
}

// Kill is called by go-plugin when a start fails.
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

// Stdout is where the handshake arrives.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr is what goes to the log.
func (c *child) Stderr() io.ReadCloser { return c.stderr }

// Name is the path from the config.
func (c *child) Name() string { return c.file.path }

// ID is the process id, or empty before the start.
func (c *child) ID() string {
	if !c.started() {
		return ""
	}
	return strconv.Itoa(c.pid)
}

// Diagnose adds to the error of a start that failed.
func (c *child) Diagnose(context.Context) string {
	return "is it a sallyport plugin, and built for this machine?"
}

// PluginToHost holds the plugin to the socket directory that it was given.
func (c *child) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || filepath.Dir(addr) != c.dir {
		return "", "", errors.New("the plugin does not listen in the directory that it was given")
	}
	return network, addr, nil
}

// HostToPlugin changes nothing: both see the same file system.
func (c *child) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
