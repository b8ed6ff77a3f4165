package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
)

func now() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

// home is a folder with a state in it.
type home struct {
	t   testing.TB
	dir string
}

func newHome(t testing.TB) home {
	t.Helper()
	h := home{t, t.TempDir()}
	if err := seal.CreateKEK(h.path("kek")); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

func (h home) config() state.Config {
	return state.Config{Path: h.path("state.db"), Journal: h.path("journal"), KEK: h.path("kek"), Now: now,
		Alarm: func(e account.Event) { h.t.Errorf("alarm: %s", e.Note) }}
}

// use opens the state and closes it again.
func (h home) use(do func(s *state.State)) {
	h.t.Helper()
	s, err := state.Open(context.Background(), h.config())
	if err != nil {
		h.t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		h.t.Fatal(err)
	}
}

func (h home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h home) commit(s *state.State, c account.Change) {
	h.t.Helper()
	p, err := s.Store.Load(context.Background(), c.Subject)
	h.must(err)
	c.Version = p.Version
	h.must(s.Store.Commit(context.Background(), c))
}

func (h home) load(s *state.State, id account.ID) map[string]account.Record {
	h.t.Helper()
	p, err := s.Store.Load(context.Background(), id, "totp", "app-password", "recovery")
	h.must(err)
	all := map[string]account.Record{}
	for _, r := range p.Records {
		all[r.ID] = r
	}
	return all
}

func (h home) take(s *state.State, to string) backup.Manifest {
	h.t.Helper()
	c, err := backup.Take(context.Background(), s, "test", "anna(1)")
	h.must(err)
	var stream bytes.Buffer
	h.must(c.Send(&stream))
	h.must(c.Close())
	m, err := backup.Receive(&stream, to)
	h.must(err)
	return m
}

func (h home) order() backup.Order {
	return backup.Order{State: h.config(), From: h.path("backup"), Operator: "anna(1)", Second: func(f string) bool { return f != "app-password" }}
}

// person has a phone, a sheet and two app passwords.
func person(id account.ID) account.Change {
	record := func(name, factor string, uses int) account.Record {
		return account.Record{ID: string(id) + "-" + name, Subject: id, Factor: factor, Created: now(), Uses: uses, Format: 1, Payload: []byte("payload of " + name)}
	}
	return account.Change{Subject: id, Put: []account.Record{record("phone", "totp", -1), record("sheet", "recovery", 10),
		record("app1", "app-password", -1), record("app2", "app-password", -1)},
		PutTokens: []account.Token{token(id, account.TokenSession), token(id, account.TokenInvite), token(id, account.TokenSource), token(id, account.TokenSetup)},
		Events:    []account.Event{{At: now(), Act: account.ActEnroll, Subject: id}}}
}

func token(id account.ID, kind account.TokenKind) account.Token {
	t := account.Token{Kind: kind, Subject: id, Data: []byte("data"), Created: now(), Expires: now().Add(time.Hour)}
	copy(t.Hash[:], string(kind)+string(id))
	return t
}

// after is what happens after the backup: by person, what a restore must do
// again.
func (h home) after(s *state.State) {
	yes := true
	revoked := h.load(s, "anna")["anna-app1"]
	revoked.Revoked, revoked.Payload = now(), nil
	h.commit(s, account.Change{Subject: "anna", Put: []account.Record{revoked}})
	h.commit(s, account.Change{Subject: "bert", Delete: []string{"bert-phone", "bert-sheet", "bert-app1", "bert-app2"}, InviteRequired: &yes})
	used := h.load(s, "carla")["carla-sheet"]
	used.Uses, used.Payload = 9, []byte("nine left")
	h.commit(s, account.Change{Subject: "carla", Put: []account.Record{used}})
	h.commit(s, account.Change{Subject: "dora", Delete: []string{"dora-phone", "dora-sheet"}, Put: []account.Record{
		{ID: "dora-new", Subject: "dora", Factor: "totp", Uses: -1, Payload: []byte("new")}}, Synced: true})
	h.commit(s, person("late"))
}

func people() []account.ID { return []account.ID{"anna", "bert", "carla", "dora", "emil"} }

// scene has people, a backup, and what happened after it.
func scene(t testing.TB) home {
	t.Helper()
	h := newHome(t)
	h.use(func(s *state.State) {
		for _, id := range people() {
			h.commit(s, person(id))
		}
		h.take(s, h.path("backup"))
		h.after(s)
	})
	return h
}

// twin is a home of its own with the same in it.
func (h home) twin(t testing.TB) home {
	t.Helper()
	other := home{t, filepath.Join(t.TempDir(), "home")}
	if out, err := exec.Command("cp", "-a", h.dir, other.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return other
}

// restored checks that the state is the backup's, with what had to be done again.
func (h home) restored() {
	h.t.Helper()
	h.use(func(s *state.State) {
		anna, bert, carla, dora, emil := h.load(s, "anna"), h.load(s, "bert"), h.load(s, "carla"), h.load(s, "dora"), h.load(s, "emil")
		switch {
		case anna["anna-app1"].Revoked.IsZero(), !anna["anna-app2"].Revoked.IsZero(), string(anna["anna-app2"].Payload) != "payload of app2", len(anna) != 4:
			h.t.Errorf("anna: %v", anna)
		case len(bert) != 0:
			h.t.Errorf("bert: %v", bert)
		case len(carla) != 3 || carla["carla-sheet"].ID != "":
			h.t.Errorf("carla: %v", carla)
		case len(dora) != 2 || dora["dora-app1"].ID == "":
			h.t.Errorf("dora: %v", dora)
		case len(emil) != 4:
			h.t.Errorf("emil: %v", emil)
		case len(h.load(s, "late")) != 0:
			h.t.Error("somebody who came later is there")
		}
		for id, want := range map[account.ID]bool{"anna": false, "bert": true, "carla": false, "dora": true, "emil": false} {
			p, err := s.Store.Load(context.Background(), id)
			if err != nil || p.InviteRequired != want || p.Synced != (id == "dora") {
				h.t.Errorf("%s: invite %t, synced %t, %v", id, p.InviteRequired, p.Synced, err)
			}
			for kind, want := range map[account.TokenKind]error{account.TokenSession: account.ErrNotFound, account.TokenInvite: account.ErrNotFound,
				account.TokenSetup: account.ErrNotFound, account.TokenSource: nil} {
				tok := token(id, kind)
				if _, err := s.Store.Token(context.Background(), account.TokenRef{Kind: kind, Hash: tok.Hash}); !errors.Is(err, want) {
					h.t.Errorf("%s: %s: %v", id, kind, err)
				}
			}
		}
		if !s.Floor.Equal(now()) {
			h.t.Errorf("floor %s", s.Floor)
		}
		h.verified(s, "the backup of 2027-03-01T12:00:00Z was restored")
	})
}

func (h home) verified(s *state.State, note string) {
	h.t.Helper()
	if r, err := s.Store.Verify(context.Background()); err != nil || !r.OK() {
		h.t.Errorf("verify: %+v, %v", r, err)
	}
	events, err := s.Store.Events(context.Background(), 0, 1000)
	h.must(err)
	said := ""
	for _, e := range events {
		said += e.Note + "\n"
	}
	if !strings.Contains(said, note) {
		h.t.Errorf("the audit does not say %q:\n%s", note, said)
	}
}

func (h home) restore() backup.Restored {
	h.t.Helper()
	r, err := backup.Restore(context.Background(), h.order())
	h.must(err)
	return r
}

func TestRestore(t *testing.T) {
	first := scene(t)
	for name, lose := range map[string]func(h home){
		"the database is there": func(home) {},
		"it is lost": func(h home) {
			for _, f := range []string{"state.db", "state.db.lock"} {
				h.must(os.Remove(h.path(f)))
			}
		},
		"it is damaged": func(h home) { h.must(os.WriteFile(h.path("state.db"), []byte("no database"), 0o600)) },
		"its log is damaged, too": func(h home) {
			h.must(os.WriteFile(h.path("state.db"), []byte("no database"), 0o600))
			h.must(os.WriteFile(h.path("state.db-wal"), []byte("no log"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := first.twin(t)
			lose(h)
			r := h.restore()
			if r.Notes != 5 || r.People != 4 || r.NoJournal || (r.Aside == "") != (name == "it is lost") {
				t.Errorf("%+v", r)
			}
			h.restored()
			left, err := filepath.Glob(h.path("restore.tmp"))
			if err != nil || left != nil {
				t.Errorf("left: %v, %v", left, err)
			}
			h.restore() // once more
			h.restored()
		})
	}
}

// The database of before is whole, with what was only in its log.
func TestTheOldDatabaseGoesAsideWhole(t *testing.T) {
	h := scene(t)
	r := h.restore()
	h.must(os.Rename(r.Aside, h.path("state.db")))
	h.use(func(s *state.State) {
		if len(h.load(s, "late")) != 4 || len(h.load(s, "bert")) != 0 {
			t.Error("it is not the one of before")
		}
	})
}

func TestRefusedRestores(t *testing.T) {
	manifest := func(old, anew string) func(h home) {
		return func(h home) {
			text, err := os.ReadFile(h.path("backup/manifest.json"))
			h.must(err)
			if !strings.Contains(string(text), old) {
				h.t.Fatalf("%s is not in %s", old, text)
			}
			h.must(os.WriteFile(h.path("backup/manifest.json"), []byte(strings.Replace(string(text), old, anew, 1)), 0o600))
		}
	}
	first := scene(t)
	for name, c := range map[string]struct {
		spoil func(h home)
		want  string
	}{
		"no journal":       {func(h home) { h.must(os.RemoveAll(h.path("journal"))) }, "--without-journal"},
		"an older journal": {func(h home) { cutJournal(h) }, "--without-journal"},
		"no backup":        {func(h home) { h.must(os.RemoveAll(h.path("backup"))) }, "name the folder"},
		"half a backup":    {func(h home) { h.must(os.Truncate(h.path("backup/state.db"), 8192)) }, "damaged"},
		"another count":    {manifest(`"subjects": 5`, `"subjects": 4`), "not as it was written"},
		"another instance": {func(h home) {
			h.must(os.RemoveAll(h.path("backup")))
			other := newHome(h.t)
			other.use(func(s *state.State) { other.take(s, h.path("backup")) })
		}, "another installation"},
		"another master key": {func(h home) { h.must(os.Remove(h.path("kek"))); h.must(seal.CreateKEK(h.path("kek"))) }, "the key does not open"},
		"a later format":     {manifest(`"format": 1`, `"format": 2`), "format 2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := first.twin(t)
			kek, err := os.ReadFile(h.path("kek"))
			h.must(err)
			c.spoil(h)
			if _, err := backup.Restore(context.Background(), h.order()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			h.must(os.Remove(h.path("kek")))
			h.must(os.WriteFile(h.path("kek"), kek, 0o400))
			h.unchanged()
		})
	}
}

// cutJournal takes the journal back to before the backup was made.
func cutJournal(h home) {
	h.must(os.RemoveAll(h.path("journal")))
	h.use(func(s *state.State) {})
}

// unchanged checks that the state is the one of before the restore.
func (h home) unchanged() {
	h.t.Helper()
	h.use(func(s *state.State) {
		if len(h.load(s, "late")) != 4 || len(h.load(s, "bert")) != 0 {
			h.t.Error("it is not the state of before")
		}
		if r, err := s.Store.Verify(context.Background()); err != nil || !r.OK() {
			h.t.Errorf("verify: %+v, %v", r, err)
		}
	})
}

func TestRestoreWhileTheDaemonRuns(t *testing.T) {
	h := scene(t)
	h.use(func(*state.State) {
		if _, err := backup.Restore(context.Background(), h.order()); err == nil || !strings.Contains(err.Error(), "stop that one first") {
			t.Errorf("%v", err)
		}
	})
	h.unchanged()
}

func TestWithoutJournal(t *testing.T) {
	h := scene(t)
	h.must(os.RemoveAll(h.path("journal")))
	o := h.order()
	o.WithoutJournal = true
	r, err := backup.Restore(context.Background(), o)
	if err != nil || !r.NoJournal {
		t.Fatalf("%+v, %v", r, err)
	}
	h.use(func(s *state.State) {
		if !h.load(s, "anna")["anna-app1"].Revoked.IsZero() {
			t.Error("it was revoked although nobody knows of it")
		}
		h.verified(s, "WITHOUT the revocation journal")
	})
}

// A journal without its database is a loss and no new installation.
func TestALostDatabaseIsNotBegunAnew(t *testing.T) {
	h := scene(t)
	h.must(os.Remove(h.path("state.db")))
	if _, err := state.Open(context.Background(), h.config()); err == nil || !strings.Contains(err.Error(), "sallyportd restore") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(h.path("state.db")); err == nil {
		t.Error("a new one was made")
	}
}

// Killed after any step, the state is the old one or the new one, and a second
// restore goes through.
func TestRestoreSurvivesKill(t *testing.T) {
	if dir := os.Getenv("SALLYPORT_TEST_RESTORE"); dir != "" {
		o := home{t, dir}.order()
		o.Step = func(name string) {
			if name == os.Getenv("SALLYPORT_TEST_STEP") {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		_, err := backup.Restore(context.Background(), o)
		t.Fatalf("it lived: %v", err)
	}
	first := scene(t)
	for _, step := range []string{"copied", "opened", "verified", "replayed", "closed", "settled", "swapped"} {
		t.Run(step, func(t *testing.T) {
			h := first.twin(t)
			c := exec.Command(os.Args[0], "-test.run=^TestRestoreSurvivesKill$")
			c.Env = append(os.Environ(), "SALLYPORT_TEST_RESTORE="+h.dir, "SALLYPORT_TEST_STEP="+step)
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("%v\n%s", err, out)
			}
			if step == "swapped" {
				h.restored()
				return
			}
			h.unchanged()
			h.restore()
			h.restored()
		})
	}
}

// A backup that cannot be verified is none, and nothing is left of it.
func TestABackupOfDamagedRows(t *testing.T) {
	h := newHome(t)
	h.use(func(s *state.State) {
		h.commit(s, person("anna"))
		_, err := s.DB.File().Write.Exec("UPDATE record SET label = 'x' WHERE id = 'anna-app1'")
		h.must(err)
		if c, err := backup.Take(context.Background(), s, "test", "anna(1)"); err == nil || c != nil && c.Size > 0 {
			t.Errorf("taken: %v", err)
		}
		if _, err := os.Lstat(h.path("backup.tmp")); err == nil {
			t.Error("the copy is left")
		}
		_, err = s.DB.File().Write.Exec("UPDATE record SET label = '' WHERE id = 'anna-app1'")
		h.must(err)
		h.take(s, h.path("backup"))
	})
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

// BenchmarkBackupAndRestore is the drill with 100,000 people.
func BenchmarkBackupAndRestore(b *testing.B) {
	h := newHome(b)
	h.use(func(s *state.State) {
		fill(b, s, 100_000)
		b.ResetTimer()
		h.take(s, h.path("backup"))
		b.ReportMetric(b.Elapsed().Seconds(), "s/backup")
		h.after2(s)
	})
	for b.Loop() {
		h.restore()
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
				if err := s.Store.Commit(context.Background(), person(account.ID(fmt.Sprint("person-", i)))); err != nil {
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
