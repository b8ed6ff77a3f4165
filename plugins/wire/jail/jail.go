// Package jail takes from a plugin's process what a plugin without network
// never needs: opening files, making sockets, starting programs, touching
// other processes, being looked into. The jail is a seccomp filter: once no file
// can be opened and no socket made, Landlock would forbid nothing more, and its
// Go library reaches all threads of a cgo build only with the help of C.
//
// It does not protect the daemon from what a plugin answers. Only package wire
// calls it, and tests.
package jail

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

var errNotInside = errors.New("the system call filter was not taken by all threads")

// forbidden are the calls that fail with EPERM, by the kernel's names. Those
// that an architecture does not have are passed over.
func forbidden() []string {
	return []string{
		// files
		"open", "openat", "openat2", "creat", "open_by_handle_at", "name_to_handle_at",
		"unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
		"symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "truncate",
		"chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "chroot",
		"mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsmount",
		"fspick", "mount_setattr", "memfd_create", "memfd_secret", "swapon", "swapoff",
		// network; accept stays, as the host has yet to connect
		"socket", "socketpair", "connect", "bind", "listen", "socketcall",
		// programs and other processes
		"execve", "execveat", "fork", "vfork", "ptrace", "kill", "tkill", "rt_sigqueueinfo",
		"rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
		"process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "prlimit64",
		"setns", "unshare", "msgget", "semget", "shmget", "mq_open",
		// ways around all that, and the kernel itself
		"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open",
		"userfaultfd", "keyctl", "add_key", "request_key", "init_module", "finit_module",
		"delete_module", "kexec_load", "kexec_file_load", "reboot", "acct", "quotactl",
		"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl", "ioperm",
	}
}

// Enter puts the calling process, in all its threads and for ever, into the
// jail. Its own Unix listener, if it made one before, goes on accepting.
//
// What is allowed is everything that the table of this architecture knows,
// less the forbidden calls: so a call by the numbers of another architecture,
// which has another name for each of them, fails too. An error means that this
// kernel or architecture cannot do it; the process is then as free as before.
func Enter() error {
	here, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("finding the system calls of this machine: %w", err)
	}
	no := forbidden()
	var allowed []string
	for name := range here.SyscallNames {
		if !slices.Contains(no, name) {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(allowed)
	// The promise never to gain privileges is made by one thread; the filter's
	// flag then carries both to all others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls:      []seccomp.SyscallGroup{{Names: allowed, Action: seccomp.ActionAllow}},
		},
	})
	if err != nil {
		return fmt.Errorf("installing the system call filter: %w", err)
	}
	return tryTheDoor()
}

// NoDumps keeps what the process holds from core files and debuggers. A process
// that cannot be dumped leaves no core file; the limit only says so again, so it
// is no fault if a service manager has forbidden to set limits.
func NoDumps() error {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// tryTheDoor makes one forbidden call. The kernel reports some failures to
// filter all threads by a number that is no error, and the library passes over
// it: on such a day nothing would be forbidden.
func tryTheDoor() error {
	fd, err := syscall.Open("/", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err == nil {
		_ = syscall.Close(fd)
	}
	if !errors.Is(err, syscall.EPERM) {
		return errNotInside
	}
	return nil
}
