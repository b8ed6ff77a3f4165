package house

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/fixed"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/sallyportd/house/shift"
)

// retireWithin is how long what was begun before a reload may take. Only work on
// the whole audit takes longer, which uses nothing of a shift.
const retireWithin = 30 * time.Second

// reloads are what became of the reloads so far.
type reloads struct {
	// mu lets one be done after the other.
	mu sync.Mutex
	// retired is closed when the shift before the present one has gone home; nil
	// where there was none.
	retired chan struct{}

	told sync.Mutex
	// at is when the last one was tried, refused why it was not done.
	at      time.Time
	refused string
}

// Reload takes over another config, read from the file at path, without a break:
// sockets and connections stay, each request is answered by one config from
// beginning to end, and the files that the config names are read again. An error
// means that nothing has changed.
func (h *House) Reload(ctx context.Context, path string, next *config.Config) error {
	h.reloads.mu.Lock()
	defer h.reloads.mu.Unlock()
	if err := fixed.Check(path, h.cfg.Load(), next); err != nil {
		return err
	}
	// There are never more than two shifts.
	if h.reloads.retired != nil {
		select {
		case <-h.reloads.retired:
		case <-ctx.Done():
			return fmt.Errorf("waiting for what was begun before the last reload: %w", ctx.Err())
		}
	}
	former := h.duty.Now()
	following, err := shift.Build(ctx, next, h.ground, former)
	if err != nil {
		return err
	}
	admit, err := h.admission(next)
	if err == nil {
		err = h.throttle.Limit(limits(next.Throttle))
	}
	if err != nil {
		return errors.Join(err, following.Discard(former))
	}
	h.metrics.Know(h.labels(next))
	admit()
	h.cfg.Store(next)
	h.duty.Change(following)
	following.Begin(former)
	h.tellCertificates(ctx)
	told := h.bus.Attend(following.Hooks(), following.Directory)
	h.reloads.retired = make(chan struct{})
	go h.retire(former, following, told, h.reloads.retired)
	return nil
}

func (h *House) retire(former, following *shift.Shift, told <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	if err := former.Retire(following, told, retireWithin); err != nil {
		h.log.Error("ending what a reload has replaced", "error", err)
	}
}

// endReloads ends the shift on duty, after the one before it.
func (h *House) endReloads() error {
	h.reloads.mu.Lock()
	defer h.reloads.mu.Unlock()
	if h.reloads.retired != nil {
		<-h.reloads.retired
	}
	return h.duty.Now().Close()
}

// admission looks up who may connect to each socket, and returns what lets them.
func (h *House) admission(next *config.Config) (admit func(), err error) {
	var all []func()
	for _, l := range next.Listeners {
		allow, err := listen.ParseAllow(l.Allow)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Config, err)
		}
		if socket := h.sockets[l.Path]; socket != nil {
			all = append(all, func() { listen.Admit(socket, allow) })
		}
	}
	return func() {
		for _, f := range all {
			f()
		}
	}, nil
}

// Reloaded notes what became of a reload, for the status screen and the metrics.
func (h *House) Reloaded(err error) {
	now := h.clock.Now()
	h.metrics.Reloaded(err == nil, now)
	h.reloads.told.Lock()
	defer h.reloads.told.Unlock()
	h.reloads.at, h.reloads.refused = now, ""
	if err != nil {
		first, more, several := strings.Cut(err.Error(), "\n")
		if several {
			first += fmt.Sprintf(" (and %d more, see the log)", strings.Count(more, "\n")+1)
		}
		h.reloads.refused = first
	}
}

// reloadNote is what the status screen says of the last reload; empty before the
// first.
func (h *House) reloadNote() (note string, ok bool) {
	h.reloads.told.Lock()
	defer h.reloads.told.Unlock()
	switch {
	case h.reloads.at.IsZero():
		return "", true
	case h.reloads.refused != "":
		return fmt.Sprintf("reload at %s refused: %s", h.reloads.at.Format("15:04"), h.reloads.refused), false
	default:
		return fmt.Sprintf("reloaded at %s", h.reloads.at.Format("15:04")), true
	}
}
