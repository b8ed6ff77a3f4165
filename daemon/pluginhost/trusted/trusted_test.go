package trusted_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/pluginhost/trusted"
)

const stranger = 65534

// place makes dir/inner/plugin and returns the path of the last.
func place(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inner", "plugin")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The fault says which path and what mends it; a fault of "" means fine.
func TestWhoOwnsThePath(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string) string // returns the path to open
		at    func(path string) string
		mend  string
	}{
		"as it should be": {
			spoil: func(_ *testing.T, path string) string { return path },
		},
		"file for the group": {
			spoil: func(t *testing.T, path string) string { must(t, os.Chmod(path, 0o775)); return path },
			at:    func(path string) string { return path }, mend: "chmod go-w ",
		},
		"file for everybody": {
			spoil: func(t *testing.T, path string) string { must(t, os.Chmod(path, 0o757)); return path },
			at:    func(path string) string { return path }, mend: "chmod go-w ",
		},
		"directory for everybody": {
			spoil: func(t *testing.T, path string) string { must(t, os.Chmod(filepath.Dir(path), 0o777)); return path },
			at:    filepath.Dir, mend: "chmod go-w ",
		},
		"file in a sticky directory for everybody": {
			spoil: func(t *testing.T, path string) string {
				must(t, os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky))
				return path
			},
			at: filepath.Dir, mend: "chmod go-w ",
		},
		"not executable": {
			spoil: func(t *testing.T, path string) string { must(t, os.Chmod(path, 0o644)); return path },
			at:    func(path string) string { return path }, mend: "chmod u=rwx,go=rx ",
		},
		"a good link to it": {
			spoil: func(t *testing.T, path string) string {
				must(t, os.Symlink(path, filepath.Dir(filepath.Dir(path))+"/link"))
				return filepath.Dir(filepath.Dir(path)) + "/link"
			},
		},
		"a link out of a loose directory": {
			spoil: func(t *testing.T, path string) string {
				loose := filepath.Join(filepath.Dir(filepath.Dir(path)), "loose")
				must(t, os.Mkdir(loose, 0o755))
				must(t, os.Chmod(loose, 0o777))
				must(t, os.Symlink(path, loose+"/link"))
				return loose + "/link"
			},
			at: func(path string) string { return filepath.Join(filepath.Dir(filepath.Dir(path)), "loose") }, mend: "chmod go-w ",
		},
		"a link into a loose directory": {
			spoil: func(t *testing.T, path string) string {
				link := filepath.Dir(filepath.Dir(path)) + "/link"
				must(t, os.Symlink(path, link))
				must(t, os.Chmod(filepath.Dir(path), 0o777))
				return link
			},
			at: filepath.Dir, mend: "chmod go-w ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := place(t)
			judge(t, c.spoil(t, path), path, c.at, c.mend)
		})
	}
}

func judge(t *testing.T, open, path string, at func(string) string, mend string) {
	t.Helper()
	f, err := trusted.Open(open, "")
	if at == nil {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		f.Close()
		return
	}
	if err == nil {
		f.Close()
		t.Fatal("taken")
	}
	if want := "`" + mend + at(path) + "`"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not name the command %s", err, want)
	}
}

func TestAStrangersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can make a file of somebody else; the directory of a stranger is not tried")
		return
	}
	for name, owned := range map[string]func(string) string{
		"file": func(p string) string { return p }, "directory": filepath.Dir,
	} {
		path := place(t)
		must(t, os.Chown(owned(path), stranger, stranger))
		if f, err := trusted.Open(path, ""); err == nil {
			f.Close()
			t.Errorf("%s of a stranger was taken", name)
		} else if !strings.Contains(err.Error(), "`chown root "+owned(path)+"`") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	path := place(t)
	for _, p := range []string{"", "plugin", "./plugin", filepath.Dir(path) + "/../inner/plugin", path + "/", path + "x", filepath.Dir(path)} {
		if f, err := trusted.Open(p, ""); err == nil {
			f.Close()
			t.Errorf("%q was taken", p)
		}
	}
}

func pin(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return fmt.Sprintf("%X", sha256.Sum256(b))
}

func TestAPin(t *testing.T) {
	path := place(t)
	good := pin(t, path)
	for name, p := range map[string]string{
		"of another file": strings.Repeat("0", 64), "too short": good[:62], "not hexadecimal": "x" + good[1:],
	} {
		if f, err := trusted.Open(path, p); err == nil {
			f.Close()
			t.Errorf("a pin %s was taken", name)
		}
	}
	f, err := trusted.Open(path, good)
	must(t, err)
	defer f.Close()
	if f.Exec != path {
		t.Errorf("a script would be executed as %s, which its interpreter cannot open", f.Exec)
	}
}

// What was hashed is what runs, also if the name leads elsewhere by then.
func TestWhatIsPinnedIsWhatRuns(t *testing.T) {
	path := place(t)
	b, err := os.ReadFile("/bin/true")
	must(t, err)
	must(t, os.WriteFile(path, b, 0o755))
	f, err := trusted.Open(path, pin(t, path))
	must(t, err)
	defer f.Close()
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte("#!/bin/sh\nexit 7\n"), 0o755))
	if err := (&exec.Cmd{Path: f.Exec, Args: []string{path}}).Run(); err != nil {
		t.Errorf("something else ran: %v", err)
	}
}
