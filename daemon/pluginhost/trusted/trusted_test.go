package trusted_test

import (
	"crypto/sha256"
	"errors"
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

// The fault says which path and what mends it; none means fine.
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
				if os.Geteuid() != 0 { // only a folder of root's is one for everybody
					must(t, os.Chmod(filepath.Dir(path), 0o777))
					return path
				}
				if _, err := trusted.Open(path, ""); err == nil || !strings.Contains(err.Error(), "folder of its own") || strings.Contains(err.Error(), "`") {
					t.Errorf("a folder such as /tmp is not to be closed to others: %v", err)
				}
				must(t, os.Chmod(filepath.Dir(path), 0o777))
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
				loosen(t, loose(path))
				must(t, os.Symlink(path, loose(path)+"/link"))
				return loose(path) + "/link"
			},
			at: loose, mend: "chmod go-w ",
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
		"a link through a link in a loose directory": {
			spoil: func(t *testing.T, path string) string {
				base := filepath.Dir(filepath.Dir(path))
				loosen(t, base+"/loose")
				must(t, os.Symlink(path, base+"/loose/link2"))
				must(t, os.Symlink("loose/link2", base+"/link"))
				return base + "/link"
			},
			at: loose, mend: "chmod go-w ",
		},
		"a link to a folder through one in a loose directory": {
			spoil: func(t *testing.T, path string) string {
				base := filepath.Dir(filepath.Dir(path))
				loosen(t, base+"/loose")
				must(t, os.Symlink("../inner", base+"/loose/d"))
				must(t, os.Symlink(base+"/loose/d", base+"/dd"))
				return base + "/dd/plugin"
			},
			at: loose, mend: "chmod go-w ",
		},
		"links in a circle": {
			spoil: func(t *testing.T, path string) string {
				base := filepath.Dir(filepath.Dir(path))
				must(t, os.Symlink("b", base+"/a"))
				must(t, os.Symlink("a", base+"/b"))
				if _, err := trusted.Open(base+"/a", ""); err == nil || !strings.Contains(err.Error(), "circle") {
					t.Errorf("got %v", err)
				}
				return path
			},
		},
		"a program that runs as its owner": {
			spoil: func(t *testing.T, path string) string { must(t, os.Chmod(path, 0o755|os.ModeSetuid)); return path },
			at:    func(path string) string { return path }, mend: "chmod ug-s ",
		},
		"a script whose interpreter is loose": {
			spoil: func(t *testing.T, path string) string {
				base := filepath.Dir(filepath.Dir(path))
				loosen(t, base+"/loose")
				must(t, os.WriteFile(base+"/loose/sh", []byte("#!/bin/sh\nexec /bin/sh\n"), 0o755))
				must(t, os.WriteFile(path, []byte("#! "+base+"/loose/sh -e\n"), 0o755))
				return path
			},
			at: loose, mend: "chmod go-w ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := place(t)
			judge(t, c.spoil(t, path), path, c.at, c.mend)
		})
	}
}

func loose(path string) string { return filepath.Join(filepath.Dir(filepath.Dir(path)), "loose") }

func loosen(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Chmod(dir, 0o777))
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
		} else if !strings.Contains(err.Error(), "`chown -h root "+owned(path)+"`") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A fresh clone of a careful group: everything on the way is writable, and the
// command in the one error, given to a shell, mends all of it.
func TestOneCommandMendsAll(t *testing.T) {
	base := filepath.Join(t.TempDir(), "it's a \"clone\" $(x)")
	must(t, os.MkdirAll(base+"/bin", 0o755))
	must(t, os.MkdirAll(base+"/var", 0o755))
	paths := []string{base + "/bin/one", base + "/bin/two", base + "/var"}
	for _, p := range paths[:2] {
		must(t, os.WriteFile(p, []byte("#!/bin/sh\n"), 0o755))
	}
	must(t, os.Symlink("bin/two", base+"/link"))
	paths[1] = base + "/link"
	for _, p := range []string{base, base + "/bin", base + "/bin/one", base + "/bin/two", base + "/var"} {
		must(t, os.Chmod(p, 0o775))
	}
	if os.Geteuid() == 0 {
		must(t, os.Lchown(base+"/link", stranger, stranger))
		must(t, os.Chown(base+"/bin/one", stranger, stranger))
	}
	for _, p := range paths[:2] {
		if f, err := trusted.Open(p, ""); err == nil {
			f.Close()
			t.Errorf("%s was taken", p)
		}
	}
	err := trusted.Check(append(paths, base+"/nowhere")...)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	_, command, _ := strings.Cut(err.Error(), "`")
	command, _, _ = strings.Cut(command, "`")
	if out, err := exec.Command("/bin/sh", "-ec", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if err := trusted.Check(paths...); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	for _, p := range paths[:2] {
		f, err := trusted.Open(p, "")
		must(t, err)
		f.Close()
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

// What runs is what all the links led to when they were looked at.
func TestWhatIsCheckedIsWhatRuns(t *testing.T) {
	path := place(t)
	link := filepath.Dir(filepath.Dir(path)) + "/link"
	must(t, os.Symlink(path, link))
	f, err := trusted.Open(link, "")
	must(t, err)
	defer f.Close()
	must(t, os.Remove(link))
	must(t, os.Symlink("/bin/true", link))
	var exit *exec.ExitError
	if err := (&exec.Cmd{Path: f.Exec, Args: []string{f.Path}}).Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("something else ran: %v", err)
	}
	if f.Path != link {
		t.Errorf("the process would be called %s", f.Path)
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
