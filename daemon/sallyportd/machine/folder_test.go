package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The state is nobody else's: not to read, not to change, not to swap.
func TestOwnFolderRefusesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	if err := OwnFolder(filepath.Join(dir, "a", "b")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "a")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("a folder above it is open: %v, %v", st, err)
	}
	loose := filepath.Join(dir, "loose")
	if err := os.Mkdir(loose, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o701, 0o704, 0o770, 0o777} {
		if err := os.Chmod(loose, mode); err != nil {
			t.Fatal(err)
		}
		if err := OwnFolder(loose); err == nil || !strings.Contains(err.Error(), "run: chmod 0700 "+loose) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if os.Geteuid() != 0 {
		return // only root can give a folder away
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(foreign, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if err := OwnFolder(foreign); err == nil || !strings.Contains(err.Error(), "belongs to uid 12345") {
		t.Errorf("somebody else's folder: %v", err)
	}
}

// A socket's name must fit below it, wherever folders are made here.
func TestTheFolderOfAPluginIsShort(t *testing.T) {
	for _, where := range []string{"/tmp", t.TempDir() + strings.Repeat("/longer", 8)} {
		t.Setenv("TMPDIR", where)
		dir, err := folder()
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 || len(dir) > 64 {
			t.Errorf("%s: %v, %v", dir, st, err)
		}
	}
}
