package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// contains looks for text in all files of a folder.
func contains(t *testing.T, dir, text string, want bool) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil || found != want {
		t.Errorf("%q in the files: %v, %v", text, found, err)
	}
}

func config(dir string) sqlite.Config {
	return sqlite.Config{Path: filepath.Join(dir, "state.db"), Now: storetest.Now}
}

func refusesToOpen(t *testing.T, c sqlite.Config, want string) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), c)
	if err == nil {
		_ = db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	db, s := open(t, dir, nil)
	refusesToOpen(t, config(dir), "another process has it open")
	if err := s.Commit(context.Background(), account.Change{Subject: "anna"}); err != nil {
		t.Errorf("the first one: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil)
}

func TestLooseModesAreRefused(t *testing.T) {
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm", "state.db.lock"} {
		for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o601, 0o644} {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil {
				t.Fatal(err)
			}
			refusesToOpen(t, config(dir), "run: chmod 600 "+path)
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("elsewhere", filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	refusesToOpen(t, config(dir), "not a regular file")
}

func TestFilesAreForOneselfOnly(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a folder? with=odd&signs#%41")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, s := open(t, dir, nil)
	if err := s.Commit(context.Background(), account.Change{Subject: "anna"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestWhatIsNoStateIsRefused(t *testing.T) {
	dir := audited(t, 1)
	behind(t, dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	refusesToOpen(t, config(dir), "its schema 99 is newer than the 6 that this program knows")
	if err := os.WriteFile(filepath.Join(dir, "state.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	refusesToOpen(t, config(dir), "not a database")
	refusesToOpen(t, config(filepath.Join(dir, "no", "where")), "no such file")
	refusesToOpen(t, sqlite.Config{Path: "x"}, "clock")
	refusesToOpen(t, sqlite.Config{Now: storetest.Now}, "path")
}

func TestInstanceAndKeysets(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	db, _ := open(t, dir, nil)
	other, _ := open(t, t.TempDir(), nil)
	if db.Instance() == "" || db.Instance() == other.Instance() {
		t.Errorf("instances %q and %q", db.Instance(), other.Instance())
	}
	if _, err := db.Keysets(ctx); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("no key sets yet: %v", err)
	}
	for _, want := range []string{"first", "second"} {
		if err := db.SaveKeysets(ctx, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Keysets(ctx); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	name := db.Instance()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, _ = open(t, dir, nil)
	if got, err := db.Keysets(ctx); err != nil || string(got) != "second" || db.Instance() != name {
		t.Errorf("after a start: %q, %v, %q", got, err, db.Instance())
	}
}

// One that the database refuses does not take with it those that share its
// transaction.
func TestOneBadChangeSpoilsNoOther(t *testing.T) {
	_, s := open(t, t.TempDir(), nil)
	if err := s.Commit(context.Background(), account.Change{Subject: "first", Put: []account.Record{record("first", "taken", "totp", 1)}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			id := account.ID(fmt.Sprint("person ", i))
			name := string(id)
			if i%10 == 0 {
				name = "taken" // by another person
			}
			err := s.Commit(context.Background(), account.Change{Subject: id, Put: []account.Record{record(id, name, "totp", 1)},
				Events: []account.Event{{Act: account.ActEnroll, Subject: id}}})
			if (err != nil) != (i%10 == 0) || err != nil && !errors.Is(err, account.ErrUnavailable) {
				t.Errorf("person %d: %v", i, err)
			}
		})
		wg.Go(func() { // so do tries, which memory must not know before they are kept
			try := account.Event{Act: account.ActCheck, Subject: account.ID(fmt.Sprint("person ", i))}
			for range 5 {
				if err := s.Log(context.Background(), []account.Event{try}, nil); err != nil {
					t.Errorf("the tries of person %d: %v", i, err)
				}
			}
			if got, err := s.Tries(context.Background(), try.Subject, 2); err != nil || len(got) != 1 || got[0].Count != 5 {
				t.Errorf("person %d has the tries %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	if r, err := s.Verify(context.Background()); err != nil || !r.OK() || r.Events != 180 || r.Subjects != 181 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhoGivesUpWaitingWritesNothing(t *testing.T) {
	_, s := open(t, t.TempDir(), nil)
	busy, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { // holds the writer
		_, _, err := s.Fail(context.Background(), account.Try{Bucket: "b", At: storetest.Now(), Allow: func([]time.Time) time.Duration {
			close(busy)
			<-release
			return 0
		}})
		done <- err
	}()
	<-busy
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := s.Commit(ctx, account.Change{Subject: "anna"})
	if !errors.Is(err, account.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Commit(context.Background(), account.Change{Subject: "anna"}); err != nil {
		t.Errorf("it was written after all: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	db, s := open(t, dir, nil)
	write := func(i int) error {
		id := account.ID(fmt.Sprint("person ", i))
		r := record(id, string(id), "totp", 1)
		r.Payload = make([]byte, 4000)
		return s.Commit(ctx, account.Change{Subject: id, Put: []account.Record{r}, Events: []account.Event{{Act: account.ActEnroll}}})
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) }()
	kept := 0
	for ; kept < 1000; kept++ {
		if err := write(kept); err != nil {
			if !errors.Is(err, account.ErrUnavailable) {
				t.Errorf("full: %v", err)
			}
			break
		}
	}
	if kept < 10 || kept == 1000 {
		t.Fatalf("full after %d", kept)
	}
	// What is smaller may still fit, and then it is counted; the rest is not.
	counted, refused := 0, 0
	for refused < 20 {
		_, _, err := s.Fail(ctx, account.Try{Bucket: "b", At: storetest.Now(), Allow: func(earlier []time.Time) time.Duration {
			if len(earlier) != counted {
				t.Errorf("%d tries are there, and %d were counted", len(earlier), counted)
			}
			return 0
		}})
		switch {
		case err == nil && counted < 100:
			counted++
		case errors.Is(err, account.ErrUnavailable):
			refused++
		default:
			t.Fatalf("a try on a full disk, after %d: %v", counted, err)
		}
	}
	for i := range kept + 1 {
		p, err := s.Load(ctx, account.ID(fmt.Sprint("person ", i)), "totp")
		if err != nil || (i < kept) != (p.Version == 1) {
			t.Errorf("reading person %d of %d on a full disk: version %d, %v", i, kept, p.Version, err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := write(kept); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Subjects != int64(kept+1) || r.Events != int64(kept+1) {
		t.Errorf("%d kept: %+v, %v", kept, r, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, s = open(t, dir, nil)
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Subjects != int64(kept+1) {
		t.Errorf("after a start, %d kept: %+v, %v", kept, r, err)
	}
}

func TestLogStaysSmall(t *testing.T) {
	dir := t.TempDir()
	_, s := open(t, dir, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := account.ID(fmt.Sprint(i))
			r := record(id, string(id), "totp", 1)
			r.Payload = make([]byte, 4096)
			for version := range int64(500) {
				if err := s.Commit(context.Background(), account.Change{Subject: id, Version: version, Put: []account.Record{r}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(filepath.Join(dir, "state.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 32<<20 {
		t.Errorf("the log has grown to %d bytes", info.Size())
	}
}

func TestObserveAndClose(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	db, s := open(t, t.TempDir(), func(c *sqlite.Config) {
		c.Observe = func(op string, _ time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			if seen[op]++; err != nil {
				seen[op+" failed"]++
			}
		}
	})
	ctx := context.Background()
	call := func() []error {
		_, err1 := s.Load(ctx, "anna")
		_, _, err2 := s.Fail(ctx, account.Try{Bucket: "b", Allow: func([]time.Time) time.Duration { return 0 }})
		_, err3 := s.Token(ctx, account.TokenRef{Kind: account.TokenSession})
		_, err4 := s.Events(ctx, 0, 1)
		_, err5 := s.Tries(ctx, "anna", 1)
		_, err6 := s.Census(ctx)
		return []error{s.Commit(ctx, account.Change{Version: -1}), s.Log(ctx, []account.Event{{}}, nil), err1, err2, err3, err4, err5, err6}
	}
	for i, err := range call() {
		if err != nil && !errors.Is(err, account.ErrNotFound) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	for _, op := range []string{"load", "commit", "fail", "token", "log", "events", "tries", "census"} {
		if seen[op] != 1 {
			t.Errorf("%s was seen %d times", op, seen[op])
		}
	}
	if n := s.Backlog(); n != 0 {
		t.Errorf("%d wait", n)
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	for i, err := range call() {
		if !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("call %d after closing: %v", i, err)
		}
	}
}
