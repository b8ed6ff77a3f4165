package file

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Lock keeps every other process away from a file, as Open does, without opening
// it. The lock ends with the file that is returned.
func Lock(path string) (*os.File, error) { return own(path + ".lock") }

// Settle brings what lies in the log beside a file into the file, so that it is
// whole by itself. The caller has the lock. It knows nothing of the schema.
func Settle(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := sql.Open("sqlite", dsn(path, "immediate", "busy_timeout(5000)", "synchronous(FULL)", "journal_mode(WAL)"))
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, log, done int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
		return fmt.Errorf("settling %s: %w", path, err)
	}
	if busy != 0 {
		return fmt.Errorf("settling %s: something else has it open", path)
	}
	return nil
}

// InstanceOf is the installation that a file belongs to, or nothing where that
// cannot be read, or where nothing was ever kept in it.
func InstanceOf(ctx context.Context, path string) string {
	db, err := sql.Open("sqlite", dsn(path, "deferred", "busy_timeout(5000)", "query_only(1)"))
	if err != nil {
		return ""
	}
	defer db.Close() //nolint // it has only read
	var name []byte
	if err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'instance'
		AND EXISTS (SELECT 1 FROM meta WHERE name = 'keysets')`).Scan(&name); err != nil {
		return ""
	}
	return string(name)
}
