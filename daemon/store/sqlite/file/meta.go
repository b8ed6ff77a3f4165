package file

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Meta returns what SetMeta kept under a name; account.ErrNotFound before the
// first.
func (f *File) Meta(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := f.Read.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, account.ErrNotFound
	}
	if err != nil {
		return nil, store.Unavailable("reading "+name, err)
	}
	return value, nil
}

// SetMeta keeps a value under a name, in place of any before.
func (f *File) SetMeta(ctx context.Context, name string, value []byte) error {
	if _, err := f.Write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value); err != nil {
		return store.Unavailable("keeping "+name, err)
	}
	return nil
}

// Instance is the random name of this installation, made at the first call.
func (f *File) Instance(ctx context.Context) (string, error) {
	if _, err := f.Write.ExecContext(ctx,
		"INSERT INTO meta (name, value) VALUES ('instance', ?) ON CONFLICT DO NOTHING", rand.Text()); err != nil {
		return "", fmt.Errorf("naming the instance: %w", err)
	}
	name, err := f.Meta(ctx, "instance")
	return string(name), err
}

// Copy writes all that is committed into a new file of mode 0600, compact and
// flushed to the disk, while others read and write on. What was deleted is not
// in it. It is made by SQLite itself in one read transaction: SQLite's backup
// interface would begin anew whenever somebody writes.
func (f *File) Copy(ctx context.Context, to string) (err error) {
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := f.Write.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return store.Unavailable("copying the database", err)
	}
	return out.Sync()
}

// Check has SQLite look at the whole structure of the file, and returns what it
// finds wrong, or nothing.
func (f *File) Check(ctx context.Context) (string, error) {
	var found string
	if err := f.Read.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return "", store.Unavailable("checking the database", err)
	}
	if found == "ok" {
		return "", nil
	}
	return found, nil
}

// floorName is where the moment lies up to which every code counts as used.
const floorName = "floor"

// Floor is the moment up to which every code counts as used; zero where nothing
// was ever restored.
func (f *File) Floor(ctx context.Context) (time.Time, error) {
	text, err := f.Meta(ctx, floorName)
	if errors.Is(err, account.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return time.Time{}, store.Unavailable("reading the floor of codes", err)
	}
	return store.Time(nanos), nil
}

// RaiseFloor keeps a floor that is above the one that is there.
func (f *File) RaiseFloor(ctx context.Context, to time.Time) error {
	now, err := f.Floor(ctx)
	if err != nil || !to.After(now) {
		return err
	}
	return f.SetMeta(ctx, floorName, strconv.AppendInt(nil, store.Nanos(to), 10))
}

// EndTokens ends all sessions, set-ups and one-time links. Nobody may use the
// store meanwhile, which remembers some of them.
func (f *File) EndTokens(ctx context.Context) error {
	for _, table := range []string{"sessions", "setups", "grants"} {
		if _, err := f.Write.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return store.Unavailable("ending sessions", err)
		}
	}
	return nil
}
