package machine

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OwnFolder makes a folder of mode 0700 with those above it, or refuses one that
// others own or could use.
func OwnFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w; as root: install -d -o %d -g %d -m 0700 %s", err, os.Geteuid(), os.Getegid(), path)
	}
	return judge(path)
}

func judge(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the state folder: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	if st.Mode().Perm()&0o027 != 0 {
		return fmt.Errorf("state folder %s has mode %04o, so that others can use it; run: chmod 0700 %s", path, st.Mode().Perm(), path)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("state folder %s belongs to uid %d, who could replace what is in it; run: chown %d %s", path, sys.Uid, os.Geteuid(), path)
	}
	if err := unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("state folder %s cannot be used: %w; run: chown %d %s", path, err, os.Geteuid(), path)
	}
	return nil
}
