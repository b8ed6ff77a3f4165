package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
)

// ErrBusy means that somebody else is at it.
var ErrBusy = errors.New("a backup or a change of the keys is under way; wait for its end")

// Copy is a verified copy of the state, on its way out.
type Copy struct {
	Manifest
	folder string
	state  *state.State
}

// Take copies the state and verifies the copy: its structure, every row with the
// keys that are in it, and the audit. Logins go on meanwhile. It lies beside the
// database until Close.
func Take(ctx context.Context, s *state.State, program, operator string) (*Copy, error) {
	if !s.Busy.TryLock() {
		return nil, ErrBusy
	}
	c := &Copy{folder: filepath.Join(filepath.Dir(s.Path), "backup.tmp"), state: s}
	if err := c.take(ctx, program, operator); err != nil {
		return nil, errors.Join(fmt.Errorf("taking a backup: %w", err), c.Close())
	}
	return c, nil
}

func (c *Copy) take(ctx context.Context, program, operator string) error {
	if err := fresh(c.folder); err != nil {
		return err
	}
	s := c.state
	c.Manifest = Manifest{Format: format, Program: program, Made: s.Now().UTC(), Journal: s.Position()}
	if err := s.DB.File().Copy(ctx, c.path()); err != nil {
		return err
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	e := account.Event{At: s.Now(), Act: account.ActBackup, Actor: operator, FrontEnd: "admin",
		Note: fmt.Sprintf("%d people, %d records, audit up to %d", c.Subjects, c.Records, c.AuditHead)}
	if err := s.Store.Commit(ctx, account.Change{Version: -1, Events: []account.Event{e}}); err != nil {
		return err
	}
	s.Told(e)
	return nil
}

// fresh makes an empty folder, in place of what a crash has left.
func fresh(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	return os.Mkdir(folder, 0o700)
}

func (c *Copy) path() string { return filepath.Join(c.folder, databaseName) }

func (c *Copy) verify(ctx context.Context) (err error) {
	var alarms []string
	o, err := openCopy(ctx, state.Config{Path: c.path(), Now: c.state.Now, Log: slog.New(slog.DiscardHandler),
		Alarm: func(e account.Event) { alarms = append(alarms, e.Note) }},
		func(db *sqlite.DB) (*seal.Ring, error) {
			kept, err := db.Keysets(ctx)
			if err != nil {
				return nil, err
			}
			return c.state.Ring.Reopen(kept)
		})
	if err != nil {
		return err
	}
	err = c.examine(ctx, o.db, o.store)
	if err == nil {
		err = c.closeCopy(o)
	} else {
		err = errors.Join(err, o.db.Close())
	}
	if err == nil && len(alarms) > 0 {
		err = errors.New(alarms[0])
	}
	return err
}

// closeCopy closes the copy, whose bytes then stay as they are, and signs it.
func (c *Copy) closeCopy(o *opened) error {
	if err := o.db.Close(); err != nil {
		return err
	}
	file, err := os.Open(c.path())
	if err != nil {
		return err
	}
	c.SHA256, c.Size, err = hashed(io.Discard, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return c.sign(o.ring)
}

// Send writes the backup as one stream: the manifest in a line, then the
// database.
func (c *Copy) Send(w io.Writer) (err error) {
	file, err := os.Open(c.path())
	if err != nil {
		return fmt.Errorf("sending a backup: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := json.NewEncoder(w).Encode(c.Manifest); err != nil {
		return fmt.Errorf("sending the manifest: %w", err)
	}
	if _, err := io.Copy(w, file); err != nil {
		return fmt.Errorf("sending the database: %w", err)
	}
	return nil
}

// Close removes the copy.
func (c *Copy) Close() error {
	defer c.state.Busy.Unlock()
	return os.RemoveAll(c.folder)
}

// Receive keeps what Send writes as a folder of that name, which appears once
// everything is on the disk, or never.
func Receive(from io.Reader, to string) (m Manifest, err error) {
	if err := Free(to); err != nil {
		return m, err
	}
	part := to + ".part"
	if err := fresh(part); err != nil {
		return m, fmt.Errorf("making the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("making the backup: %w", err), os.RemoveAll(part))
		}
	}()
	r := bufio.NewReaderSize(from, maxManifest)
	line, err := r.ReadSlice('\n')
	if err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	line = bytes.Clone(line)
	if m, err = readManifest(line); err != nil {
		return m, err
	}
	file, err := os.OpenFile(filepath.Join(part, databaseName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return m, err
	}
	sum, size, err := hashed(file, r)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return m, err
	}
	if sum != m.SHA256 || size != m.Size {
		return m, fmt.Errorf("the stream ended after %d of %d bytes, or was damaged; try again", size, m.Size)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, line, "", "  "); err != nil {
		return m, err
	}
	if err := write(filepath.Join(part, manifestName), pretty.Bytes()); err != nil {
		return m, err
	}
	if err := errors.Join(syncFolder(part), os.Rename(part, to)); err != nil {
		return m, err
	}
	return m, syncFolder(filepath.Dir(to))
}

// Free refuses a name that is taken: a backup is never written over.
func Free(to string) error {
	_, err := os.Lstat(to)
	if err == nil {
		return fmt.Errorf("%s is there already; name a new folder, for example with the date", to)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at %s: %w", to, err)
	}
	if _, err := os.Stat(filepath.Dir(to)); err != nil {
		return fmt.Errorf("the folder for the backup cannot be used: %w; make it first", err)
	}
	return nil
}

func write(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}
