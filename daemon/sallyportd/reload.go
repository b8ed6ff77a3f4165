package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/house"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/sallyportd/systemd"
)

// reloadWithin bounds one reload: what was begun before the last one may take
// half a minute, and each plugin ten seconds to start.
const reloadWithin = 2 * time.Minute

// reloads reads the config again whenever it is asked to, one time after the
// other.
func (w work) reloads(ctx context.Context, hangups <-chan os.Signal, h *house.House, manager systemd.Manager) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			manager.Reloading()
			manager.Ready(w.reload(ctx, h))
		}
	}
}

// reload reads the config again, and says in a few words what became of it.
// Whatever is wrong is logged, each problem in a line of its own, and the config
// that is in force stays.
func (w work) reload(ctx context.Context, h *house.House) (status string) {
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	next, err := config.Load(w.path, machine.Here(true))
	if err == nil {
		err = h.Reload(ctx, w.path, next)
	}
	h.Reloaded(err)
	if err == nil {
		setLevel(w.level, next.Log)
		w.log.Info("the config was read again and is in force", "file", w.path)
		return "ready, version " + version()
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		w.log.Error("the config cannot be taken over", "file", w.path, "error", err)
	}
	for _, p := range problems {
		w.log.Error("the config is not usable", "file", p.File, "line", p.Line, "key", p.Key, "reason", p.Reason, "fix", p.Fix)
	}
	w.log.Warn("the reload was refused: the config of before stays in force", "file", w.path)
	return "ready, with the config of before: the reload was refused (see the log, or sallyport status)"
}
