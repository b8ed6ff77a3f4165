package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sallyport/sallyport/daemon/pluginhost/trusted"
)

// maxSocketPath is what the kernel takes as the name of a Unix socket, and
// socketNames is what go-plugin adds to our directory.
const (
	maxSocketPath = 107
	socketNames   = len("/plugin-dir4294967295/plugin4294967295")
)

// checkPaths looks at all programs and at the run directory at once, so that
// one error names every path that others may write to. Each program is looked
// at again whenever it is started.
func checkPaths(base string, lists ...[]Spec) error {
	base, err := filepath.Abs(base)
	if err != nil {
		return err
	}
	paths := []string{base}
	for _, list := range lists {
		for _, s := range list {
			paths = append(paths, s.Path)
		}
	}
	if err := trusted.Check(paths...); err != nil {
		return fmt.Errorf("plugins and their sockets are %w", err)
	}
	return nil
}

// runDir is the directory in which this Host, and no other, keeps sockets.
type runDir struct {
	path string
	lock *os.File
}

// claimRunDir takes the directory for this process and removes what an earlier
// one, killed while it started a plugin, may have left.
func claimRunDir(base string) (*runDir, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(base, "plugins")
	if len(path)+socketNames > maxSocketPath {
		return nil, fmt.Errorf("%s is too long for the name of a Unix socket; choose a run directory of at most %d characters",
			path, maxSocketPath-socketNames-len("/plugins"))
	}
	if _, err := os.Stat(base); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another daemon", path)
		}
		return nil, fmt.Errorf("locking %s.lock: %w", path, err)
	}
	// What is removed is either ours from the last time or not removable by us.
	if err := os.RemoveAll(path); err != nil {
		_ = lock.Close()
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &runDir{path: path, lock: lock}, nil
}

// release removes the directory and lets the next daemon have it. The lock's
// file stays: removing it could unlock a daemon that has just opened it.
func (d *runDir) release() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}
