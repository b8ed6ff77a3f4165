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
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Config says where the state is and who is told.
type Config struct {
	// Path is the database file; -wal, -shm and .lock lie beside it.
	Path string
	// Now is the clock.
	Now func() time.Time
	// Log gets alarms, and failures that nobody is there to be told of; nil
	// means silence.
	Log *slog.Logger
	// Observe, if set, is told of each finished operation: load, commit, fail,
	// token, log, events, tries, census.
	Observe func(op string, took time.Duration, err error)
	// CacheRows is how many rows are kept in memory; 0 means 65,536.
	CacheRows int
}

// DB is an open database file that this process alone owns.
type DB struct {
	config   Config
	lock     *os.File
	write    *sql.DB // writer, checkpoints, key sets
	read     *sql.DB
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
	if c.CacheRows <= 0 {
		c.CacheRows = 1 << 16
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", c.Path, err)
	}
	c.Path = path
	db := &DB{config: c}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the state %s: %w", path, err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) error {
	path := db.config.Path
	for _, p := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		if err := private(p); err != nil {
			return err
		}
	}
	var err error
	if db.lock, err = own(path + ".lock"); err != nil {
		return err
	}
	// SQLite would make the file with the umask's mode; the files beside it
	// take theirs from it.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	// Pragmas belong to a connection, so they go with every one that is made.
	if db.write, err = sql.Open("sqlite", dsn(path, "busy_timeout(5000)", "cell_size_check(1)",
		"trusted_schema(0)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	if err := migrate(ctx, db.write); err != nil {
		return err
	}
	if db.read, err = sql.Open("sqlite", dsn(path, "busy_timeout(5000)", "cell_size_check(1)",
		"trusted_schema(0)", "query_only(1)")); err != nil {
		return err
	}
	db.read.SetMaxOpenConns(8)
	db.read.SetMaxIdleConns(8)
	db.instance, err = db.nameInstance(ctx)
	return err
}

// own takes the lock that keeps a second daemon away. The kernel lets it go
// when the process ends, however it ends.
func own(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		cause := fmt.Errorf("another process has it open (it holds %s); stop that one first", path)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			cause = fmt.Errorf("locking %s: %w", path, err)
		}
		return nil, errors.Join(cause, lock.Close())
	}
	return lock, nil
}

// private refuses a file that is there and that others may read or write.
func private(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// Instance is the random name of this store, made when the file was. Keys and
// rows are bound to it.
func (db *DB) Instance() string { return db.instance }

func (db *DB) nameInstance(ctx context.Context) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("naming the instance: %w", err)
	}
	if _, err := db.write.ExecContext(ctx,
		"INSERT INTO meta (name, value) VALUES ('instance', ?) ON CONFLICT DO NOTHING", id.String()); err != nil {
		return "", fmt.Errorf("naming the instance: %w", err)
	}
	name, err := db.meta(ctx, "instance")
	return string(name), err
}

func (db *DB) meta(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := db.read.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, account.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, errors.Join(err, account.ErrUnavailable))
	}
	return value, nil
}

// Keysets returns what SaveKeysets kept; account.ErrNotFound before the first.
func (db *DB) Keysets(ctx context.Context) ([]byte, error) { return db.meta(ctx, "keysets") }

// SaveKeysets keeps the sealed key sets of the ring, in place of any before.
func (db *DB) SaveKeysets(ctx context.Context, sealed []byte) error {
	if _, err := db.write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('keysets', ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, sealed); err != nil {
		return fmt.Errorf("keeping the key sets: %w", errors.Join(err, account.ErrUnavailable))
	}
	return nil
}

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
	var errs []error
	if db.read != nil {
		errs = append(errs, db.read.Close())
	}
	if db.write != nil {
		errs = append(errs, db.write.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	db.read, db.write, db.lock = nil, nil, nil
	return errors.Join(errs...)
}
