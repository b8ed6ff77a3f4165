package wire

import "golang.org/x/sys/unix"

// native names this architecture and the forbidden calls that only it has.
func native() (arch uint32, calls []uint32, err error) {
	return unix.AUDIT_ARCH_X86_64, []uint32{
		unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_UNLINK, unix.SYS_RENAME, unix.SYS_RENAMEAT,
		unix.SYS_LINK, unix.SYS_SYMLINK, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_MKNOD,
		unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN,
	}, nil
}
