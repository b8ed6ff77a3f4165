package anchors

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// book is an audit of so many events; holds is what it says to the last anchor.
type book struct {
	head     int64
	err      error
	holds    bool
	broken   int64
	compared int
}

func (b *book) Anchor(_ context.Context, now time.Time) (trail.Anchor, error) {
	if b.err != nil {
		return trail.Anchor{}, b.err
	}
	return trail.Anchor{Seq: b.head, At: now, Link: bytes.Repeat([]byte{7}, 32), Seal: bytes.Repeat([]byte{9}, 32)}, nil
}

func (b *book) Holds(context.Context, trail.Anchor) (bool, error) { return b.holds, b.err }

func (b *book) Verify(_ context.Context, all ...trail.Anchor) (sqlite.Report, error) {
	b.compared = len(all)
	return sqlite.Report{BrokenEvent: b.broken, BrokenWhy: "because"}, nil
}

type desk struct {
	*Keeper
	book   *book
	log    bytes.Buffer
	now    time.Time
	alarms []account.Event
}

func newDesk(t *testing.T) *desk {
	d := &desk{book: &book{head: 5}, now: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)}
	d.Keeper = &Keeper{Store: d.book, Folder: t.TempDir(), Now: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
		Alarm: func(e account.Event) { d.alarms = append(d.alarms, e) }}
	return d
}

// noted is how many anchors stand in the log.
func (d *desk) noted() int { return strings.Count(d.log.String(), "sallyport-anchor:") }

// kept is how many stand in the file.
func (d *desk) kept(t *testing.T) []trail.Anchor {
	t.Helper()
	all, err := Kept(d.Folder)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A note is made where the audit has moved, and once an hour; a clock that goes back
// stops nothing.
func TestWhenANoteIsMade(t *testing.T) {
	d := newDesk(t)
	d.Begin(t.Context())
	for _, c := range []struct {
		pass time.Duration
		head int64
		want int
	}{
		{time.Minute, 5, 1}, {time.Minute, 6, 2}, {time.Minute, 6, 2}, {59 * time.Minute, 6, 3}, {time.Minute, 6, 3}, {-24 * time.Hour, 6, 4}, {time.Minute, 6, 4},
	} {
		d.now, d.book.head = d.now.Add(c.pass), c.head
		d.Look(t.Context(), c.head)
		if d.noted() != c.want || len(d.kept(t)) != c.want {
			t.Errorf("after %v at event %d: %d in the log, %d in the file, want %d", c.pass, c.head, d.noted(), len(d.kept(t)), c.want)
		}
	}
	if err := d.Stop(); err != nil || d.noted() != 5 {
		t.Errorf("at the end: %d, %v", d.noted(), err)
	}
	if len(d.alarms) > 0 || d.book.compared != 0 {
		t.Errorf("alarms %v, %d compared", d.alarms, d.book.compared)
	}
}

// What cannot be noted is told, and an end that is not genuine is not noted.
func TestWhatCannotBeNoted(t *testing.T) {
	d := newDesk(t)
	d.book.err = account.ErrNotFound
	d.Begin(t.Context())
	if d.log.Len() > 0 {
		t.Errorf("before the first event the log says %s", d.log.String())
	}
	d.book.err = errors.New("not as it was written")
	d.Look(t.Context(), 5)
	if d.noted() != 0 || len(d.kept(t)) != 0 || !strings.Contains(d.log.String(), "level=ERROR") || !strings.Contains(d.log.String(), "not as it was written") {
		t.Errorf("the log says %s", d.log.String())
	}
	said := d.log.Len()
	if d.Look(t.Context(), 5); d.log.Len() != said {
		t.Errorf("a minute later the log says it again: %s", d.log.String())
	}
	d.book.err, d.now = nil, d.now.Add(time.Hour)
	d.Folder = filepath.Join(d.Folder, "away")
	d.Look(t.Context(), 5)
	if d.noted() != 1 || !strings.Contains(d.log.String(), "it stands in the log only") {
		t.Errorf("without a folder the log says %s", d.log.String())
	}
	d.Folder = ""
	d.log.Reset()
	t.Chdir(t.TempDir())
	if d.Begin(t.Context()); d.noted() != 1 || strings.Contains(d.log.String(), "ERROR") {
		t.Errorf("without a journal the log says %s", d.log.String())
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("without a journal there is a file")
	}
}

// A start looks closely only where the last anchor does not fit, and gives an alarm
// only where none of the others explains that.
func TestAStartCompares(t *testing.T) {
	for _, c := range []struct {
		holds            bool
		broken           int64
		compared, alarms int
	}{{true, 4, 0, 0}, {false, 0, 2, 0}, {false, 4, 2, 1}} {
		d := newDesk(t)
		d.Begin(t.Context())
		d.book.head = 7
		d.Look(t.Context(), 7)
		d.book.holds, d.book.broken = c.holds, c.broken
		d.Begin(t.Context())
		if d.book.compared != c.compared || len(d.alarms) != c.alarms || len(d.kept(t)) != 3 {
			t.Errorf("%+v: %d compared, alarms %v, %d kept", c, d.book.compared, d.alarms, len(d.kept(t)))
		}
		if len(d.alarms) > 0 && (d.alarms[0].Act != account.ActAlarm || !strings.Contains(d.alarms[0].Note, "event 4: because")) {
			t.Errorf("the alarm is %+v", d.alarms[0])
		}
	}
}

// The file does not grow for ever: the older half goes, and what is left are whole
// lines with the newest at their end, also behind a line that a crash has torn.
func TestTheFileOfAnchorsEnds(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(d.Folder, name)
	if err := os.WriteFile(path, bytes.Repeat([]byte("sallyport-anchor:1:2:aa:"+strings.Repeat("bb", 500)+"\n"), most/1000), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(d.kept(t))
	d.book.holds = true
	d.Begin(t.Context())
	all := d.kept(t)
	text, err := os.ReadFile(path)
	if err != nil || len(all) < before/2-1 || len(all) > before/2+2 || all[len(all)-1].Seq != 5 || !bytes.HasPrefix(text, []byte("sallyport-anchor:")) {
		t.Fatalf("of %d are left %d, %v, beginning with %.40q", before, len(all), err, text)
	}
	if err := os.WriteFile(path, []byte("sallyport-anchor:3:4:aa"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Begin(t.Context())
	if all := d.kept(t); len(all) != 1 || all[0].Seq != 5 {
		t.Errorf("behind a torn line: %v", all)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
