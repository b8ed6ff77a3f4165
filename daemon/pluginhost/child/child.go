// Package child runs one plugin process: it starts it so that it cannot outlive
// its host, gives it nothing of the host's but a pipe to hold on to, and ends
// it with all that it started. It is a runner of go-plugin, and knows neither
// contract nor supervision. Only package pluginhost uses it.
package child

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

	"github.com/sallyport/sallyport/daemon/pluginhost/trusted"
)

// drainTime is how long the last words of a dead plugin may still arrive, in
// case something that it started holds its standard error open.
const drainTime = 100 * time.Millisecond

var errDoomed = errors.New("the start was given up")

// Launcher starts every child from one operating system thread. The kernel
// ties Pdeathsig to the thread that forked, so that thread must live as long
// as the Host; and when it ends, with the Host, no child outlives it.
type Launcher struct{ jobs chan func() }

// NewLauncher starts the thread. It is given back by Close.
func NewLauncher() *Launcher {
	l := &Launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// Close ends the launcher, and with its thread every child that is left.
func (l *Launcher) Close() { close(l.jobs) }

// run does the job on the launcher's thread.
func (l *Launcher) run(job func() error) error {
	result := make(chan error, 1)
	l.jobs <- func() { result <- job() }
	return <-result
}

// Child is one process as go-plugin's runner interface wants it.
type Child struct {
	launch *Launcher
	file   *trusted.File
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

var _ runner.Runner = (*Child)(nil)

// New describes a process that is not started yet; the file must stay open
// until it is.
func New(l *Launcher, f *trusted.File) *Child {
	return &Child{launch: l, file: f, exited: make(chan struct{})}
}

// Prepare completes the command that go-plugin made, whose environment holds
// the handshake and nothing of ours.
func (c *Child) Prepare(cmd *exec.Cmd, dir string) error {
	c.cmd, c.dir = cmd, dir
	in, lifeline, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	c.lifeline, c.theirs = lifeline, append(c.theirs, in)
	for _, ours := range []**os.File{&c.stdout, &c.stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			c.Clear()
			return fmt.Errorf("making a pipe: %w", err)
		}
		*ours, c.theirs = r, append(c.theirs, w)
	}
	cmd.Path, cmd.Args, cmd.Dir = c.file.Exec, []string{c.file.Path}, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.theirs[0], c.theirs[1], c.theirs[2]
	cmd.Err = nil
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return nil
}

// Start is called by go-plugin once.
func (c *Child) Start(context.Context) error {
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
func (c *Child) reap() {
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

// End kills the process and all that it started; one that has not started yet
// never will.
func (c *Child) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doomed = true
	if c.pid != 0 && !c.reaped {
		_ = syscall.Kill(-c.pid, syscall.SIGKILL)
	}
}

// Started tells whether there ever was a process.
func (c *Child) Started() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid != 0
}

// PID is the process id, or 0 before the start.
func (c *Child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// Exited is closed when the process is gone.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Obituary says how the process ended.
func (c *Child) Obituary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Clear gives back descriptors and the socket's directory.
func (c *Child) Clear() {
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
func (c *Child) Wait(context.Context) error {
	<-c.exited
	return nil
}

// Kill is called by go-plugin when a start fails.
func (c *Child) Kill(context.Context) error {
	c.End()
	return nil
}

// Stdout is where the handshake arrives.
func (c *Child) Stdout() io.ReadCloser { return c.stdout }

// Stderr is what goes to the log.
func (c *Child) Stderr() io.ReadCloser { return c.stderr }

// Name is the path from the config.
func (c *Child) Name() string { return c.file.Path }

// ID is the process id, or empty before the start.
func (c *Child) ID() string {
	if !c.Started() {
		return ""
	}
	return strconv.Itoa(c.PID())
}

// Diagnose adds to the error of a start that failed.
func (c *Child) Diagnose(context.Context) string {
	return "is it a sallyport plugin, and built for this machine?"
}

// PluginToHost holds the plugin to the socket directory that it was given.
func (c *Child) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || filepath.Dir(addr) != c.dir {
		return "", "", errors.New("the plugin does not listen in the directory that it was given")
	}
	return network, addr, nil
}

// HostToPlugin changes nothing: both see the same file system.
func (c *Child) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
