package backup_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
)

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
	first := scene(t)
	var h home
	first.use(func(s *state.State) {
		first.commit(s, person("last"))
		h = first.twin(t) // as after a power cut
	})
	if log, err := os.Stat(h.path("state.db-wal")); err != nil || log.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	r := h.restore()
	h.restored()
	h.must(os.Rename(r.Aside, h.path("state.db")))
	h.use(func(s *state.State) {
		if len(h.load(s, "late")) != 4 || len(h.load(s, "last")) != 4 || len(h.load(s, "bert")) != 0 {
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

// Hooks hear of what comes after a restore, although they have heard of higher
// numbers before.
func TestHooksHearOfWhatComes(t *testing.T) {
	h := scene(t)
	for name, seq := range map[string]string{"ahead": "99", "behind": "2", "odd": "many"} {
		h.must(os.WriteFile(h.path("hook-"+name+".seq"), []byte(seq+"\n"), 0o600))
	}
	o := h.order()
	o.Hooks = h.dir
	_, err := backup.Restore(context.Background(), o)
	h.must(err)
	for name, want := range map[string]string{"ahead": "5\n", "behind": "2\n", "odd": "many\n"} {
		if got, err := os.ReadFile(h.path("hook-" + name + ".seq")); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Whoever was erased since the backup is not brought back by it: nothing of them is
// in any file, whoever else is in it is as they were, and the audit is whole.
func TestWhoWasErasedStaysErased(t *testing.T) {
	h := newHome(t)
	h.use(func(s *state.State) {
		for _, id := range []account.ID{"sentinel-id", "emil"} {
			c := person(id)
			c.Events[0].Name = "sentinel-login"
			if id == "emil" {
				c.Events[0].Name = "emil"
			}
			h.commit(s, c)
		}
		// Once by a login that the directory did not know yet.
		h.must(s.Store.Commit(context.Background(), account.Change{Version: -1, Events: []account.Event{{At: now(), Act: account.ActAlarm, Name: "sentinel-login"}}}))
		h.take(s, h.path("backup"))
		h.commit(s, account.Change{Subject: "sentinel-id", Erased: true, Delete: []string{"sentinel-id-phone", "sentinel-id-sheet", "sentinel-id-app1", "sentinel-id-app2"}})
		_, err := s.Store.Erase(context.Background(), dossier.Who{ID: "sentinel-id", Names: []string{"sentinel-login"}})
		h.must(err)
	})
	r := h.restore()
	if r.Erased != 1 || r.People != 0 {
		t.Errorf("%+v", r)
	}
	h.must(os.Remove(r.Aside))
	h.use(func(s *state.State) {
		if len(h.load(s, "sentinel-id")) != 0 || len(h.load(s, "emil")) != 4 {
			t.Errorf("%v, %v", h.load(s, "sentinel-id"), h.load(s, "emil"))
		}
		h.verified(s, "1 erased again")
	})
	for _, name := range []string{"state.db", "state.db-wal"} {
		text, err := os.ReadFile(h.path(name))
		if err == nil && strings.Contains(string(text), "sentinel") {
			t.Errorf("%s still has the person", name)
		}
	}
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
	for _, step := range []string{"copied", "opened", "verified", "replayed", "closed", "settled", "told", "aside", "swapped"} {
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
