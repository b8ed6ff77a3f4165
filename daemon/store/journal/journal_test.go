package journal_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/journal"
)

type keys string

func (k keys) MAC(purpose string, data []byte) []byte {
	m := hmac.New(sha256.New, []byte(string(k)+purpose))
	m.Write(data)
	return m.Sum(nil)
}

func begin() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }

func config(t *testing.T, folder string) journal.Config {
	return journal.Config{Folder: folder, Instance: "ours", Keys: keys("key "), Now: begin,
		Alarm: func(note string) { t.Errorf("alarm: %s", note) }}
}

func open(t *testing.T, c journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func note(t *testing.T, j *journal.Journal, c account.Change) {
	t.Helper()
	done, err := j.Note(c)
	if err != nil {
		t.Fatal(err)
	}
	done()
}

func removed(n int) account.Change {
	return account.Change{Subject: "anna", Delete: []string{fmt.Sprint("record-", n)}}
}

func since(t *testing.T, c journal.Config, from journal.Position) []journal.Entry {
	t.Helper()
	all, err := journal.Since(c, from)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsNoted(t *testing.T) {
	yes, no := true, false
	at := begin()
	for name, c := range map[string]struct {
		change account.Change
		want   *journal.Entry
	}{
		"a login":                {account.Change{Subject: "a", Put: []account.Record{{ID: "1", Uses: -1}}}, nil},
		"a set-up that is begun": {account.Change{Subject: "a", Put: []account.Record{{ID: "1", Uses: 10, Pending: true}}}, nil},
		"an end of a set-up":     {account.Change{Subject: "a", InviteRequired: &no}, nil},
		"a revocation": {account.Change{Subject: "a", Put: []account.Record{{ID: "1", Uses: -1, Revoked: at}, {ID: "2", Uses: -1}}},
			&journal.Entry{Subject: "a", Revoked: []string{"1"}}},
		"a use": {account.Change{Subject: "a", Put: []account.Record{{ID: "1", Uses: 9}}},
			&journal.Entry{Subject: "a", Left: map[string]int{"1": 9}}},
		"an erasure": {account.Change{Subject: "a", Erased: true}, &journal.Entry{Subject: "a", Erased: true}},
		"a reset": {account.Change{Subject: "a", Delete: []string{"1", "2"}, InviteRequired: &yes},
			&journal.Entry{Subject: "a", Removed: []string{"1", "2"}, Invite: true}},
		"a first sync": {account.Change{Subject: "a", Synced: true}, &journal.Entry{Subject: "a", Synced: true}},
	} {
		conf := config(t, t.TempDir())
		j := open(t, conf)
		note(t, j, c.change)
		all := since(t, conf, journal.Position{})
		if c.want == nil {
			if len(all) != 0 {
				t.Errorf("%s: noted %+v", name, all)
			}
			continue
		}
		c.want.Number, c.want.At = 1, at
		if len(all) != 1 || !reflect.DeepEqual(all[0], *c.want) {
			t.Errorf("%s: noted %+v", name, all)
		}
	}
}

// Notes go on over restarts and files, and are found from every position.
func TestNotesGoOn(t *testing.T) {
	conf := config(t, t.TempDir())
	var at []journal.Position
	long := strings.Repeat("x", 300<<10)
	for start := range 4 {
		j := open(t, conf)
		for n := range 5 {
			at = append(at, j.Here())
			note(t, j, account.Change{Subject: "anna", Delete: []string{fmt.Sprint(5*start+n, " ", long)}})
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(conf.Folder, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for i, from := range at {
		if i%4 > 0 {
			continue
		}
		all := since(t, conf, from)
		if len(all) != 20-i || all[0].Number != int64(i+1) || !strings.HasPrefix(all[0].Removed[0], fmt.Sprint(i, " ")) {
			t.Errorf("after note %d: %d notes", i, len(all))
		}
	}
	for name, from := range map[string]journal.Position{
		"a later one": {Number: 99}, "another link": {Number: 3, Link: []byte("link")}, "none": {Number: 3},
	} {
		if _, err := journal.Since(conf, from); !errors.Is(err, journal.ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file in the middle is missing: from behind it all is well.
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Since(conf, at[0]); !errors.Is(err, journal.ErrMissing) {
		t.Errorf("with a hole: %v", err)
	}
	since(t, conf, at[19])
}

// What a crash has left of a note that nobody was told of is cut off.
func TestATornNote(t *testing.T) {
	conf := config(t, t.TempDir())
	j := open(t, conf)
	note(t, j, removed(1))
	note(t, j, removed(2))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := only(t, conf.Folder)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndexByte(strings.TrimSuffix(string(whole), "\n"), '\n') + 1
	for cut := last; cut < len(whole); cut += 9 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, conf)
		note(t, j, removed(3))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		all := since(t, conf, journal.Position{})
		if len(all) != 2 || all[1].Number != 2 || all[1].Removed[0] != "record-3" {
			t.Fatalf("cut at %d: %+v", cut, all)
		}
	}
}

func only(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// Every changed byte and every missing line is found, and the daemon goes on
// with a chain that says where the damage is.
func TestDamage(t *testing.T) {
	conf := config(t, t.TempDir())
	j := open(t, conf)
	for n := range 4 {
		note(t, j, removed(n))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := only(t, conf.Folder)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		// The last line without its end is a torn one, which is no damage.
		if all, err := journal.Since(conf, journal.Position{}); err == nil && (i < len(whole)-1 || len(all) != 3) {
			t.Fatalf("byte %d of %d changed: nobody noticed", i, len(whole))
		}
	}
	lines := strings.SplitAfter(string(whole), "\n")
	if err := os.WriteFile(path, []byte(lines[0]+lines[1]+lines[3]+lines[4]), 0o600); err != nil {
		t.Fatal(err)
	}
	alarms := 0
	conf.Alarm = func(string) { alarms++ }
	j = open(t, conf)
	here := j.Here()
	note(t, j, removed(9))
	if _, err := journal.Since(conf, journal.Position{}); err == nil || alarms != 1 {
		t.Errorf("a missing line: %v, %d alarms", err, alarms)
	}
	if all := since(t, conf, here); len(all) != 1 || all[0].Removed[0] != "record-9" {
		t.Errorf("behind the damage: %+v", all)
	}
}

func TestSomebodyElsesJournal(t *testing.T) {
	conf := config(t, t.TempDir())
	open(t, conf)
	other := conf
	other.Instance = "theirs"
	if _, err := journal.Open(other); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("opened: %v", err)
	}
	if _, err := journal.Since(other, journal.Position{}); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("read: %v", err)
	}
	if !journal.There(conf.Folder) || journal.There(t.TempDir()) {
		t.Error("it cannot be told whether there is one")
	}
}

// A copy that is begun at Here has every note before it: it waits for changes
// that are noted and not yet written.
func TestHereWaitsForWhatIsUnderWay(t *testing.T) {
	j := open(t, config(t, t.TempDir()))
	done, err := j.Note(removed(1))
	if err != nil {
		t.Fatal(err)
	}
	here := make(chan journal.Position, 1)
	go func() { here <- j.Here() }()
	select {
	case <-here:
		t.Error("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	done()
	if got := <-here; got.Number != 1 {
		t.Errorf("it is at note %d", got.Number)
	}
}

func TestPruneKeepsWhatABackupMayNeed(t *testing.T) {
	now := begin()
	conf := config(t, t.TempDir())
	conf.Now = func() time.Time { return now }
	j := open(t, conf)
	long := strings.Repeat("x", 1<<20)
	for range 3 {
		note(t, j, account.Change{Subject: "anna", Delete: []string{long}})
		now = now.Add(24 * time.Hour)
	}
	count := func() int {
		files, err := filepath.Glob(filepath.Join(conf.Folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	for _, c := range []struct{ days, want int }{{399, 3}, {400, 2}, {9999, 1}} {
		if err := j.Prune(begin().Add(time.Duration(c.days)*24*time.Hour + time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != c.want {
			t.Errorf("after %d days: %d files, want %d", c.days, got, c.want)
		}
	}
	note(t, j, removed(4))
}

func TestWhatCannotBeNotedIsAnError(t *testing.T) {
	conf := config(t, t.TempDir())
	j := open(t, conf)
	note(t, j, removed(1))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Note(removed(2)); err == nil {
		t.Error("noted where nothing can be written")
	}
	if all := since(t, conf, journal.Position{}); len(all) != 1 {
		t.Errorf("%d notes", len(all))
	}
}
