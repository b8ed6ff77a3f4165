// Package sqlite keeps the state of the house in one SQLite file.
//
// The driver is modernc.org/sqlite: SQLite itself, translated to Go, so that
// the daemon builds and runs without a C compiler, and the most used and best
// kept of its kind. What it costs beside C (about 1.5 to 2 times the CPU) is
// made up for by grouping commits and by keeping rows in memory.
//
// One goroutine writes: everybody who waits is put into one transaction, and
// nobody is answered before its COMMIT has returned, with the log flushed to
// the disk (WAL, synchronous=FULL). Checkpoints run beside it on a connection
// of their own. One process owns the file (a lock beside it says so), which
// is why rows may be kept in memory, sealed as they are on disk.
//
// It holds no rule and no key: the ring is handed to DB.Store. Only the mains
// open it; everybody else sees store.Store.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/file"
)

// Config says where the state is and who is told.
type Config struct {
	// Path is the database file; -wal, -shm and .lock lie beside it.
	Path string
	// Now is the clock.
	Now func() time.Time
	// Log gets failures that nobody is there to be told of; nil means silence.
	Log *slog.Logger
	// Alarm is told of what must never happen, often in the middle of a write: it
	// must not wait for the store. Nil means that alarms go to Log.
	Alarm func(account.Event)
	// Observe, if set, is told of each finished operation: load, commit, fail,
	// token, log, events, tries, census.
	Observe func(op string, took time.Duration, err error)
	// Journal, if set, is shown each change before it is written; done is called
	// once it is, or has failed. With an error the change is not written.
	Journal func(c account.Change) (done func(), err error)
	// CacheRows is how many rows are kept in memory; 0 means 131,072,
	// which take some 80 MB when they are all used.
	CacheRows int
}

// DB is an open database file that this process alone owns.
type DB struct {
	config   Config
	file     *file.File
	instance string

	mu     sync.Mutex
	stores []*Store
}

// Open opens the file, makes it if need be, and brings its schema up to date.
// It refuses files that others may read, files that another process has open,
// and files of a newer program; each error says what to do.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Now == nil || c.Path == "" {
		return nil, errors.New("opening the state: a path and a clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Alarm == nil {
		log := c.Log
		c.Alarm = func(e account.Event) { log.Error("alarm: "+e.Note, "subject", string(e.Subject), "record", e.Record) }
	}
	if c.CacheRows <= 0 {
		c.CacheRows = 1 << 17
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", c.Path, err)
	}
	db := &DB{config: c}
	if db.file, err = file.Open(ctx, path); err != nil {
		return nil, err
	}
	if db.instance, err = db.file.Instance(ctx); err != nil {
		return nil, errors.Join(err, db.file.Close())
	}
	return db, nil
}

// Instance is the random name of this store, made when the file was. Keys and
// rows are bound to it.
func (db *DB) Instance() string { return db.instance }

// Keysets returns what SaveKeysets kept; account.ErrNotFound before the first.
func (db *DB) Keysets(ctx context.Context) ([]byte, error) { return db.file.Meta(ctx, "keysets") }

// SaveKeysets keeps the sealed key sets of the ring, in place of any before.
func (db *DB) SaveKeysets(ctx context.Context, sealed []byte) error {
	return db.file.SetMeta(ctx, "keysets", sealed)
}

// File is the database file, for copies of it and for what is kept beside the
// rows. Rows are written by Store alone.
func (db *DB) File() *file.File { return db.file }

// Store starts the writer and returns the store whose rows are sealed by the
// ring. Call it once.
func (db *DB) Store(sealer store.Sealer) *Store {
	s := newStore(db, sealer)
	db.mu.Lock()
	defer db.mu.Unlock()
	db.stores = append(db.stores, s)
	return s
}

// Close finishes what the writer has begun and lets the file go.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, s := range db.stores {
		s.Close()
	}
	db.stores = nil
	return db.file.Close()
}
