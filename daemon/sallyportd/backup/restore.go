package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/journal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/file"
)

// Order is what is to be restored, and how.
type Order struct {
	// State is where everything is. The daemon must be stopped.
	State state.Config
	// From is the folder of the backup.
	From string
	// WithoutJournal restores although the revocation journal is missing.
	WithoutJournal bool
	// Second tells whether a factor is a second one: who loses the last of those
	// sets up with an invite code only.
	Second func(factor string) bool
	// Hooks is the folder where hooks remember how far they have read the audit.
	Hooks string
	// Operator is named in the audit.
	Operator string
	// Step, if set, is told of each step once it is done; tests end the process
	// there.
	Step func(name string)
}

// Restored says what was done.
type Restored struct {
	Manifest `json:"backup"`
	// Notes of the journal were applied, to so many people.
	Notes  int `json:"journal_notes"`
	People int `json:"people_changed"`
	// Erased is how many people were erased again.
	Erased int `json:"people_erased,omitempty"`
	// Floor is the moment up to which every code counts as used.
	Floor time.Time `json:"codes_used_up_to"`
	// Aside is where the database of before lies now, if there was one.
	Aside string `json:"aside,omitempty"`
	// NoJournal says that revocations since the backup are lost.
	NoJournal bool `json:"without_journal,omitempty"`
}

// restore is an Order on its way.
type restore struct {
	Order
	Restored
	work string
	copy *opened
}

// Restore verifies a backup, brings a copy of it up to date, and only then puts
// it in the place of the database. Killed at any moment it leaves the old state
// or the new one. The database of before stays aside.
func Restore(ctx context.Context, o Order) (Restored, error) {
	r := &restore{Order: o, work: filepath.Join(filepath.Dir(o.State.Path), "restore.tmp")}
	lock, err := file.Lock(o.State.Path)
	if err != nil {
		return r.Restored, fmt.Errorf("restoring: %w", err)
	}
	err = r.run(ctx)
	if r.copy != nil {
		err = errors.Join(err, r.copy.db.Close())
	}
	if err = errors.Join(err, os.RemoveAll(r.work), lock.Close()); err != nil {
		return r.Restored, fmt.Errorf("restoring %s: %w", o.From, err)
	}
	return r.Restored, nil
}

func (r *restore) run(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"copied", r.fetch},
		{"opened", r.open},
		{"verified", r.verify},
		{"replayed", r.replay},
		{"closed", r.finish},
		{"settled", r.settle},
		{"told", r.hooks},
		{"aside", r.keep},
		{"swapped", r.swap},
	} {
		if err := step.do(ctx); err != nil {
			return err
		}
		if r.Step != nil {
			r.Step(step.name)
		}
	}
	return nil
}

