// Package systemd tells the service manager how the daemon is: ready, reading
// its config again, stopping, and still alive.
//
// It decides nothing about the daemon, and where no service manager asks it says
// nothing. It is a piece of the daemon's main, which alone may import it.
//
// The messages are sent by go-systemd, which hands sockets over already: it is
// kept by the makers of Flatcar and Kubernetes, and each of ours is one call.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Manager is the service manager, or nobody.
type Manager struct{ log *slog.Logger }

// New returns the manager that has started this process.
func New(log *slog.Logger) Manager { return Manager{log} }

// Ready says that everything answers, at the start and after a reload, with a
// short line for "systemctl status".
func (m Manager) Ready(status string) { m.send(daemon.SdNotifyReady, line(status)) }

// Reloading says that the config is being read again; Ready ends it. The time is
// for units of Type=notify-reload, which tell this answer from an older one by it.
func (m Manager) Reloading() {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		m.log.Warn("telling systemd of a reload: reading the clock", "error", err)
		return
	}
	m.send(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", ts.Nano()/1000), line("reading the config again"))
}

// Stopping says that no new requests are taken.
func (m Manager) Stopping() {
	m.send(daemon.SdNotifyStopping, line("letting requests under way finish"))
}

// Beat tells the watchdog twice in its time that the daemon is alive, until the
// context ends. alive has a quarter of that time to find out; where it does not,
// nothing is said, and the watchdog bites unless a later answer comes first.
func (m Manager) Beat(ctx context.Context, alive func(context.Context) error) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("the watchdog's time cannot be read: systemd will think that the daemon hangs", "error", err)
	}
	if within <= 0 {
		return
	}
	tick := time.NewTicker(within / 2)
	defer tick.Stop()
	for {
		m.beat(ctx, within/4, alive)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m Manager) beat(ctx context.Context, within time.Duration, alive func(context.Context) error) {
	limit, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	switch err := alive(limit); {
	case ctx.Err() != nil: // the daemon is stopping
	case err != nil:
		m.log.Error("the daemon hangs: if this goes on, the watchdog has it restarted", "error", err)
	default:
		m.send(daemon.SdNotifyWatchdog)
	}
}

// line is a status of one line.
func line(status string) string { return "STATUS=" + strings.ReplaceAll(status, "\n", " ") }

func (m Manager) send(state ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(state, "\n")); err != nil {
		m.log.Warn("telling systemd", "error", err)
	}
}
