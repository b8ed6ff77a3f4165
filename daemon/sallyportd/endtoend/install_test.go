package endtoend

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// builder is a copy of the tree, as somebody gets it who clones it with umask
// 002, on a machine that has Go, make and little else.
type builder struct {
	*site
	tree string
	path string // the one folder of programs
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	b := &builder{site: newSite(t, options{bare: true})}
	b.must("opening the folder for other users", os.Chmod(b.dir, 0o755))
	b.tree, b.path = b.site.path("tree"), b.site.path("programs")
	b.must("making a folder", os.Mkdir(b.path, 0o755))
	for _, program := range []string{"go", "make", "sh", "mkdir", "chmod", "install", "rm"} {
		real, err := exec.LookPath(program)
		b.must("finding a program", err)
		real, err = filepath.EvalSymlinks(real)
		b.must("finding a program", err)
		b.must("linking a program", os.Symlink(real, filepath.Join(b.path, program)))
	}
	b.must("copying the tree", filepath.WalkDir(root, b.copy))
	return b
}

// copy takes one file of the tree along, with the modes of umask 002.
func (b *builder) copy(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	to := filepath.Join(b.tree, rel)
	switch {
	case d.IsDir() && (rel == ".git" || rel == "bin" || rel == "var"):
		return fs.SkipDir
	case d.IsDir():
		return errors.Join(os.Mkdir(to, 0o755), os.Chmod(to, 0o775))
	case !d.Type().IsRegular():
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// shell runs a command in the tree under umask 002, with no program but those.
func (b *builder) shell(command string, more ...string) string {
	b.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "umask 002; "+command)
	cmd.Dir, cmd.Env = b.tree, append(os.Environ(), "PATH="+b.path, "MAKEFLAGS=", "MAKELEVEL=")
	cmd.Env = append(cmd.Env, more...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// looseBelow are the files and folders that others can change.
func looseBelow(dir string) (loose []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Mode().Perm()&0o022 != 0 {
			loose = append(loose, path)
		}
		return err
	})
	return loose, err
}

// lean wants programs that need no other file, and hold no names for debuggers.
func (b *builder) lean(dir string) {
	b.t.Helper()
	programs, err := os.ReadDir(dir)
	b.must("looking at what was built", err)
	if len(programs) < 6 {
		b.t.Errorf("only %d programs were built", len(programs))
	}
	for _, p := range programs {
		f, err := elf.Open(filepath.Join(dir, p.Name()))
		b.must("reading a program", err)
		for _, s := range f.Progs {
			if s.Type == elf.PT_INTERP || s.Type == elf.PT_DYNAMIC {
				b.t.Errorf("%s is not static: it has %s", p.Name(), s.Type)
			}
		}
		for _, name := range []string{".symtab", ".debug_info", ".zdebug_info"} {
			if f.Section(name) != nil {
				b.t.Errorf("%s is not stripped: it has %s", p.Name(), name)
			}
		}
		b.must("closing a program", f.Close())
	}
}

// try starts the demo of a program in a new folder, asks it one question and
// stops it.
func (b *builder) try(program string) {
	b.t.Helper()
	dir, err := os.MkdirTemp(b.dir, "empty")
	b.must("making a folder", err)
	cmd := exec.Command(program, "demo")
	cmd.Dir = dir
	demo, err := startProcess(cmd)
	b.must("starting the demo", err)
	b.site.daemon = demo
	b.must("waiting for the demo", within(patience, func() error {
		select {
		case <-demo.done:
			return fatal{fmt.Errorf("it ended at once: %w", demo.err)}
		default:
		}
		if !strings.Contains(demo.said(), "Ctrl-C stops the demo.") {
			return errors.New("it does not become ready")
		}
		return nil
	}))
	c := client{filepath.Join(dir, "var/run/check.sock")}
	a, err := c.auth(login{service: "dav", name: "alice", password: "alice-password"}, false)
	if err == nil {
		err = expectStatus(a, http.StatusUnauthorized)
	}
	b.must("asking the demo", err)
	b.must("stopping the demo", demo.stop())
}

// Whoever has Go and make can build, install and run this, whatever the umask.
func TestMake(t *testing.T) {
	b := newBuilder(t)
	b.shell("make build")
	loose, err := looseBelow(filepath.Join(b.tree, "bin"))
	b.must("looking at what was built", err)
	if len(loose) > 0 {
		t.Errorf("others can change what make built: %q", loose)
	}
	b.lean(filepath.Join(b.tree, "bin"))
	if said := b.shell("make -n run"); !strings.HasSuffix(said, "\nbin/sallyportd demo --dir var\n") {
		t.Errorf("make run would do:\n%s", said)
	}
	// The folder of the clone itself is open to its group, which is not make's to
	// change. The demo says in one sentence what is.
	program := filepath.Join(b.tree, "bin/sallyportd")
	cmd := exec.Command(program, "demo", "--dir", b.site.path("var"))
	out, err := cmd.CombinedOutput()
	told := regexp.MustCompile(`^sallyportd: [^\n]*; to mend it: (chmod go-w \S+)\n$`).FindStringSubmatch(string(out))
	if err == nil || told == nil || told[1] != "chmod go-w "+b.tree {
		t.Fatalf("want one sentence with a command about %s, got %v and:\n%s", b.tree, err, out)
	}
	b.shell(told[1])
	b.try(program)

	dest := b.site.path("dest")
	b.shell("make build install DESTDIR=" + dest + " PREFIX=/usr")
	if loose, err := looseBelow(filepath.Join(dest, "usr")); err != nil || len(loose) > 0 {
		t.Errorf("others can change what make installed: %q, %v", loose, err)
	}
	for _, file := range []string{"bin/sallyport", "bin/sallyport-totp", "share/man/man8/sallyportd.8",
		"share/bash-completion/completions/sallyportd", "share/sallyport/configs/sallyport.toml"} {
		if st, err := os.Stat(filepath.Join(dest, "usr", file)); err != nil || st.Size() == 0 {
			t.Errorf("make install left no %s: %v", file, err)
		}
	}
	b.must("closing the folder", os.Chmod(dest, 0o755))
	b.try(filepath.Join(dest, "usr/bin/sallyportd"))
	b.installAsToldByREADME()
}

// installAsToldByREADME types what the README says about an installation, with
// the folders of the system below one of our own, and nobody for sallyport.
func (b *builder) installAsToldByREADME() {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			b.t.Fatal("only root can install for another user, and CI=true: run the tests as root")
		}
		b.t.Log("not tried: only root can install for another user")
		return
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	b.must("reading the README", err)
	_, block, ok := strings.Cut(string(text), "\n## In front of your own directory\n\n```\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		b.t.Fatal("the README does not say how to install")
	}
	for _, dir := range []string{"sys/etc", "sys/var/lib", "sys/run"} {
		b.must("making a folder", os.MkdirAll(b.site.path(dir), 0o755))
	}
	did := map[string]bool{}
	for line := range strings.Lines(block) {
		typed, _, _ := strings.Cut(strings.TrimSpace(line), " #")
		did[b.play(typed)] = true
	}
	for _, what := range []string{"make", "useradd", "init", "install", "sudoedit", "check-config", "serve"} {
		if !did[what] {
			b.t.Errorf("the README leaves out %s", what)
		}
	}
}

