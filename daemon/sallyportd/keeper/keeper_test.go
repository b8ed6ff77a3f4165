package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/sallyportd/keeper"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
)

func now() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

func open(t testing.TB, dir string) *state.State {
	t.Helper()
	if err := seal.CreateKEK(filepath.Join(dir, "kek")); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	s, err := state.Open(context.Background(), state.Config{Path: filepath.Join(dir, "state.db"), Journal: filepath.Join(dir, "journal"),
		KEK: filepath.Join(dir, "kek"), Now: now, Alarm: func(e account.Event) { t.Errorf("alarm: %s", e.Note) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *state.State) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func id(n int) account.ID { return account.ID(fmt.Sprint("person-", n)) }

func session(n int) account.Token {
	t := account.Token{Kind: account.TokenSession, Subject: id(n), Data: []byte("data"), Created: now(), Expires: now().Add(time.Hour)}
	copy(t.Hash[:], fmt.Sprint("session ", n))
	return t
}

// fill gives people a record and a session.
func fill(t testing.TB, s *state.State, people int) {
	t.Helper()
	next := make(chan int)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for n := range next {
				c := account.Change{Subject: id(n), PutTokens: []account.Token{session(n)}, Put: []account.Record{{
					ID: fmt.Sprint("record-", n), Subject: id(n), Factor: "totp", Created: now(), Uses: -1, Payload: fmt.Append(nil, "payload ", n)},
					{ID: fmt.Sprint("second-", n), Subject: id(n), Factor: "app-password", Created: now().Add(1), Uses: -1, Payload: fmt.Append(nil, "second ", n)}},
					Events: []account.Event{{At: now(), Act: account.ActEnroll, Subject: id(n)}}}
				if err := s.Store.Commit(context.Background(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range people {
		next <- n
	}
	close(next)
	all.Wait()
}

// whole checks every person, every session and the audit.
func whole(t testing.TB, s *state.State, people int) {
	t.Helper()
	r, err := s.Store.Verify(context.Background())
	if err != nil || !r.OK() || r.Subjects != int64(people) {
		t.Fatalf("verify: %+v, %v", r, err)
	}
	for n := range people {
		check(t, s, n)
	}
}

func check(t testing.TB, s *state.State, n int) {
	t.Helper()
	p, err := s.Store.Load(context.Background(), id(n), "totp", "app-password")
	if err != nil || len(p.Records) != 2 || string(p.Records[0].Payload) != fmt.Sprint("payload ", n) || string(p.Records[1].Payload) != fmt.Sprint("second ", n) {
		t.Errorf("person %d: %v, %v", n, p.Records, err)
	}
	ref := session(n)
	if _, err := s.Store.Token(context.Background(), account.TokenRef{Kind: ref.Kind, Hash: ref.Hash}); err != nil {
		t.Errorf("session %d: %v", n, err)
	}
}

// login is what a login with password and code does to the store.
func login(s *state.State, n int) error {
	ctx := context.Background()
	for {
		p, err := s.Store.Load(ctx, id(n), "totp")
		if err != nil {
			return err
		}
		r := p.Records[0]
		err = s.Store.Commit(ctx, account.Change{Subject: id(n), Version: p.Version, Put: []account.Record{r},
			Events: []account.Event{{At: now(), Act: account.ActCheck, Subject: id(n)}}})
		if !errors.Is(err, account.ErrConflict) {
			return err
		}
	}
}

// underLoad runs do while logins go on everywhere, and counts them.
func underLoad(t testing.TB, s *state.State, people int, do func()) (logins int64) {
	t.Helper()
	var stop atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			for n := k; !stop.Load(); n += 8 {
				if err := login(s, n%people); err != nil {
					t.Errorf("a login: %v", err)
					return
				}
				check(t, s, (n+people/2)%people)
				done.Add(1)
			}
		})
	}
	do()
	stop.Store(true)
	all.Wait()
	return done.Load()
}

// rename changes a record without its payload, from what memory holds.
func rename(t testing.TB, s *state.State, n int) {
	t.Helper()
	p, err := s.Store.Load(context.Background(), id(n))
	if err != nil {
		t.Fatal(err)
	}
	r := p.Records[1]
	r.Label, r.Payload = "another name", nil
	if err := s.Store.Commit(context.Background(), account.Change{Subject: id(n), Version: p.Version, Put: []account.Record{r}}); err != nil {
		t.Fatal(err)
	}
}

func rotate(t testing.TB, s *state.State) (stages []string) {
	t.Helper()
	err := keeper.Keeper{State: s}.Rotate(context.Background(), "anna(1)", func(p keeping.Progress) error {
		if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
			stages = append(stages, p.Stage)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// While every row comes under new keys, no login fails; after a restart the old
// keys are gone and everything opens, the whole audit too.
func TestRotateUnderLoad(t *testing.T) {
	const people = 2000
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, people)
	for range 2 {
		before, err := s.DB.Keysets(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		old, err := s.Ring.Reopen(before)
		if err != nil {
			t.Fatal(err)
		}
		sample, err := old.Seal([]byte("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var stages []string
		logins := underLoad(t, s, people, func() { stages = rotate(t, s) })
		if logins < 20 {
			t.Errorf("only %d logins: that is no load", logins)
		}
		if got := strings.Join(stages, " "); got != "records tokens verifying done" {
			t.Errorf("stages: %s", got)
		}
		whole(t, s, people)
		for n := 0; n < people; n += 50 {
			rename(t, s, n)
		}
		closed(t, s)
		s = open(t, dir)
		whole(t, s, people)
		if _, err := s.Ring.Open(sample, nil); err == nil || s.Ring.Rotating() {
			t.Error("an old key is still in the ring")
		}
	}
	events, err := s.Store.Events(context.Background(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, e := range events {
		if e.Act == account.ActKeys && e.Actor == "anna(1)" {
			noted++
		}
	}
	if noted != 4 {
		t.Errorf("%d events about keys, want 4", noted)
	}
	closed(t, s)
}

// Killed anywhere, a rotation leaves everything readable, and the next one goes
// on with it instead of making keys again.
func TestRotateSurvivesKill(t *testing.T) {
	const people = 300
	if dir := os.Getenv("SALLYPORT_TEST_ROTATE"); dir != "" {
		s, steps := open(t, dir), 0
		var at int
		if _, err := fmt.Sscan(os.Getenv("SALLYPORT_TEST_AT"), &at); err != nil {
			t.Fatal(err)
		}
		_ = keeper.Keeper{State: s}.Rotate(context.Background(), "anna(1)", func(keeping.Progress) error {
			if steps++; steps == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		})
		t.Fatalf("it lived for %d steps", steps)
	}
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, people)
	closed(t, s)
	var first []byte
	for at := 1; at <= 9; at += 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestRotateSurvivesKill$")
		c.Env = append(os.Environ(), "SALLYPORT_TEST_ROTATE="+dir, fmt.Sprint("SALLYPORT_TEST_AT=", at))
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		s := open(t, dir)
		if !s.Ring.Rotating() {
			t.Errorf("after step %d nothing is under way", at)
		}
		whole(t, s, people)
		kept, err := s.DB.Keysets(context.Background())
		if first == nil {
			first = kept
		}
		if err != nil || !bytes.Equal(kept, first) {
			t.Errorf("%v: keys were made again", err)
		}
		closed(t, s)
	}
	s = open(t, dir)
	rotate(t, s)
	closed(t, s)
	s = open(t, dir)
	whole(t, s, people)
	if s.Ring.Rotating() {
		t.Error("it did not end")
	}
	closed(t, s)
}

// A backup may be taken between two rotations, but not within one.
func TestRotateAndBackupTakeTurns(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, 100)
	k, tried := keeper.Keeper{State: s}, false
	err := k.Rotate(context.Background(), "anna(1)", func(keeping.Progress) error {
		if !tried {
			tried = true
			if err := k.Backup(context.Background(), "anna(1)", nil); err == nil {
				t.Error("a backup within a rotation")
			}
			if err := k.Rotate(context.Background(), "anna(1)", nil); err == nil {
				t.Error("a rotation within a rotation")
			}
		}
		return nil
	})
	if err != nil || !tried {
		t.Errorf("%v", err)
	}
	closed(t, s)
}

// BenchmarkRotate puts 100,000 people under new keys while logins go on.
func BenchmarkRotate(b *testing.B) {
	const people = 100_000
	s := open(b, b.TempDir())
	fill(b, s, people)
	logins := int64(0)
	for b.Loop() {
		logins += underLoad(b, s, people, func() { rotate(b, s) })
	}
	b.ReportMetric(float64(logins)/b.Elapsed().Seconds(), "logins/s")
	closed(b, s)
}
