package sqlite_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// logBuffer collects what is logged, for alarms.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open opens the state in a directory until the test ends.
func open(t testing.TB, dir string, change func(*sqlite.Config)) (*sqlite.DB, *sqlite.Store) {
	t.Helper()
	c := sqlite.Config{Path: filepath.Join(dir, "state.db"), Now: storetest.Now}
	if change != nil {
		change(&c)
	}
	db, err := sqlite.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, db.Store(storetest.Sealer())
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		_, s := open(t, t.TempDir(), nil)
		return s
	})
}

// The same with so little memory that nearly every read is from the file.
func TestStoreThatForgets(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		_, s := open(t, t.TempDir(), func(c *sqlite.Config) { c.CacheRows = 1 })
		return s
	})
}

func TestStoreSurvivesKill(t *testing.T) {
	storetest.Crash(t, func(t *testing.T, dir string) store.Store {
		log := &logBuffer{}
		_, s := open(t, dir, func(c *sqlite.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
		t.Cleanup(func() {
			if log.String() != "" {
				t.Errorf("logged: %s", log)
			}
		})
		return s
	}, func(t *testing.T, s store.Store) {
		r, err := s.(*sqlite.Store).Verify(context.Background())
		if err != nil || !r.OK() {
			t.Errorf("verify: %+v, %v", r, err)
		}
	})
}
