package main

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// harden keeps what the daemon has in memory, passwords and keys, out of core
// files and away from debuggers of the same user. A kernel that will not is
// told of and lived with: no login is weaker for it.
func harden(log *slog.Logger) {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("forbidding core files", "error", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("forbidding dumps of the process", "error", err)
	}
}
