package main

import (
	"errors"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is how much later than asked for the kernel may wake a thread of
// the daemon or of its plugins. Nothing here is timed more finely than that,
// and the Go runtime's own watchman, who else is up some ten thousand times a
// second while there is work, cost a tenth of a check that is alone.
const timerSlack = 10 * time.Millisecond

// relaxTimers lets this process and its children be woken late. It is for the
// pace alone, so that a kernel or a build that will not is only told of.
func relaxTimers(log *slog.Logger) {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(timerSlack.Nanoseconds()), 0)
	if errno == 0 || errors.Is(errno, syscall.ENOTSUP) { // a build with cgo, as for the race detector
		return
	}
	log.Warn("letting timers be late", "error", errno)
}
