package journal

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	format = 1
	// suffix ends the name of a file; before it stands the number of the first
	// note in it.
	suffix = ".journal"
)

// Entry is one note.
type Entry struct {
	Number  int64      `json:"n"`
	At      time.Time  `json:"at"`
	Subject account.ID `json:"subject"`
	// Removed and Revoked are the ids of records.
	Removed []string `json:"removed,omitempty"`
	Revoked []string `json:"revoked,omitempty"`
	// Left is how many uses records of a limited number have left.
	Left map[string]int `json:"left,omitempty"`
	// Invite says that the next set-up asks for an invite code.
	Invite bool `json:"invite,omitempty"`
	// Synced says that an app password has let the person in.
	Synced bool `json:"synced,omitempty"`
	// Erased says that nothing is kept of the person any more.
	Erased bool `json:"erased,omitempty"`
}

// entryOf is what of a change must outlive a restore, or nil.
func entryOf(c account.Change) *Entry {
	e := &Entry{Subject: c.Subject, Removed: c.Delete, Invite: c.InviteRequired != nil && *c.InviteRequired, Synced: c.Synced, Erased: c.Erased}
	for _, r := range c.Put {
		switch {
		case !r.Revoked.IsZero():
			e.Revoked = append(e.Revoked, r.ID)
		case r.Uses >= 0 && !r.Pending:
			if e.Left == nil {
				e.Left = map[string]int{}
			}
			e.Left[r.ID] = r.Uses
		}
	}
	if len(e.Removed)+len(e.Revoked)+len(e.Left) == 0 && !e.Invite && !e.Synced && !e.Erased {
		return nil
	}
	return e
}

// head is the first line of a file.
type head struct {
	Format   int    `json:"format"`
	Instance string `json:"instance"`
	// After is where the file goes on.
	After Position `json:"after"`
}

// reader reads and makes lines. A line is JSON, a tab, the fingerprint in
// hexadecimal digits and a line feed.
type reader struct {
	instance string
	keys     Keys
}

func (j *Journal) reader() reader { return reader{j.Instance, j.Keys} }

// line writes a value after what it follows, and returns its fingerprint, too.
func (r reader) line(previous []byte, v any) (line, link []byte, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, nil, fmt.Errorf("writing a note: %w", err)
	}
	link = r.link(previous, body)
	return fmt.Appendf(nil, "%s\t%x\n", body, link), link, nil
}

func (r reader) link(previous, body []byte) []byte {
	var b []byte
	for _, part := range [][]byte{[]byte("sallyport journal 1"), []byte(r.instance), previous, body} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return r.keys.MAC("journal", b)
}

// parse reads a line without its end into v, and returns its fingerprint.
func (r reader) parse(previous, line []byte, v any) ([]byte, error) {
	body, digits, ok := bytes.Cut(line, []byte("\t"))
	link, err := hex.DecodeString(string(digits))
	if !ok || err != nil || !hmac.Equal(link, r.link(previous, body)) {
		return nil, errors.New("it is not as it was written")
	}
	return link, json.Unmarshal(body, v)
}

// segment is what stands in one file.
type segment struct {
	after, end Position
	entries    []Entry
	links      [][]byte // of the entries
	// size is where the last whole line ends.
	size int64
}

// read reads a file up to its last whole line; what stands behind that was never
// acknowledged. With an error the segment ends at the last good line.
func (r reader) read(path string) (segment, error) {
	var seg segment
	text, err := os.ReadFile(path)
	if err != nil {
		return seg, err
	}
	seg.size = int64(bytes.LastIndexByte(text, '\n') + 1)
	for n, line := range bytes.Split(text[:max(0, seg.size-1)], []byte("\n")) {
		if n == 0 {
			var h head
			if err := json.Unmarshal(line[:max(0, bytes.IndexByte(line, '\t'))], &h); err == nil && h.Instance != r.instance {
				return seg, fmt.Errorf("%s: %w", path, ErrForeign)
			}
			if _, err := r.parse(nil, line, &h); err != nil || h.Format != format {
				return seg, fmt.Errorf("%s: its first line cannot be read", path)
			}
			seg.after, seg.end = h.After, h.After
			continue
		}
		var e Entry
		link, err := r.parse(seg.end.Link, line, &e)
		if err == nil && e.Number != seg.end.Number+1 {
			err = errors.New("it is out of place")
		}
		if err != nil {
			return seg, fmt.Errorf("%s: note %d: %w", path, seg.end.Number+1, err)
		}
		seg.entries, seg.links = append(seg.entries, e), append(seg.links, link)
		seg.end = Position{Number: e.Number, Link: link}
	}
	return seg, nil
}

// begin begins the next file. Only when it is on the disk, name and all, is it
// written to.
func (j *Journal) begin() error {
	line, _, err := j.reader().line(nil, head{Format: format, Instance: j.Instance, After: j.at})
	if err != nil {
		return err
	}
	path := filepath.Join(j.Folder, fmt.Sprintf("%016d%s", j.at.Number+1, suffix))
	next, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = next.Write(line)
	if err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncFolder(j.Folder)
	}
	if err != nil {
		return errors.Join(err, next.Close())
	}
	old := j.file
	j.file, j.size = next, int64(len(line))
	if old != nil {
		return old.Close()
	}
	return nil
}

// segments are the journal's files in their order.
func segments(folder string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*"+suffix))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
