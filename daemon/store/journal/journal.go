// Package journal keeps a note, beside the database and best on another disk,
// of everything that a restored backup must not bring back to life: records
// that were revoked, removed or used up, people who were reset, and whatever was
// kept of those who were erased.
//
// A note is on the disk before the change is written, so that what was
// acknowledged is in it; a note whose change then failed does no harm. Each note
// carries a keyed fingerprint of itself and of the one before. It is no store
// and no audit: it knows ids, not names, and holds no payload. Package sqlite is
// handed its Note; only the mains open it, and read it again for a restore.
package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Keeps is how long notes are kept: the oldest backup that can be restored with
// its revocations is that old.
const Keeps = 400 * 24 * time.Hour

// segmentSize is at how many bytes the next file is begun.
const segmentSize = 1 << 20

// Keys makes the fingerprints, with keys that no rotation changes.
type Keys interface {
	MAC(purpose string, data []byte) []byte
}

// Config says where the journal is, and whose.
type Config struct {
	// Folder is where it lies; it is made if need be.
	Folder string
	// Instance is the name of the store that it belongs to.
	Instance string
	Keys     Keys
	Now      func() time.Time
	// Alarm is told of notes that are damaged or missing.
	Alarm func(note string)
}

// Position is a place in the journal: right after the note of that number.
type Position struct {
	Number int64 `json:"number"`
	// Link is the fingerprint of that note, empty before the first.
	Link []byte `json:"link,omitempty"`
}

// Journal is open for writing. It may be used from many goroutines at once.
type Journal struct {
	Config
	// underway is held for reading from a note until its change is written.
	underway sync.RWMutex

	mu   sync.Mutex
	at   Position
	file *os.File
	size int64
	// broken is why nothing can be written any more.
	broken error
}

// ErrForeign means that the journal belongs to another store.
var ErrForeign = errors.New("the revocation journal belongs to another database")

// Open opens the journal for writing, or begins one. What a crash has left of a
// note that nobody was told of is cut off. Where notes are damaged, a new chain
// is begun behind them, and a restore from before that place is refused.
func Open(c Config) (*Journal, error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the revocation journal: %w", err)
	}
	j := &Journal{Config: c}
	if err := j.open(); err != nil {
		return nil, fmt.Errorf("opening the revocation journal %s: %w", c.Folder, err)
	}
	return j, nil
}

func (j *Journal) open() error {
	names, err := segments(j.Folder)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return j.begin()
	}
	last := names[len(names)-1]
	seg, err := j.reader().read(last)
	switch {
	case errors.Is(err, ErrForeign):
		return err
	case err != nil:
		j.Alarm(fmt.Sprintf("the revocation journal is damaged (%v); what follows begins a new chain: make a backup now, "+
			"older ones can only be restored without their revocations", err))
		j.at = Position{Number: seg.end.Number + gap}
		return j.begin()
	}
	j.at = seg.end
	if j.file, err = os.OpenFile(last, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return err
	}
	j.size = seg.size
	return errors.Join(j.file.Truncate(j.size), j.file.Sync())
}

// gap is left in the numbers where a chain ended in damage, so that no number
// comes twice.
const gap = 1 << 20

// Note writes down what of a change must outlive a restore, and returns when it
// is on the disk. done is called once the change is written, or has failed.
func (j *Journal) Note(c account.Change) (done func(), err error) {
	e := entryOf(c)
	if e == nil {
		return func() {}, nil
	}
	j.underway.RLock()
	if err := j.append(e); err != nil {
		j.underway.RUnlock()
		return nil, fmt.Errorf("writing the revocation journal %s: %w", j.Folder, err)
	}
	return j.underway.RUnlock, nil
}

// Here is the position behind every note whose change is written: a copy of the
// database that is begun now has all of them.
func (j *Journal) Here() Position {
	j.underway.Lock()
	defer j.underway.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.at
}

func (j *Journal) append(e *Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if j.size >= segmentSize {
		if err := j.begin(); err != nil {
			return err
		}
	}
	e.Number, e.At = j.at.Number+1, j.Now().UTC()
	line, link, err := j.reader().line(j.at.Link, e)
	if err != nil {
		return err
	}
	if err := j.write(line); err != nil {
		return err
	}
	j.at = Position{Number: e.Number, Link: link}
	return nil
}

// write appends a line and has it on the disk, or takes it back.
func (j *Journal) write(line []byte) error {
	_, err := j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		if undo := errors.Join(j.file.Truncate(j.size), j.file.Sync()); undo != nil {
			j.broken = fmt.Errorf("%w; restart the daemon once the disk is well", errors.Join(err, undo))
		}
		return err
	}
	j.size += int64(len(line))
	return nil
}

// Close lets the file go.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = errors.New("it is closed")
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
