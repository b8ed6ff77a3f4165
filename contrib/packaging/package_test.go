package packaging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	source = "../.."
	// epoch is the time of every file in the packages of these tests.
	epoch = "1700000000"
)

// scene is the package, built in two folders.
type scene struct {
	t        *testing.T
	dir      string
	one, two string
	stage    string // what the second was made from
}

// need ends a test that cannot be done here; where CI=true, it has failed.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and CI=true", what)
	}
	t.Skip(what)
}

func (s *scene) must(doing string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", doing, err)
	}
}

// run runs a program to its end, with a few things in its environment.
func (s *scene) run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// TestPackage builds the Debian package and looks at it from all sides.
func TestPackage(t *testing.T) {
	for _, program := range []string{"make", "gzip", "dpkg-deb", "systemd-analyze"} {
		_, err := exec.LookPath(program)
		need(t, err == nil, "there is no "+program+" here")
	}
	s := &scene{t: t, dir: t.TempDir()}
	one, two := filepath.Join(s.dir, "one"), filepath.Join(s.dir, "a-folder-with-another-name")
	s.copy(source, one)
	s.copy(one, two)
	s.one = s.build(one, "022", "TZ=Europe/Berlin")
	s.two = s.build(two, "077", "TZ=UTC", "LC_ALL=C.UTF-8")
	s.stage = filepath.Join(two, "bin/deb")
	t.Run("two builds are the same", s.testSame)
	t.Run("it names all that is in it", s.testInside)
	t.Run("lintian", s.testLintian)
	t.Run("it explains itself", s.testManuals)
	t.Run("units", s.testUnits)
	t.Run("its life", s.testLife)
}

// copy copies the tree, but for what was built in it.
func (s *scene) copy(from, dir string) {
	s.t.Helper()
	s.must("copying the tree", filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		switch {
		case d.IsDir() && (rel == ".git" || rel == "bin" || rel == "var"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	}))
}

// build makes the programs and the package in a copy of the tree.
func (s *scene) build(dir, umask string, env ...string) string {
	s.t.Helper()
	env = append(env, "MAKEFLAGS=", "MAKELEVEL=", "VERSION=1.0", "SOURCE_DATE_EPOCH="+epoch)
	s.run(s.t, env, "sh", "-c", "cd "+dir+" && umask "+umask+" && make build")
	return s.pack(dir, umask, env...)
}

// pack makes the package of what was built.
func (s *scene) pack(dir, umask string, env ...string) string {
	s.t.Helper()
	out := s.run(s.t, env, "sh", "-c", "cd "+dir+" && umask "+umask+" && contrib/packaging/build")
	made := regexp.MustCompile(`created package: (\S+\.deb)`).FindStringSubmatch(out)
	if made == nil {
		s.t.Fatalf("no package was made:\n%s", out)
	}
	return filepath.Join(dir, made[1])
}

func (s *scene) testSame(t *testing.T) {
	one, err := os.ReadFile(s.one)
	s.must("reading the package", err)
	two, err := os.ReadFile(s.two)
	s.must("reading the package", err)
	if filepath.Base(s.one) != filepath.Base(s.two) || !bytes.Equal(one, two) {
		what, _ := exec.CommandContext(t.Context(), "diff", "-rq", filepath.Join(s.dir, "one/bin/deb"), s.stage).CombinedOutput()
		t.Errorf("built twice, %s and %s differ:\n%s", s.one, s.two, what)
	}
}

// testInside holds the list of what is in the package to what the programs say.
func (s *scene) testInside(t *testing.T) {
	var sbom struct {
		BOMFormat  string
		Components []struct{ Name, Version, Purl string }
	}
	text, err := os.ReadFile(filepath.Join(s.stage, "doc/sbom.cdx.json"))
	s.must("reading the list", err)
	s.must("reading the list", json.Unmarshal(text, &sbom))
	listed := map[string]bool{}
	for _, c := range sbom.Components {
		listed[c.Name+" "+c.Version] = true
	}
	notices := s.run(t, nil, "gzip", "-dc", filepath.Join(s.stage, "doc/NOTICES.gz"))
	programs, err := filepath.Glob(filepath.Join(s.stage, "bin/*"))
	if err != nil || len(programs) != 7 || sbom.BOMFormat != "CycloneDX" {
		t.Fatalf("%d programs, a list of format %q: %v", len(programs), sbom.BOMFormat, err)
	}
	for _, program := range programs {
		said := s.run(t, nil, "go", "version", "-m", program)
		version := regexp.MustCompile(`: go(\S+)`).FindStringSubmatch(said)
		if version == nil || !listed["std go"+version[1]] && !listed["std "+version[1]] {
			t.Errorf("the list does not name the standard library of %s", filepath.Base(program))
		}
		for _, dep := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(said, -1) {
			if !listed[dep[1]+" "+dep[2]] {
				t.Errorf("the list does not name %s %s of %s", dep[1], dep[2], filepath.Base(program))
			}
			if !strings.Contains(notices, "==== "+dep[1]+" "+dep[2]+": ") {
				t.Errorf("there is no licence of %s %s", dep[1], dep[2])
			}
		}
	}
}

func (s *scene) testLintian(t *testing.T) {
	_, err := exec.LookPath("lintian")
	need(t, err == nil, "there is no lintian here")
	said, err := exec.CommandContext(t.Context(), "lintian", "--fail-on=error,warning", s.two).CombinedOutput()
	// What it says about being root is about this test.
	complaints := regexp.MustCompile(`(?m)^[EW]: .*`).FindAllString(string(said), -1)
	if err != nil || len(complaints) > 0 {
		t.Errorf("lintian: %v\n%s", err, said)
	}
}

