// Package file opens the one file that the state is in: for this process
// alone, for nobody else's eyes, and with its schema up to date.
//
// It knows no table but goose's own and the one of names and values beside the
// rows; what stands in the others is the business of package sqlite. Only that
// and the daemon's main, for copies of the file, may import it.
package file

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"syscall"

	"github.com/sallyport/sallyport/daemon/store"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// File is an open database file that this process alone owns.
type File struct {
	// Path is where it is; -wal, -shm and .lock lie beside it.
	Path string
	// Write hands out connections that may write, one writer at a time.
	Write *sql.DB
	// Read hands out connections that cannot write.
	Read *sql.DB
	// Schema is the number of the newest step of the schema.
	Schema int64
	lock   *os.File
}

// Open opens the file, makes it if need be, and brings its schema up to date.
// It refuses files that others may read, that another process has open, and
// of a newer program; each error says what to do. The path is absolute.
func Open(ctx context.Context, path string) (*File, error) {
	f := &File{Path: path}
	if err := f.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the state %s: %w", path, err), f.Close())
	}
	return f, nil
}

func (f *File) open(ctx context.Context) error {
	path := f.Path
	err := Fit(path)
	if err != nil {
		return err
	}
	if f.lock, err = own(path + ".lock"); err != nil {
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
	if f.Write, err = sql.Open("sqlite", dsn(path, "immediate", "busy_timeout(5000)", "cell_size_check(1)",
		"trusted_schema(0)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	if f.Schema, err = migrate(ctx, f.Write); err != nil {
		return err
	}
	if f.Read, err = sql.Open("sqlite", dsn(path, "deferred", "busy_timeout(5000)", "cell_size_check(1)",
		"trusted_schema(0)", "query_only(1)")); err != nil {
		return err
	}
	f.Read.SetMaxOpenConns(8)
	f.Read.SetMaxIdleConns(8)
	return f.Read.PingContext(ctx)
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

// Fit refuses a database, or what lies beside it, that is there and that others may
// read or write. It makes nothing.
func Fit(path string) error {
	for _, p := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		if err := private(p); err != nil {
			return err
		}
	}
	return nil
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

func dsn(path, lock string, pragmas ...string) string {
	q := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// Scrub rewrites the whole file without what was deleted, and empties the log
// beside it: rows that are gone lie in both until then. Others read on meanwhile;
// who writes waits.
func (f *File) Scrub(ctx context.Context) (err error) {
	c, err := f.Write.Conn(ctx)
	if err != nil {
		return store.Unavailable("rewriting the database", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// What is copied meanwhile stays in memory: a file of it would outlive us.
	for _, statement := range []string{"PRAGMA temp_store = MEMORY", "VACUUM"} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return store.Unavailable("rewriting the database", err)
		}
	}
	busy, rest := 1, 0
	for range 20 { // a reader may hold the log for a moment; each try waits for it
		if err := c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &rest, &rest); err != nil {
			return store.Unavailable("emptying the log of the database", err)
		}
		if busy == 0 {
			return nil
		}
	}
	return store.Unavailable("emptying the log of the database", errors.New("somebody reads an old state of it all the time"))
}

// Close lets the file go.
func (f *File) Close() error {
	var errs []error
	if f.Read != nil {
		errs = append(errs, f.Read.Close())
	}
	if f.Write != nil {
		errs = append(errs, f.Write.Close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	f.Read, f.Write, f.lock = nil, nil, nil
	return errors.Join(errs...)
}
