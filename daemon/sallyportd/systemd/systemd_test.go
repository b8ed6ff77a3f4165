package systemd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// manager listens as systemd does.
func manager(t *testing.T) (m Manager, next func(within time.Duration) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return New(slog.New(slog.DiscardHandler)), func(within time.Duration) string {
		t.Helper()
		if err := l.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1024)
		n, err := l.Read(b)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

const soon = 10 * time.Second

func TestWhatIsToldOfALife(t *testing.T) {
	m, next := manager(t)
	m.Ready("ready\nfor 2")
	m.Reloading()
	m.Stopping()
	if got := next(soon); got != "READY=1\nSTATUS=ready for 2" {
		t.Errorf("ready: %q", got)
	}
	if got := next(soon); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\nSTATUS=.+$`).MatchString(got) {
		t.Errorf("reloading: %q", got)
	}
	if got := next(soon); got != "STOPPING=1\nSTATUS=letting requests under way finish" {
		t.Errorf("stopping: %q", got)
	}
}

// The watchdog is told for as long as the daemon answers, and no longer: not
// while it hangs, and not while it says that it does.
func TestAStuckDaemonLetsTheWatchdogBite(t *testing.T) {
	const within = 200 * time.Millisecond
	m, next := manager(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(within.Microseconds(), 10))
	var state atomic.Value
	state.Store("answers")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Beat(ctx, func(ctx context.Context) error {
			switch state.Load() {
			case "hangs":
				<-ctx.Done()
				return ctx.Err()
			case "says so":
				return errors.New("stuck")
			default:
				return nil
			}
		})
	}()
	for range 3 {
		if got := next(soon); got != "WATCHDOG=1" {
			t.Fatalf("alive: %q", got)
		}
	}
	for _, how := range []string{"hangs", "says so"} {
		state.Store(how)
		next(within) // one may have been on its way
		if got := next(3 * within); got != "" {
			t.Errorf("the daemon %s, and the watchdog heard %q", how, got)
		}
		state.Store("answers")
		if got := next(soon); got != "WATCHDOG=1" {
			t.Errorf("after it %s: %q", how, got)
		}
	}
	stop()
	<-done
}

// Where nobody asks, Beat returns at once.
func TestNobodyWatches(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "")
	t.Setenv("NOTIFY_SOCKET", "")
	m := New(slog.New(slog.DiscardHandler))
	m.Ready("to nobody")
	m.Beat(t.Context(), func(context.Context) error { t.Error("asked"); return nil })
}
