package wire

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The jail is a seccomp filter of our own making. Decided against Landlock
// beside it: once no file can be opened and no socket made, there is nothing
// left that it would forbid, and its Go library needs a C helper in cgo builds
// to reach every thread, which this filter does with a flag.
//
// It is a list of what is forbidden, not of what is allowed: a plugin that dies
// because a new Go runtime uses a new call would be an outage, while all ways
// to files, network, programs and other processes are few and old.

// forbidden are the calls that fail with EPERM on every architecture.
func forbidden() []uint32 {
	return []uint32{
		// files
		unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_UNLINKAT,
		unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT,
		unix.SYS_MKNODAT, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_TRUNCATE,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
		unix.SYS_MEMFD_CREATE,
		// network; accept stays, as the host has yet to connect
		unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN,
		// programs and other processes
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_KILL,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
		unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
		unix.SYS_SETNS, unix.SYS_UNSHARE,
		// doors beside the doors
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	}
}

// jail forbids the calling process, in all its threads and for ever, to open
// files, to make sockets, to start programs and to touch other processes.
func jail() error {
	arch, calls, err := native()
	if err != nil {
		return err
	}
	filter := program(arch, append(calls, forbidden()...))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new privileges: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// TSYNC puts every thread that exists under the filter at once.
	stuck, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("installing the system call filter: %w", errno)
	}
	if stuck != 0 {
		return fmt.Errorf("installing the system call filter: thread %d could not be reached", stuck)
	}
	return nil
}

// program is the filter: another architecture than ours, or a call of the
// list, fails with EPERM; everything else passes.
func program(arch uint32, calls []uint32) []unix.SockFilter {
	const nrOffset, archOffset = 0, 4 // in struct seccomp_data
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	refuse := len(calls) + 5 // where the refusal stands
	out := []unix.SockFilter{
		load(archOffset),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: arch, Jf: uint8(refuse - 2)},
		load(nrOffset),
		// Numbers from 0x40000000 up are a second set of names on amd64.
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 0x40000000, Jt: uint8(refuse - 4)},
	}
	for _, nr := range calls {
		out = append(out, unix.SockFilter{
			Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jt: uint8(refuse - len(out) - 1),
		})
	}
	return append(out,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
	)
}
