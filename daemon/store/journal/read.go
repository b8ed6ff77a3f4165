package journal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// ErrMissing means that the journal does not go back to where it is asked from,
// or is not there at all.
var ErrMissing = errors.New("the revocation journal does not reach back to this backup")

// There tells whether a folder holds a journal, of whichever store.
func There(folder string) bool {
	names, err := segments(folder)
	return err == nil && len(names) > 0
}

// Since returns the notes after a position, oldest first. Every one of them, and
// that they follow it without a gap, is made sure of: the error is ErrMissing,
// ErrForeign, or says which file is damaged.
func Since(c Config, from Position) ([]Entry, error) {
	names, err := segments(c.Folder)
	if err != nil {
		return nil, err
	}
	r := reader{c.Instance, c.Keys}
	var found []Entry
	var end Position
	begun := false
	for _, name := range names {
		seg, err := r.read(name)
		if errors.Is(err, ErrForeign) {
			return nil, err
		}
		if begun && !same(seg.after, end) {
			return nil, fmt.Errorf("%w: notes %d to %d are missing", ErrMissing, end.Number+1, seg.after.Number)
		}
		begun = begun || same(seg.after, from)
		for i, e := range seg.entries {
			if begun {
				found = append(found, e)
			}
			begun = begun || same(Position{Number: e.Number, Link: seg.links[i]}, from)
		}
		if err != nil && begun { // damage from before that position does not matter
			return nil, fmt.Errorf("reading the revocation journal: %w", err)
		}
		end = seg.end
	}
	if !begun {
		return nil, fmt.Errorf("%w: note %d is not in %s", ErrMissing, from.Number, c.Folder)
	}
	return found, nil
}

func same(a, b Position) bool { return a.Number == b.Number && slices.Equal(a.Link, b.Link) }

// Prune removes files whose every note is older than Keeps.
func (j *Journal) Prune(now time.Time) error {
	names, err := segments(j.Folder)
	if err != nil || len(names) < 2 {
		return err
	}
	for _, name := range names[:len(names)-1] {
		seg, err := j.reader().read(name)
		if err != nil {
			return fmt.Errorf("reading the revocation journal: %w", err)
		}
		if n := len(seg.entries); n > 0 && now.Sub(seg.entries[n-1].At) <= Keeps {
			return nil
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("removing notes that have had their time: %w", err)
		}
	}
	return syncFolder(j.Folder)
}