// fetch copies the database of the backup beside ours.
func (r *restore) fetch(context.Context) (err error) {
	if r.Manifest, err = Open(r.From); err != nil {
		return err
	}
	if err := fresh(r.work); err != nil {
		return err
	}
	from, err := os.Open(filepath.Join(r.From, databaseName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(r.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum, size, err := hashed(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	if sum != r.SHA256 || size != r.Size {
		return errors.New("the database in the backup is not the one that its manifest names: it is damaged; take another backup")
	}
	return nil
}

func (r *restore) path() string { return filepath.Join(r.work, databaseName) }

// open opens the copy with our master key, and refuses what is not ours.
func (r *restore) open(ctx context.Context) (err error) {
	kek, err := seal.LoadKEK(r.State.KEK)
	if err != nil {
		return err
	}
	defer clear(kek)
	c := r.State
	c.Path = r.path()
	r.copy, err = openCopy(ctx, c, func(db *sqlite.DB) (*seal.Ring, error) {
		if ours := instanceOf(ctx, r.State.Path); ours != "" && ours != db.Instance() {
			return nil, fmt.Errorf("the backup is of another installation (%s, and the database here is of %s); "+
				"if you are sure, move that database away first", db.Instance(), ours)
		}
		return state.OpenRing(ctx, kek, db)
	})
	return err
}

// instanceOf is the installation that the database belongs to, as far as it can
// be read: it may be damaged, which is why somebody restores.
func instanceOf(ctx context.Context, path string) string {
	if _, err := os.Lstat(path); err != nil {
		return ""
	}
	return file.InstanceOf(ctx, path)
}

func (r *restore) verify(ctx context.Context) error {
	if err := r.genuine(r.copy.ring); err != nil {
		return err
	}
	held := r.Manifest
	if err := held.examine(ctx, r.copy.db, r.copy.store); err != nil {
		return err
	}
	if !sameContent(held, r.Manifest) {
		return errors.New("the backup does not hold what its manifest says")
	}
	return nil
}

// finish verifies the copy once more, as it will be used, and closes it.
func (r *restore) finish(ctx context.Context) error {
	var now Manifest
	if err := now.examine(ctx, r.copy.db, r.copy.store); err != nil {
		return fmt.Errorf("after applying the journal: %w", err)
	}
	err := r.copy.db.Close()
	r.copy = nil
	if err != nil {
		return err
	}
	done, err := os.Open(r.path())
	if err != nil {
		return err
	}
	return errors.Join(done.Sync(), done.Close())
}

// settle makes the old database one file, so that it can be put aside whole.
func (r *restore) settle(ctx context.Context) error {
	path := r.State.Path
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r.Aside = r.aside(path)
	if err := file.Settle(ctx, path); err != nil {
		r.State.Log.Warn("the database of before is damaged and goes aside as it is", "error", err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		err := os.Rename(path+end, r.Aside+end)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(filepath.Dir(path))
}

// keep gives the old database a second name before it loses the first, so that
// there is one at every moment.
func (r *restore) keep(context.Context) error {
	if r.Aside == "" {
		return nil
	}
	return os.Link(r.State.Path, r.Aside)
}

// swap puts the copy in place.
func (r *restore) swap(context.Context) error {
	path := r.State.Path
	if err := state.Give(r.path(), filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Rename(r.path(), path); err != nil {
		return err
	}
	if err := state.Give(path+".lock", filepath.Dir(path)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// notes are what the journal says since the backup. One that cannot be used goes
// aside where the operator restores without it.
func (r *restore) notes() ([]journal.Entry, error) {
	found, err := journal.Since(journal.Config{Folder: r.State.Journal, Instance: r.copy.db.Instance(), Keys: r.copy.ring}, r.Manifest.Journal)
	if err == nil {
		return found, nil
	}
	if !r.WithoutJournal {
		return nil, fmt.Errorf("%w; put the journal back, or restore with --without-journal: then app passwords that were "+
			"revoked, phones that were removed and people who were reset or erased since %s are as they were before", err, r.Made.Local().Format("2006-01-02 15:04"))
	}
	r.NoJournal = true
	if journal.There(r.State.Journal) {
		return nil, os.Rename(r.State.Journal, r.aside(r.State.Journal))
	}
	return nil, nil
}

// aside is a name that nothing has yet, with the date.
func (r *restore) aside(path string) string {
	dated := path + ".before-restore-" + r.State.Now().UTC().Format("20060102T150405Z")
	for n, name := 2, dated; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", dated, n)
	}
}

func sameContent(a, b Manifest) bool {
	return a.Instance == b.Instance && a.Subjects == b.Subjects && a.Records == b.Records && a.Tokens == b.Tokens &&
		a.Events == b.Events && a.AuditHead == b.AuditHead && a.AuditLink == b.AuditLink
}

// told is the event about the whole restore.
func (r *restore) told() account.Event {
	how := fmt.Sprintf("%d notes of the revocation journal applied to %d people", r.Notes, r.People)
	if r.Erased > 0 {
		how += fmt.Sprintf(", %d erased again", r.Erased)
	}
	if r.NoJournal {
		how = "WITHOUT the revocation journal: what was revoked or erased since then may be back"
	}
	return account.Event{At: r.State.Now(), Act: account.ActRestore, Actor: r.Operator, FrontEnd: "admin", Note: fmt.Sprintf(
		"the backup of %s was restored, audit up to %d; %s; events after %d in other copies are of before",
		r.Made.UTC().Format(time.RFC3339), r.AuditHead, how, r.AuditHead)}
}