// play does one line, and returns the word that says what it was.
func (b *builder) play(typed string) string {
	b.t.Helper()
	nobody, err := user.Lookup("nobody")
	b.must("looking for a user without rights", err)
	sys, dest := b.site.path("sys"), b.site.path("local")
	typed = strings.TrimSpace(strings.NewReplacer("/usr/local/", dest+"/usr/local/", "/etc/", sys+"/etc/", "/run/", sys+"/run/").Replace(typed))
	command := strings.ReplaceAll(strings.TrimPrefix(typed, "sudo "), "&& sudo ", "&& ")
	command = strings.NewReplacer("--user sallyport", "--user nobody --kek "+sys+"/etc/sallyport/kek --state "+sys+"/var/lib/sallyport",
		"-o sallyport -g sallyport", "-o nobody -g "+nobody.Gid, "sallyportd ", dest+"/usr/local/bin/sallyportd ").Replace(command)
	words := strings.Fields(command)
	config := sys + "/etc/sallyport/sallyport.toml"
	switch {
	case words[0] == "useradd":
		return "useradd" // and nobody is there already
	case words[0] == "sudoedit":
		b.edit(config)
		return "sudoedit"
	case words[0] == "-u":
		if words[1] != "sallyport" || len(words) != 4 {
			b.t.Fatalf("this test does not know how to do: %s", typed)
		}
		b.asUser(nobody, exec.Command(words[2], words[3], "--config", config))
		return words[3]
	}
	b.shell(command, "DESTDIR="+dest)
	if words[1] == "init" {
		// Whoever types it again finds everything as it was.
		key, err := os.ReadFile(sys + "/etc/sallyport/kek")
		b.must("reading the key", err)
		said := b.shell(command)
		again, err := os.ReadFile(sys + "/etc/sallyport/kek")
		if err != nil || !bytes.Equal(key, again) || strings.Count(said, "is there ") != 3 {
			b.t.Errorf("init is not the same a second time: %v\n%s", err, said)
		}
	}
	if words[0] == "make" || words[0] == "install" {
		return words[0]
	}
	return words[1]
}

