package moving_test

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/plugins/totp"
)

func now() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

// town is a directory of people in memory; a capital makes no difference.
type town struct {
	mu sync.Mutex
	// away is after how many questions it is away; negative is never.
	away  int
	names []string
}

func (d *town) Find(_ context.Context, name string) (account.Facts, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away == 0 {
		return account.Facts{}, fmt.Errorf("no server is up: %w", account.ErrUnavailable)
	}
	d.away--
	for _, n := range d.names {
		if strings.EqualFold(n, name) {
			return factsOf(n), nil
		}
	}
	return account.Facts{}, account.ErrNotFound
}

func (d *town) Walk(_ context.Context, each func(account.Facts) error) error {
	for _, n := range d.names {
		if err := each(factsOf(n)); err != nil {
			return err
		}
	}
	return each(account.Facts{Subject: account.Subject{Name: "without an id"}})
}

func factsOf(name string) account.Facts {
	return account.Facts{Subject: account.Subject{ID: account.ID("id of " + name), Name: name}}
}

// scene is a real state and the real factor, in a town.
type scene struct {
	t     testing.TB
	town  *town
	state *state.State
	moving.Place
}

func newScene(t testing.TB, names ...string) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{t: t, town: &town{away: -1, names: names}}
	s.must(seal.CreateKEK(filepath.Join(dir, "kek")))
	var err error
	s.state, err = state.Open(context.Background(), state.Config{Path: filepath.Join(dir, "state.db"), Journal: filepath.Join(dir, "journal"),
		KEK: filepath.Join(dir, "kek"), Now: now, Alarm: func(e account.Event) { t.Errorf("alarm: %s", e.Note) }})
	s.must(err)
	t.Cleanup(func() { s.must(s.state.Close()) })
	s.Place = moving.Place{Store: s.state.Store, Directory: s.town, Kind: "totp", Most: 5, Factor: totp.Factor{}, Issuer: "Testhaus",
		MAC: s.state.Ring.MAC, Now: now, Operator: "root(0)"}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// secret is a different one for each number.
func secret(n int) string {
	return base32.StdEncoding.EncodeToString(fmt.Appendf(nil, "secret number %06d", n))
}

// list makes entries: each "login number".
func list(all ...string) []reading.Entry {
	var lines []string
	for _, a := range all {
		login, number := a, 0
		_, err := fmt.Sscanf(a, "%s %d", &login, &number)
		if err != nil {
			panic(err)
		}
		lines = append(lines, login+"\totpauth://totp/x?secret="+secret(number))
	}
	return reading.URIs("list", strings.Join(lines, "\n"))
}

// take imports, and demands these results in their order.
func (s *scene) take(o moving.Order, entries []reading.Entry, want ...moving.Result) []moving.Outcome {
	s.t.Helper()
	out, err := s.Take(context.Background(), entries, o)
	s.must(err)
	for i, w := range want {
		if out[i].Result != w {
			s.t.Errorf("%v: want %s", out[i], w)
		}
	}
	return out
}

func (s *scene) load(name string) account.Snapshot {
	s.t.Helper()
	snap, err := s.state.Store.Load(context.Background(), factsOf(name).ID, "totp", "app-password")
	s.must(err)
	return snap
}

func (s *scene) commit(c account.Change) {
	s.t.Helper()
	snap, err := s.state.Store.Load(context.Background(), c.Subject)
	s.must(err)
	c.Version = snap.Version
	s.must(s.state.Store.Commit(context.Background(), c))
}

func (s *scene) events() []account.Event {
	s.t.Helper()
	all, err := s.state.Store.Events(context.Background(), 0, 1000)
	s.must(err)
	return all
}

// brittle is a store that fails after so many changes, as a full disk does.
type brittle struct {
	moving.Store
	mu   sync.Mutex
	left int
}

func (b *brittle) Commit(ctx context.Context, c account.Change) error {
	b.mu.Lock()
	b.left--
	broken := b.left < 0
	b.mu.Unlock()
	if broken {
		return fmt.Errorf("no space left: %w", errors.Join(account.ErrUnavailable))
	}
	return b.Store.Commit(ctx, c)
}
