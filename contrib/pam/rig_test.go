package pam

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// sanitized is how the tests build what must not leak, overrun or overflow.
const sanitized = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

// builds remembers where the module was built, by the sanitizers in it, and its
// readers alone.
type builds struct {
	mu   sync.Mutex
	dirs map[string]string
}

var built = builds{dirs: map[string]string{}}

func TestMain(m *testing.M) {
	// Those that say that they are parallel do nothing but wait.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, dir := range built.dirs {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build makes the module from a copy of this folder, as a packager would, once
// for all tests, and returns the copy; the module is build/pam_sallyport.so
// below it.
func build(t *testing.T, sanitize string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if dir, ok := built.dirs[sanitize]; ok {
		return dir
	}
	dir, err := os.MkdirTemp("", "sppam")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	built.dirs[sanitize+" in the making"] = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatalf("opening the folder: %v", err)
	}
	buildIn(t, dir, "SANITIZE="+sanitize)
	delete(built.dirs, sanitize+" in the making")
	built.dirs[sanitize] = dir
	return dir
}

// buildIn builds a copy of this folder.
func buildIn(t *testing.T, dir string, more ...string) {
	t.Helper()
	needCompiler(t)
	run.Need(t, "make", "make")
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatalf("copying the sources: %v", err)
	}
	_ = os.RemoveAll(filepath.Join(dir, "build")) // whatever somebody built here before
	if said, err := run.Run(run.Command{Path: "make", Dir: dir, Args: append([]string{"CC=gcc"}, more...)}); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
}

// needCompiler ends a test where nothing of the module can be compiled.
func needCompiler(t testing.TB) {
	t.Helper()
	run.Need(t, "gcc", "gcc libc6-dev")
	if _, err := os.Stat("/usr/include/security/pam_modules.h"); err != nil {
		lacks(t, "libpam0g-dev")
	}
}

// lacks ends a test for which a Debian package is missing.
func lacks(t testing.TB, debian string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing: apt install %s", debian)
	}
	t.Skipf("missing: apt install %s", debian)
}

// folder is a temporary one with a short name, which everybody may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sppam")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatalf("opening the folder: %v", err)
	}
	return dir
}

// compile builds one of the test's own C programs with sanitizers.
func compile(t *testing.T, dir, name string, more ...string) string {
	t.Helper()
	return compilePlain(t, dir, name, append(more, strings.Fields(sanitized)...)...)
}

// compilePlain builds it without, for tests that look at memory themselves; once
// for all tests.
func compilePlain(t *testing.T, dir, name string, more ...string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	key := strings.Join(append([]string{dir, name}, more...), " ")
	if out, ok := built.dirs[key]; ok {
		return filepath.Join(out, name)
	}
	out, err := os.MkdirTemp("", "sppam")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	built.dirs[out] = out // goes with the test, whatever becomes of it
	args := []string{"-O1", "-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
		"-rdynamic", "-I", filepath.Join(dir, "src"), "-o", filepath.Join(out, name), filepath.Join("testdata", name+".c")}
	if said, err := run.Run(run.Command{Path: "gcc", Args: append(args, more...), Dir: dir}); err != nil {
		t.Fatalf("compiling: %v\n%s", err, said)
	}
	built.dirs[key] = out
	return filepath.Join(out, name)
}

// desk is a service file, and somebody who logs in by it.
type desk struct {
	module string // path of pam_sallyport.so
	driver string // the program that holds conversations, or empty
	conf   string // where the driver finds its service files
}

// newDesk builds module and driver with sanitizers.
func newDesk(t *testing.T) desk {
	t.Helper()
	dir := build(t, sanitized)
	return deskAt(t, dir, compile(t, dir, "driver", "-lpam"))
}

// deskAt uses the module that was built in dir.
func deskAt(t *testing.T, dir, driver string) desk {
	t.Helper()
	d := desk{module: filepath.Join(dir, "build", "pam_sallyport.so"), driver: driver, conf: folder(t)}
	run.Write(t, filepath.Join(d.conf, "other"), "auth required pam_deny.so\n", 0o644) // libpam complains where it is missing
	return d
}

// login is one conversation.
type login struct {
	user, host, options string
	answers             []string
	flags               string
	stack               string // a whole service file; %s is the module
	left                string // what must not be found in memory, in hex
}

// heard is how it went.
type heard struct {
	result  string // in libpam's words; "yes" for success
	asked   []string
	told    []string
	logged  []string
	other   map[string]string // account, credentials ...
	said    string
	unasked bool
	left    string
	took    time.Duration // by the module, the people's own time not counted
}

// serviceFile is a file for a module with these options.
func (d desk) serviceFile(l login) string {
	if l.stack != "" {
		return strings.ReplaceAll(l.stack, "%s", d.module)
	}
	line := d.module + " " + l.options + "\n"
	return "auth required " + line + "account required " + line + "session required " + line + "password required " + line
}

// talk has the driver hold the conversation.
func (d desk) talk(t *testing.T, l login) heard {
	t.Helper()
	f, err := os.CreateTemp(d.conf, "service")
	if err != nil {
		t.Fatalf("writing a service file: %v", err)
	}
	_ = f.Close()
	run.Write(t, f.Name(), d.serviceFile(l), 0o644)
	out, err := run.Run(run.Command{Path: d.driver, Args: append([]string{d.conf, filepath.Base(f.Name()), l.user, l.host, l.flags}, l.answers...), Env: []string{"LEFT=" + l.left}})
	if err != nil {
		t.Fatalf("the program did not end well: %v", err)
	}
	h := heard{said: out, other: map[string]string{}}
	for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "result":
			h.result = value
		case "asked":
			h.asked = append(h.asked, value)
		case "told":
			h.told = append(h.told, value)
		case "logged":
			h.logged = append(h.logged, value)
		case "unasked":
			h.unasked = true
		case "left":
			h.left = value
		case "took":
			h.took = milliseconds(t, value)
		case "account", "credentials", "session", "session's end", "new password":
			h.other[key] = value
		default: // files left open, and whatever nobody should have printed
			t.Errorf("unexpected: %q", line)
		}
	}
	return h
}

// milliseconds reads the number that a text begins with.
func milliseconds(t *testing.T, text string) time.Duration {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("reading a duration: %v", err)
	}
	return time.Duration(n) * time.Millisecond
}

// What libpam says.
const (
	yes         = "yes"
	authErr     = "Authentication failure"
	maxTries    = "Have exhausted maximum number of retries for service"
	unavailable = "Authentication service cannot retrieve authentication info"
	userUnknown = "User not known to the underlying authentication module"
	serviceErr  = "Error in service module"
)

// want compares the result, how often was asked, and that no secret was said
// aloud or logged.
func (h heard) want(t *testing.T, result string, asked int, secrets ...string) {
	t.Helper()
	if h.result != result || len(h.asked) != asked {
		t.Errorf("result %q after %d prompts, want %q after %d:\n%s", h.result, len(h.asked), result, asked, h.said)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(h.said, s) {
			t.Errorf("a secret was told:\n%s", h.said)
		}
	}
}

func (h heard) wantLogged(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(strings.Join(h.logged, "\n"), text) {
		t.Errorf("nothing logged of %q:\n%s", text, h.said)
	}
}

// options are those of a socket, with more behind them.
func options(socket string, more ...string) string {
	return fmt.Sprintf("socket=%s %s", socket, strings.Join(more, " "))
}