// testManuals looks for a manual of each command, where each says it is, and for what
// shells complete it by.
func (s *scene) testManuals(t *testing.T) {
	root := filepath.Join(s.dir, "unpacked")
	s.run(t, nil, "dpkg-deb", "-x", s.two, root)
	there := func(path string) {
		t.Helper()
		if st, err := os.Stat(filepath.Join(root, "usr/share", path)); err != nil || st.Size() < 200 {
			t.Errorf("the package has no %s: %v", path, err)
		}
	}
	for _, program := range []string{"usr/sbin/sallyportd", "usr/bin/sallyport", "usr/bin/sallyport-check"} {
		name := filepath.Base(program)
		there("man/man8/" + name + ".8.gz")
		there("bash-completion/completions/" + name)
		if name == "sallyport-check" {
			continue
		}
		there("zsh/vendor-completions/_" + name)
		there("fish/vendor_completions.d/" + name + ".fish")
		said := s.run(t, nil, filepath.Join(root, program), "__complete", "")
		commands := regexp.MustCompile(`(?m)^([a-z][a-z-]*)\t`).FindAllStringSubmatch(said, -1)
		if len(commands) < 10 {
			t.Errorf("%s completes only %d commands:\n%s", name, len(commands), said)
		}
		for _, c := range commands {
			if c[1] != "help" && c[1] != "completion" {
				there("man/man8/" + name + "-" + c[1] + ".8.gz")
			}
		}
	}
}

// testUnits lets systemd read the units where they are installed.
func (s *scene) testUnits(t *testing.T) {
	root := filepath.Join(s.dir, "unpacked")
	units, err := filepath.Glob(filepath.Join(root, "lib/systemd/system/*"))
	if err != nil || len(units) != 4 {
		t.Fatalf("units: %q, %v", units, err)
	}
	// Of the machine around it nothing is there but this.
	s.must("making a folder", os.Mkdir(filepath.Join(root, "bin"), 0o755))
	s.must("making a program", os.WriteFile(filepath.Join(root, "bin/kill"), nil, 0o755))
	said := s.run(t, nil, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root="+root, "sallyport.service")
	if strings.TrimSpace(said) != "" {
		t.Errorf("systemd says about the units:\n%s", said)
	}
	said = s.run(t, nil, "systemd-analyze", "security", "--offline=true", "--threshold=12", filepath.Join(root, "lib/systemd/system/sallyport.service"))
	t.Log(strings.TrimSpace(said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]))
}

// testLife boots a copy of this machine in a container, with the real systemd,
// and installs, upgrades, removes and purges the package there.
func (s *scene) testLife(t *testing.T) {
	need(t, os.Geteuid() == 0, "only root can boot a container")
	for _, program := range []string{"systemd-nspawn", "slapd", "curl", "prometheus"} {
		_, err := exec.LookPath(program)
		need(t, err == nil, "there is no "+program+" here")
	}
	dir := filepath.Join(s.dir, "life")
	s.must("making a folder", os.Mkdir(dir, 0o755))
	for from, to := range map[string]string{s.two: "old.deb", s.next(t): "new.deb", "testdata/story.sh": "story.sh"} {
		text, err := os.ReadFile(from)
		s.must("reading", err)
		s.must("writing", os.WriteFile(filepath.Join(dir, to), text, 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation=private", "/bin/sh", "testdata/boot.sh", dir)
	said, err := cmd.CombinedOutput()
	out, rerr := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil || rerr != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "THE END") {
		console, _ := os.ReadFile(filepath.Join(dir, "console"))
		t.Fatalf("the story does not end well: %v, %v\n%s\n%s\n%s", err, rerr, said, tail(console, 2000), tail(out, 8000))
	}
}

// next makes the package that follows: the same under a later version and with
// another config of its own, which is all that an upgrade is about here. Building it
// once more would take half a minute.
func (s *scene) next(t *testing.T) string {
	t.Helper()
	dir, path := filepath.Join(s.dir, "next"), filepath.Join(s.dir, "next.deb")
	// It becomes the top of the package, whatever the umask here.
	s.must("making a folder", errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)))
	s.run(t, nil, "dpkg-deb", "-R", s.two, dir)
	control, err := os.ReadFile(filepath.Join(dir, "DEBIAN/control"))
	s.must("reading what the package says of itself", err)
	if bytes.Count(control, []byte("\nVersion: 1.0-1\n")) != 1 {
		t.Fatalf("the package is not version 1.0-1:\n%s", control)
	}
	control = bytes.Replace(control, []byte("\nVersion: 1.0-1\n"), []byte("\nVersion: 1.1-1\n"), 1)
	s.must("writing the later version", os.WriteFile(filepath.Join(dir, "DEBIAN/control"), control, 0o644))
	config := filepath.Join(dir, "etc/sallyport/sallyport.toml")
	text, err := os.ReadFile(config)
	s.must("reading the config of the package", err)
	s.must("writing that of the later version", os.WriteFile(config, append(text, "# of the later version\n"...), 0o644))
	s.run(t, nil, "dpkg-deb", "-Znone", "-b", dir, path)
	return path
}

// tail is the end of a text.
func tail(b []byte, most int) string { return string(b[max(0, len(b)-most):]) }
