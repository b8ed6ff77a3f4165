package wire

import "golang.org/x/sys/unix"

// native names this architecture and the forbidden calls that only it has.
func native() (arch uint32, calls []uint32, err error) {
	return unix.AUDIT_ARCH_AARCH64, []uint32{unix.SYS_RENAMEAT}, nil
}
