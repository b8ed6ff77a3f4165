package backup_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
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
