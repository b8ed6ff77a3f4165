package events

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/hook"
)

const (
	// hookTimeout bounds one call of After from here, with the question whom it
	// is about; the plugin host has a shorter one of its own.
	hookTimeout = 70 * time.Second
	// firstRetry doubles up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// lookAgain is how often the audit is read without a signal; acts of other
	// nodes give none.
	lookAgain = 10 * time.Second
)

// Cursor remembers durably, for each hook, the Seq of the last act that it has
// been told of.
type Cursor interface {
	// Get returns 0 for a hook that has heard of nothing yet.
	Get(ctx context.Context, name string) (int64, error)
	// Put returns once the number survives a crash.
	Put(ctx context.Context, name string, seq int64) error
}

// feeder tells one hook of one act after the other. A hook that fails holds up
// nobody but itself.
type feeder struct {
	*Bus
	Named
	people People
	// life is that of Run, which cuts what a hook is being told.
	life  context.Context
	nudge chan struct{}
}

// feed tells until the context ends; what the hook is being told then it hears to
// the end.
func (f *feeder) feed(ctx context.Context) {
	wait := firstRetry
	for ctx.Err() == nil {
		err := f.deliver(ctx)
		pause := lookAgain
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.cfg.Log.Warn("hook not told, trying again", "hook", f.Name, "error", err.Error(), "in", wait.String())
			pause, wait = wait, min(2*wait, lastRetry)
		default:
			wait = firstRetry
		}
		ready := f.nudge
		if err != nil {
			ready = nil // news do not shorten the back-off
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-ready:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// deliver tells the hook of everything that it has not heard of.
func (f *feeder) deliver(ctx context.Context) error {
	after, err := f.cfg.Cursor.Get(ctx, f.Name)
	if err != nil {
		return fmt.Errorf("reading the cursor: %w", err)
	}
	for {
		acts, err := f.cfg.Journal.Events(ctx, after, 100)
		if err != nil {
			return fmt.Errorf("reading the audit: %w", err)
		}
		for _, e := range acts {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := f.tell(e); err != nil {
				return fmt.Errorf("act %d: %w", e.Seq, err)
			}
			if err := f.cfg.Cursor.Put(f.life, f.Name, e.Seq); err != nil {
				return fmt.Errorf("moving the cursor: %w", err)
			}
			after = e.Seq
		}
		if len(acts) == 0 {
			return nil
		}
	}
}

func (f *feeder) tell(e account.Event) error {
	ctx, cancel := context.WithTimeout(f.life, hookTimeout)
	defer cancel()
	who, err := f.person(ctx, e)
	if err != nil {
		return err
	}
	return f.Hook.After(ctx, hook.Event{
		Seq: e.Seq, At: e.At, Act: string(e.Act), Subject: string(e.Subject), Name: e.Name, Actor: e.Actor,
		Service: e.Service, Factor: e.Factor, Reason: string(e.Reason), Address: e.Address, Label: e.Label,
		Mail: who.Mail, DisplayName: who.DisplayName, Language: who.Language,
	})
}

// person is who the act was about, as the directory knows them now: the audit
// keeps no mail addresses. It is nobody for a hook that may not know, and where
// the login belongs to nobody any more, or to somebody else. While the directory
// is away the hook waits, or its mail would be lost.
func (f *feeder) person(ctx context.Context, e account.Event) (account.Subject, error) {
	if !f.Mail || e.Subject == "" {
		return account.Subject{}, nil
	}
	facts, err := f.people.Find(ctx, e.Name)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return account.Subject{}, nil
	case err != nil:
		return account.Subject{}, fmt.Errorf("asking the directory for the person: %w", err)
	case facts.ID != e.Subject:
		return account.Subject{}, nil
	}
	return facts.Subject, nil
}

// Files is a Cursor that keeps one small file for each hook in a folder, which
// must exist.
type Files struct{ Dir string }

func (f Files) path(name string) string {
	return filepath.Join(f.Dir, "hook-"+filepath.Base(filepath.Clean("/"+name))+".seq")
}

// Get reads the file. One that cannot be understood is an error: starting over
// would tell of everything again.
func (f Files) Get(_ context.Context, name string) (int64, error) {
	text, err := os.ReadFile(f.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cursor of hook %s: %w", name, err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("cursor of hook %s: %s holds no number", name, f.path(name))
	}
	return n, nil
}

// Put writes beside the file and renames, so that a crash leaves the old number
// or the new one.
func (f Files) Put(_ context.Context, name string, seq int64) error {
	tmp, err := os.CreateTemp(f.Dir, "hook-*.tmp")
	if err != nil {
		return fmt.Errorf("cursor of hook %s: %w", name, err)
	}
	_, err = fmt.Fprintf(tmp, "%d\n", seq)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path(name))
	}
	if err != nil {
		return fmt.Errorf("cursor of hook %s: %w", name, errors.Join(err, os.Remove(tmp.Name())))
	}
	return syncDir(f.Dir)
}

// syncDir makes a rename survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}
