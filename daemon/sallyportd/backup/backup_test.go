package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
)

// A backup that cannot be verified is none, whatever is damaged: a row, what is sealed
// in it, a session, or the audit. Nothing is left of it.
func TestABackupOfDamagedRows(t *testing.T) {
	for what, damage := range map[string]string{
		"nothing":        "",
		"a row":          "UPDATE record SET label = 'x' WHERE id = 'anna-app1'",
		"a sealed thing": "UPDATE record SET payload = zeroblob(length(payload)) WHERE id = 'anna-app1'",
		"a missing row":  "DELETE FROM record WHERE id = 'anna-app1'",
		"a session":      "UPDATE sessions SET data = zeroblob(length(data))",
		"the audit":      "UPDATE event SET body = zeroblob(length(body)) WHERE seq = 1",
		"its end":        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
	} {
		t.Run(what, func(t *testing.T) {
			h := newHome(t)
			h.use(func(s *state.State) {
				h.commit(s, person("anna"))
				if what == "nothing" {
					h.take(s, h.path("backup"))
					return
				}
				_, err := s.DB.File().Write.Exec(damage)
				h.must(err)
				c, err := backup.Take(context.Background(), s, "test", "anna(1)")
				if err == nil {
					t.Error("taken")
				} else if c != nil && c.Size > 0 {
					t.Errorf("refused, and there all the same: %v", err)
				}
				if _, err := os.Lstat(h.path("backup.tmp")); err == nil {
					t.Error("the copy is left")
				}
			})
		})
	}
}

func TestReceiveKeepsTheWholeOrNothing(t *testing.T) {
	h := newHome(t)
	var stream bytes.Buffer
	h.use(func(s *state.State) {
		c, err := backup.Take(context.Background(), s, "test", "anna(1)")
		h.must(err)
		if _, err := backup.Take(context.Background(), s, "test", "anna(1)"); !errors.Is(err, backup.ErrBusy) {
			t.Errorf("two at once: %v", err)
		}
		h.must(c.Send(&stream))
		h.must(c.Close())
	})
	whole := stream.Bytes()
	for _, n := range []int{0, 5, bytes.IndexByte(whole, '\n'), bytes.IndexByte(whole, '\n') + 1, len(whole) - 1} {
		if _, err := backup.Receive(bytes.NewReader(whole[:n]), h.path("cut")); err == nil {
			t.Errorf("kept %d of %d bytes", n, len(whole))
		}
	}
	spoilt := bytes.Clone(whole)
	spoilt[len(spoilt)-1] ^= 1
	if _, err := backup.Receive(bytes.NewReader(spoilt), h.path("cut")); err == nil {
		t.Error("kept a damaged one")
	}
	left, err := filepath.Glob(h.path("cut*"))
	if err != nil || left != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	_, err = backup.Receive(bytes.NewReader(whole), h.path("whole"))
	h.must(err)
	if _, err := backup.Receive(bytes.NewReader(whole), h.path("whole")); err == nil {
		t.Error("written over")
	}
	for name, mode := range map[string]os.FileMode{"whole": 0o700 | os.ModeDir, "whole/state.db": 0o600, "whole/manifest.json": 0o600} {
		if info, err := os.Stat(h.path(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	kek, err := os.ReadFile(h.path("kek"))
	h.must(err)
	if bytes.Contains(whole, kek) {
		t.Error("the master key is in the backup")
	}
}

// BenchmarkBackupAndRestore is the drill with up to 100,000 people.
func BenchmarkBackupAndRestore(b *testing.B) {
	for _, people := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("people=%d", people), func(b *testing.B) {
			h := newHome(b)
			h.use(func(s *state.State) {
				fill(b, s, people)
				begun := time.Now()
				h.take(s, h.path("backup"))
				b.Logf("the backup took %s", time.Since(begun).Round(time.Millisecond))
				h.after2(s)
			})
			for b.Loop() {
				h.restore()
			}
		})
	}
}

func (h home) after2(s *state.State) {
	for i := range 1000 {
		id := account.ID(fmt.Sprint("person-", i))
		h.commit(s, account.Change{Subject: id, Delete: []string{string(id) + "-app1"}})
	}
}

func fill(t testing.TB, s *state.State, people int) {
	t.Helper()
	next, failed := make(chan int), make(chan error, 64)
	for range 64 {
		go func() {
			var first error
			for i := range next {
				c := person(account.ID(fmt.Sprint("person-", i)))
				c.Put = append(c.Put[:1], c.Put[2:]...) // a sheet is a note in the journal, and a flush of the disk
				if err := s.Store.Commit(context.Background(), c); err != nil {
					first = err
				}
			}
			failed <- first
		}()
	}
	for i := range people {
		next <- i
	}
	close(next)
	for range 64 {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}
