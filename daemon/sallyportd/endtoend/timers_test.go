package endtoend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTimersMayBeLate: every thread of the daemon and of its plugins lets the
// kernel wake it together with others.
func TestTimersMayBeLate(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	for _, pid := range append(s.pluginPIDs(), s.daemon.cmd.Process.Pid) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		s.must("listing threads", err)
		for _, thread := range threads {
			slack, err := os.ReadFile(filepath.Join("/proc", filepath.Base(thread), "timerslack_ns"))
			if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") != "true" {
				t.Skip("only root may see how late timers of another process may be")
			}
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has ended
			}
			s.must("reading the slack of a thread", err)
			if got := strings.TrimSpace(string(slack)); got != "10000000" {
				t.Errorf("process %d, thread %s may be late by %s ns", pid, filepath.Base(thread), got)
			}
		}
	}
}
