// Package anchors keeps notes of where the audit ended, where the database is not:
// in the log, and in a file beside the revocation journal. Whoever cuts the audit
// off together with the note of its end, or puts an older copy of it back, is found
// by them.
//
// It decides nothing about what is written to the audit, and no check waits for it.
// It is a piece of the daemon's main, which alone may import it.
package anchors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

const (
	// every is how often an audit that stands still is noted again, so that a log
	// of which only the last days are kept has a note of it.
	every = time.Hour
	// patience is how long the last note may take.
	patience = 5 * time.Second
	// most is how long the file may get; then its older half goes.
	most = 1 << 20
	name = "anchors"
)

// Store is where the audit is.
type Store interface {
	Anchor(ctx context.Context, now time.Time) (trail.Anchor, error)
	Holds(ctx context.Context, a trail.Anchor) (bool, error)
	Verify(ctx context.Context, anchors ...trail.Anchor) (sqlite.Report, error)
}

// Keeper notes where the audit ends. One goroutine at a time may use it.
type Keeper struct {
	Store Store
	// Folder is that of the revocation journal; where there is none the notes are in
	// the log only.
	Folder string
	Now    func() time.Time
	Log    *slog.Logger
	// Alarm is told of an audit that does not fit the notes.
	Alarm func(account.Event)

	head int64 // that was looked at last
	at   time.Time
}

// Begin compares the audit with the last note, and makes the first one.
func (k *Keeper) Begin(ctx context.Context) {
	if err := k.compare(ctx); err != nil {
		k.Log.Error("comparing the audit with its anchors", "error", err)
	}
	k.note(ctx)
}

func (k *Keeper) compare(ctx context.Context) error {
	all, err := Kept(k.Folder)
	if err != nil || len(all) == 0 {
		return err
	}
	if ok, err := k.Store.Holds(ctx, all[len(all)-1]); err != nil || ok {
		return err
	}
	r, err := k.Store.Verify(ctx, all...)
	if err == nil && r.BrokenEvent > 0 {
		k.Alarm(account.Event{At: k.Now(), Act: account.ActAlarm, Actor: "daemon", Note: fmt.Sprintf(
			"the audit does not fit what was noted of it beside the revocation journal: event %d: %s; run: sallyport audit verify", r.BrokenEvent, r.BrokenWhy)})
	}
	return err
}

// Look makes a note where the audit has moved since the last, or an hour is over.
func (k *Keeper) Look(ctx context.Context, head int64) {
	if since := k.Now().Sub(k.at); head != k.head || since >= every || since < 0 {
		k.note(ctx)
		k.head = max(k.head, head) // what could not be noted is tried again in an hour
	}
}

// Stop makes the last note. Nothing may write to the audit any more.
func (k *Keeper) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	k.note(ctx)
	return nil
}

func (k *Keeper) note(ctx context.Context) {
	k.at = k.Now()
	a, err := k.Store.Anchor(ctx, k.at)
	k.head = max(k.head, a.Seq)
	switch {
	case errors.Is(err, account.ErrNotFound) || ctx.Err() != nil:
		return
	case err != nil:
		k.Log.Error("noting where the audit ends", "error", err)
		return
	}
	k.Log.Info("audit anchor", "event", a.Seq, "anchor", a.String())
	if k.Folder == "" {
		return
	}
	if err := keep(filepath.Join(k.Folder, name), a.String()+"\n"); err != nil {
		k.Log.Error("keeping an anchor of the audit beside the revocation journal; it stands in the log only", "error", err)
	}
}

// keep appends a line, behind the newer half of a file that is too long.
func keep(path, line string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > most {
		if err := halve(path); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line)
	return errors.Join(err, file.Sync(), file.Close())
}

func halve(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	half := text[len(text)/2:]
	if err := os.WriteFile(path+".new", half[bytes.IndexByte(half, '\n')+1:], 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Kept are the anchors beside the revocation journal, oldest first.
func Kept(folder string) ([]trail.Anchor, error) {
	if folder == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the anchors of the audit: %w", err)
	}
	return trail.FindAnchors(text), nil
}
