package ask

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// trusted asks the kernel who listens, and says whether that one may be given
// passwords. Root always may. With an Owner set only that one beside it. Else
// it is the asking user, who could look into this process anyway, and the owner
// of the socket file where nobody but root and that owner could have put the
// file there.
func (d Daemon) trusted(conn *net.UnixConn) error {
	uid, err := peerOf(conn)
	switch {
	case err != nil:
		return fmt.Errorf("asking the kernel who listens at %s: %w", d.Socket, err)
	case uid == 0:
		return nil
	case d.Owner >= 0 && uid != d.Owner:
		return fmt.Errorf("uid %d listens at %s, not --daemon-user: no password was sent", uid, d.Socket)
	case d.Owner >= 0 || uid == os.Getuid():
		return nil
	}
	if err := onlyBy(d.Socket, uint32(uid)); err != nil {
		return fmt.Errorf("uid %d listens at %s, and %w: no password was sent; if that is the daemon, say so with --daemon-user", uid, d.Socket, err)
	}
	return nil
}

func peerOf(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var inner error
	err = raw.Control(func(fd uintptr) {
		cred, inner = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if inner != nil {
		return 0, inner
	}
	return int(cred.Uid), nil
}

// onlyBy tells whether the file belongs to uid and lies where only root and uid
// can put anything. A symbolic link on the way would be a second way to check,
// so it does not pass; nor does a folder open to all with a sticky bit, where
// whoever comes first makes the next one.
func onlyBy(path string, uid uint32) error {
	owner, _, err := look(path)
	if err != nil {
		return err
	}
	if owner != uid {
		return fmt.Errorf("the file belongs to uid %d", owner)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		owner, mode, err := look(dir)
		switch {
		case err != nil:
			return err
		case owner != 0 && owner != uid:
			return fmt.Errorf("folder %s belongs to uid %d", dir, owner)
		case mode&os.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link", dir)
		case mode.Perm()&0o022 != 0:
			return fmt.Errorf("folder %s can be written by others", dir)
		case dir == "/":
			return nil
		}
	}
}

func look(path string) (uint32, os.FileMode, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, 0, fmt.Errorf("looking at it failed: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("nothing is known of the owner of %s", path)
	}
	return st.Uid, info.Mode(), nil
}
