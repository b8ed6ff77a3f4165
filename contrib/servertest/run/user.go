package run

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// AsUser are the credentials of an operating system's user, for Command.User.
// It needs root.
func AsUser(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("looking for user %s: %v", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		t.Fatalf("looking for the groups of %s: %v", name, err)
	}
	c := &syscall.Credential{Uid: number(t, u.Uid), Gid: number(t, u.Gid)}
	for _, id := range ids {
		c.Groups = append(c.Groups, number(t, id))
	}
	return c
}

func number(t testing.TB, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatalf("reading the id %q: %v", s, err)
	}
	return uint32(n)
}

// Own makes a folder that belongs to an operating system's user.
func Own(t testing.TB, dir, name string) {
	t.Helper()
	c := AsUser(t, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
		t.Fatalf("giving %s to %s: %v", dir, name, err)
	}
}

// NeedRoot skips a test whose server has to be started by root, or fails it if
// CI=true is in the environment.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this server is started by root")
	}
	t.Skip("this server is started by root: run the tests as root")
}

// Round names the run of "go test" that this process belongs to; a process that
// something else has started is a run of its own.
func Round() string {
	pid := os.Getppid()
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || string(name) != "go\n" {
		pid = os.Getpid()
	}
	// A number is given again some day, at another time.
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	if f := strings.Fields(rest); len(f) > 19 {
		return fmt.Sprintf("run %d at %s", pid, f[19])
	}
	return fmt.Sprintf("run %d", pid)
}

// Lock takes a folder of ours for this process, until unlock is called.
func Lock(dir string) (unlock func(), err error) {
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || !st.IsDir() || int(sys.Uid) != os.Geteuid() || st.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s is not ours alone", dir)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}
