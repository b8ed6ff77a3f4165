package file_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/store/sqlite/file"
)

// A file of which a power cut has left a log is whole by itself afterwards.
func TestSettle(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path, cut := filepath.Join(dir, "state.db"), filepath.Join(dir, "cut.db")
	f, err := file.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetMeta(ctx, "keysets", []byte("in the log")); err != nil {
		t.Fatal(err)
	}
	name, err := f.Instance(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal"} {
		if out, err := exec.Command("cp", path+end, cut+end).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if _, err := file.Lock(path); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("locked what is open: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Settle(ctx, cut); err != nil {
		t.Fatal(err)
	}
	if log, err := os.Stat(cut + "-wal"); err == nil && log.Size() > 0 {
		t.Errorf("a log of %d bytes is left", log.Size())
	}
	if got := file.InstanceOf(ctx, cut); got != name {
		t.Errorf("instance %q, want %q", got, name)
	}
	if got := file.InstanceOf(ctx, filepath.Join(dir, "none.db")); got != "" {
		t.Errorf("instance %q of nothing", got)
	}
}

func mustTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTheFloorNeverSinks(t *testing.T) {
	ctx := context.Background()
	f, err := file.Open(ctx, filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	at, err := f.Floor(ctx)
	if err != nil || !at.IsZero() {
		t.Errorf("a new one has the floor %s, %v", at, err)
	}
	high := mustTime(t, "2027-01-02T03:04:05Z")
	for _, to := range []string{"2027-01-01T00:00:00Z", "2027-01-02T03:04:05Z", "2026-01-01T00:00:00Z"} {
		if err := f.RaiseFloor(ctx, mustTime(t, to)); err != nil {
			t.Fatal(err)
		}
	}
	if at, err := f.Floor(ctx); err != nil || !at.Equal(high) {
		t.Errorf("the floor is %s, %v", at, err)
	}
}
