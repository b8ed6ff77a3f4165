// Package state opens all that the daemon keeps: the database, the keys and the
// revocation journal, in the order in which they need each other.
//
// It keeps nothing itself and knows no config file. It is a piece of the
// daemon's main, which alone may import it: serve and the commands that work
// while the daemon is stopped open the same things in the same way.
package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/journal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/retention"
)

// Config says where everything is and who is told.
type Config struct {
	// Path is the database, Journal the folder of the revocation journal and KEK
	// the file of the master key.
	Path, Journal, KEK string
	Now                func() time.Time
	Log                *slog.Logger
	// Alarm and Observe are as sqlite.Config has them.
	Alarm   func(account.Event)
	Observe func(op string, took time.Duration, err error)
	// Retention says for how long what is told of people is kept; nil is for good.
	Retention func() retention.Limits
	// Record is told of each finished act once it is audited; nil is nobody.
	Record func(account.Event)
}

// State is open. This process alone has it.
type State struct {
	Config
	DB    *sqlite.DB
	Ring  *seal.Ring
	Store *sqlite.Store
	// Floor is the moment up to which every code counts as used; zero where
	// nothing was ever restored.
	Floor time.Time

	journal *journal.Journal
	open    bool
	// Busy is held by whoever copies the state or changes its keys: a copy that
	// is made while the keys change would be under keys that are not in it.
	Busy sync.Mutex
}

// Open opens the state, and makes it where there is none. A database that is
// missing beside a journal that is not is no new installation but a loss, and
// refused.
func Open(ctx context.Context, c Config) (*State, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Alarm == nil {
		c.Alarm = func(e account.Event) { c.Log.Error("alarm: " + e.Note) }
	}
	if _, err := os.Lstat(c.Path); errors.Is(err, fs.ErrNotExist) && journal.There(c.Journal) {
		return nil, fmt.Errorf("the database %s is missing, but there is a revocation journal in %s: it was lost, and everybody would "+
			"have to set up anew; put it back with sallyportd restore, or move the journal away to begin a new installation", c.Path, c.Journal)
	}
	kek, err := seal.LoadKEK(c.KEK)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	s := &State{Config: c}
	s.DB, err = sqlite.Open(ctx, sqlite.Config{Path: c.Path, Now: c.Now, Log: c.Log, Alarm: c.Alarm, Observe: c.Observe, Journal: s.note})
	if err != nil {
		return nil, err
	}
	if s.Ring, err = OpenRing(ctx, kek, s.DB); err != nil {
		return nil, errors.Join(err, s.DB.Close())
	}
	for _, left := range []string{"backup.tmp", "restore.tmp", "dry-run.tmp"} { // by a crash
		if err := os.RemoveAll(filepath.Join(filepath.Dir(c.Path), left)); err != nil {
			return nil, errors.Join(fmt.Errorf("removing what a crash has left: %w", err), s.DB.Close())
		}
	}
	if c.Journal != "" {
		if s.journal, err = journal.Open(s.journalConfig()); err != nil {
			return nil, errors.Join(err, s.DB.Close())
		}
	}
	if s.Ring.Rotating() {
		c.Log.Warn("a change of the keys has begun and not ended; run: sallyportd keys rotate")
	}
	if s.Floor, err = s.DB.File().Floor(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Store = s.DB.Store(s.Ring)
	s.open = true
	return s, nil
}

// OpenRing opens the key ring of a database, and makes one for a new database.
func OpenRing(ctx context.Context, kek []byte, db *sqlite.DB) (*seal.Ring, error) {
	kept, err := db.Keysets(ctx)
	var ring *seal.Ring
	switch {
	case errors.Is(err, account.ErrNotFound):
		ring, kept, err = seal.NewRing(kek, db.Instance())
	case err == nil:
		if ring, err = seal.OpenRing(kek, kept, db.Instance()); err == nil {
			kept, err = ring.Settle()
		}
	}
	if err == nil && kept != nil {
		err = db.SaveKeysets(ctx, kept)
	}
	if err != nil {
		return nil, err
	}
	return ring, nil
}

func (s *State) journalConfig() journal.Config {
	return journal.Config{
		Folder: s.Config.Journal, Instance: s.DB.Instance(), Keys: s.Ring, Now: s.Now,
		Alarm: func(note string) {
			s.Log.Error("alarm: " + note)
			if s.open { // before that nobody is there to be told
				s.Alarm(account.Event{At: s.Now(), Act: account.ActAlarm, Actor: "daemon", Note: note})
			}
		},
	}
}

func (s *State) note(c account.Change) (func(), error) {
	if s.journal == nil {
		return func() {}, nil
	}
	return s.journal.Note(c)
}

// Told has the log and the counters hear of an act that was audited.
func (s *State) Told(e account.Event) {
	if s.Record != nil {
		s.Record(e)
	}
}

// Position is where the journal is: what a copy of the state that is begun now
// has behind it.
func (s *State) Position() journal.Position {
	if s.journal == nil {
		return journal.Position{}
	}
	return s.journal.Here()
}

// Sweep removes what has had its time, from the store and from the journal.
func (s *State) Sweep(ctx context.Context, now time.Time) error {
	if err := s.Store.Sweep(ctx, now); err != nil {
		return err
	}
	if s.Retention != nil {
		if err := s.Store.Retain(ctx, now, s.Retention()); err != nil {
			return err
		}
	}
	if s.journal == nil {
		return nil
	}
	return s.journal.Prune(now)
}

// Swept is the newest time that Sweep was ever called with, as Store.Swept has
// it.
func (s *State) Swept(ctx context.Context) (time.Time, error) { return s.Store.Swept(ctx) }

// Close lets everything go.
func (s *State) Close() error {
	err := s.DB.Close()
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	return err
}

// Give gives a file that root has made to whom its folder belongs to: the daemon
// could not use it otherwise. For anybody else it does nothing.
func Give(path, like string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