// edit makes the reference fit this machine, as its reader would.
func (b *builder) edit(config string) {
	text, err := os.ReadFile(config)
	b.must("opening the config", err)
	sys := b.site.path("sys")
	fit := strings.NewReplacer(`"/etc/`, `"`+sys+`/etc/`, `"/run/`, `"`+sys+`/run/`, `#state = "/var/lib/sallyport"`, `state = "`+sys+`/var/lib/sallyport"`,
		"ldap1.example.org", "127.0.0.1:1", "ldap2.example.org", "[::1]:1", "127.0.0.1:8080", sys+"/run/sallyport/page.sock", "127.0.0.1:9464", sys+"/run/sallyport/metrics.sock").Replace(string(text))
	b.must("writing the config", os.WriteFile(config, []byte(fit), 0o644))
}

// mendAs leaves key and state with root, who made them, and does what
// check-config then tells its user to do.
func (b *builder) mendAs(who *syscall.Credential, cmd *exec.Cmd) {
	b.t.Helper()
	for _, path := range []string{"sys/etc/sallyport/kek", "sys/var/lib/sallyport"} {
		b.must("taking it away", os.Chown(b.site.path(path), 0, 0))
	}
	asked := exec.Command(cmd.Path, cmd.Args[1:]...)
	asked.Dir, asked.SysProcAttr = cmd.Dir, &syscall.SysProcAttr{Credential: who}
	said, err := asked.CombinedOutput()
	mends := regexp.MustCompile(`toml:\d+: (?:state|keys\.kek): .*permission denied; run: (chown \d+ \S+)\n`).FindAllStringSubmatch(string(said), -1)
	if err == nil || len(mends) != 2 {
		b.t.Fatalf("want two commands, got %v and:\n%s", err, said)
	}
	for _, m := range mends {
		if out, err := exec.Command("sh", "-c", m[1]).CombinedOutput(); err != nil {
			b.t.Fatalf("%s: %v\n%s", m[1], err, out)
		}
	}
}

// asUser runs a command of the daemon as somebody else; "serve" until it
// answers.
func (b *builder) asUser(u *user.User, cmd *exec.Cmd) {
	b.t.Helper()
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	b.must("reading the user's ids", errors.Join(uerr, gerr))
	who := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.Dir = "/"
	if cmd.Args[1] != "serve" {
		// Root sees files of somebody else there, and is told who to be.
		said, err := exec.Command(cmd.Path, cmd.Args[1:]...).CombinedOutput()
		if err == nil || !strings.Contains(string(said), "sudo -u USER sallyportd check-config --config ") {
			b.t.Errorf("%s as root: %v\n%s", cmd, err, said)
		}
		b.mendAs(who, cmd)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if out, err := cmd.CombinedOutput(); err != nil {
			b.t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return
	}
	log, err := os.Create(b.site.path("daemon.log"))
	b.must("opening the log", err)
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	daemon, err := startProcessAs(cmd, who)
	b.must("starting the daemon", err)
	b.site.daemon = daemon
	b.must("waiting for the daemon", within(patience, func() error {
		select {
		case <-daemon.done:
			return fatal{fmt.Errorf("it ended at once: %v\n%s", daemon.err, tail(b.site.log(), 3000))}
		default:
		}
		c, err := net.Dial("unix", b.site.path("sys/run/sallyport/page.sock"))
		if err != nil {
			return err
		}
		return c.Close()
	}))
	a, err := client{b.site.path("sys/run/sallyport/check.sock")}.ask(request{method: "GET", path: "/v1/health/live"})
	if err == nil {
		err = expectStatus(a, http.StatusOK)
	}
	b.must("asking the daemon", err)
	b.must("stopping the daemon", daemon.stop())
}
