package endtoend

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// page is one of the documents.
type page struct {
	name, text string
	// blocks are those of commands, as they stand there.
	blocks []string
}

// pages are the documents. Every block in them says what it is.
func pages(t *testing.T) (all []page) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "contrib/docs/*.md"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	fenced := regexp.MustCompile("(?ms)^ *```(.*?)\n(.*?)^ *```$")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := page{name: filepath.Base(file), text: string(text)}
		for _, m := range fenced.FindAllStringSubmatch(p.text, -1) {
			switch m[1] {
			case "":
				t.Errorf("%s: a block does not say what it is; write sh for commands, text for what is neither:\n%s", p.name, m[2])
			case "sh":
				p.blocks = append(p.blocks, strings.TrimSpace(m[2]))
			}
		}
		all = append(all, p)
	}
	return all
}

// elsewhere are the tests that play the commands of a whole document.
func elsewhere() map[string]string {
	return map[string]string{
		"backup.md":  "daemon/sallyportd/endtoend/drill_test.go",
		"import.md":  "daemon/sallyportd/endtoend/import_test.go",
		"rollout.md": "daemon/sallyportd/rollout/handbook_test.go",
		"support.md": "daemon/sallyportd/endtoend/handbook_test.go",
		"install.md": "contrib/packaging/docs_test.go",
		"upgrade.md": "contrib/packaging/docs_test.go",
		"reload.md":  "contrib/packaging/docs_test.go",
	}
}

// Every block of commands in every document is played: by the test of that document,
// or else here, line by line, on an installation where alice has set up and former
// has left.
func TestCommandsOfTheDocuments(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "promtool"} {
		need(t, program, map[string]string{"curl": "curl", "promtool": "prometheus"}[program])
	}
	d := &typist{site: newSite(t, options{})}
	d.settle()
	played := 0
	for _, p := range pages(t) {
		other := elsewhere()[p.name]
		if other == "" {
			d.page = p
			for _, block := range p.blocks {
				for line := range strings.Lines(block) {
					d.play(strings.TrimSpace(line))
					played++
				}
			}
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, other))
		if err != nil || !strings.Contains(string(text), p.name+`"`) {
			t.Errorf("%s does not read %s, %v", other, p.name, err)
		}
		if p.name != "install.md" {
			continue
		}
		// The story of the package plays what is said about it, and TestMake what is
		// done without it, as the README has it.
		_, debian, _ := strings.Cut(p.text, "\n## On Debian\n")
		debian, _, _ = strings.Cut(debian, "\n## ")
		readme, err := os.ReadFile(filepath.Join(root, "README.md"))
		d.must("reading the README", err)
		for _, block := range p.blocks {
			for line := range strings.Lines(block) {
				if line = strings.TrimSpace(line); !strings.Contains(debian, "\n"+line+"\n") && !strings.Contains(string(readme), "\n"+line) {
					t.Errorf("%s: nobody plays %s", p.name, line)
				}
			}
		}
	}
	if played < 10 {
		t.Errorf("only %d commands were found", played)
	}
}

// typist types what stands in a document.
type typist struct {
	*site
	page
	metrics string
}

// settle makes the installation, and what a machine has that is not ours: a system
// log, and a Prometheus.
func (d *typist) settle() {
	d.metrics = fmt.Sprintf("127.0.0.1:%d", run.FreePort(d.t))
	d.change(`listen = "run/metrics.sock"`, fmt.Sprintf("listen = %q", d.metrics))
	d.must("starting", d.start())
	for _, name := range []string{"alice", "former"} {
		if name == "former" {
			d.people.AddPerson(directorytest.Person{Name: name})
		}
		b := d.browser()
		_, err := d.enroll(b, name, "")
		d.must("setting up", err)
	}
	d.people.Delete(directorytest.PersonDN("former"))
	d.restart() // so that anchors are noted behind all that
	d.must("making a folder", os.Mkdir(d.path("programs"), 0o700))
	for name, does := range map[string]string{
		"journalctl": `[ "$*" = "-u sallyport -o cat" ] && cat ` + d.path("daemon.log"),
		// There is no systemd here. The story of the package, in contrib/packaging,
		// runs these lines with the real one.
		"systemctl": `[ "$*" = "reload prometheus" ]`,
	} {
		d.must("writing a program", os.WriteFile(d.path("programs/"+name), []byte("#!/bin/sh\n"+does+"\n"), 0o700))
	}
}

// play runs a line as it stands there, but for where things are.
func (d *typist) play(line string) {
	d.t.Helper()
	said, err := d.run(strings.NewReplacer("contrib/monitoring/", root+"/contrib/monitoring/", "/etc/prometheus/", d.path("prometheus")+"/",
		"/var/log/remote/login1.log", d.path("daemon.log"), "127.0.0.1:9464", d.metrics).Replace(line))
	if err != nil {
		d.t.Errorf("%s: %s: %v\n%s", d.name, line, err, tail(said, 2000))
	}
	for of, want := range map[string]string{
		"audit verify --anchor": "Anchors that agree: ", "grep ^sallyport": "sallyport_store_bytes ", "sallyport erase": "Done: all that was kept",
		"promtool check": "SUCCESS",
	} {
		if strings.Contains(line, of) && !strings.Contains(said, want) {
			d.t.Errorf("%s: %s does not say %q:\n%s", d.name, line, want, tail(said, 2000))
		}
	}
}

// run runs a line in the folder of the installation. What asks at the terminal for
// the name is told it.
func (d *typist) run(line string) (said string, err error) {
	if strings.HasPrefix(line, "cp ") {
		d.prometheus()
	}
	terminal, stdin, err := pty.Open()
	if err != nil {
		return "", err
	}
	defer func() { _, _ = stdin.Close(), terminal.Close() }()
	if _, err := terminal.WriteString("former\n"); err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-c", line)
	if cmd.Dir, err = filepath.Abs("."); err != nil {
		return "", err
	}
	if strings.Contains(line, " > ") {
		cmd.Dir = d.dir
	}
	cmd.Stdin = stdin
	cmd.Env = append(os.Environ(), "PATH="+d.path("programs")+":"+bin+":"+os.Getenv("PATH"), "SALLYPORT_SOCKET="+d.path("run/admin.sock"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// prometheus has the config that the document shows.
func (d *typist) prometheus() {
	const begin = "```yaml\n# /etc/prometheus/prometheus.yml\n"
	_, config, there := strings.Cut(d.text, begin)
	config, _, ended := strings.Cut(config, "```\n")
	if !there || !ended {
		d.t.Fatalf("%s does not show a config of Prometheus", d.name)
	}
	d.must("making a folder", os.Mkdir(d.path("prometheus"), 0o700))
	d.must("writing the config", os.WriteFile(d.path("prometheus/prometheus.yml"), []byte(config), 0o600))
}

// Every command of ours that a document names in a sentence is there, with its flags,
// and some test runs it with them.
func TestCommandsInSentences(t *testing.T) {
	t.Parallel()
	build(t)
	runs := ran(t)
	span := regexp.MustCompile("`((?:sallyport|sallyportd) [a-z][^`]*)`")
	asked := map[string]error{}
	for _, p := range pages(t) {
		for _, m := range span.FindAllStringSubmatch(strings.ReplaceAll(p.text, "\n", " "), -1) {
			words := strings.Fields(m[1])
			err, known := asked[m[1]]
			if !known {
				if err = exists(words); err == nil {
					err = runs.have(m[1])
				}
				asked[m[1]] = err
			}
			if err != nil {
				t.Errorf("%s names %q: %v", p.name, m[1], err)
			}
		}
	}
	if len(asked) < 15 {
		t.Errorf("only %d commands were found", len(asked))
	}
	for _, none := range []string{"sallyport nothing", "sallyport audit nothing", "sallyport user NAME --nothing", "sallyportd keys", "sallyportd nothing"} {
		if exists(strings.Fields(none)) == nil {
			t.Errorf("%q is said to be there", none)
		}
	}
	for _, none := range []string{"sallyport nothing", "sallyport user NAME --nothing", "sallyportd keys nothing"} {
		if runs.have(none) == nil {
			t.Errorf("%q is said to be run", none)
		}
	}
}

// played are the flags with which each command is run.
type played map[string]map[string]bool

// oneOfOurs is a command of ours in a line: its program, one or two words, and all the rest.
func oneOfOurs() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[\s/])(sallyportd?) ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?([^|;&]*)`)
}

func flagsIn(line string) []string {
	return regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(line, -1)
}

// ran are those that the documents' blocks, the scripts and the package's story run;
// the desk, which is no command to be scripted, has tests on a terminal.
func ran(t *testing.T) played {
	t.Helper()
	runs := played{"sallyport desk": nil}
	var texts []string
	for _, p := range pages(t) {
		texts = append(texts, p.blocks...)
	}
	for _, at := range []string{"contrib/sallyport/testdata/script/*.txtar", "daemon/sallyportd/endtoend/testdata/*/*.txtar", "contrib/packaging/testdata/story.sh"} {
		files, err := filepath.Glob(filepath.Join(root, at))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", at, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	for line := range strings.Lines(strings.Join(texts, "\n")) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, m := range oneOfOurs().FindAllStringSubmatch(line, -1) {
			for _, name := range []string{m[1] + " " + m[2], m[1] + " " + m[2] + " " + m[3]} {
				if runs[name] == nil {
					runs[name] = map[string]bool{}
				}
				for _, flag := range flagsIn(line) {
					runs[name][flag] = true
				}
			}
		}
	}
	return runs
}

// have fails unless the command is run, with each of the flags.
func (c played) have(text string) error {
	m := oneOfOurs().FindStringSubmatch(text)
	name := m[1] + " " + m[2]
	if m[2] == "audit" || m[2] == "keys" {
		name += " " + m[3]
	}
	flags, known := c[name]
	if !known {
		return errors.New("no test runs it")
	}
	for _, flag := range flagsIn(text) {
		if !flags[flag] {
			return fmt.Errorf("no test runs it with %s", flag)
		}
	}
	return nil
}

// exists asks for the help of a command: its flags are read before that.
func exists(words []string) error {
	out, err := exec.Command(filepath.Join(bin, words[0]), append(words[1:], "--help")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	usage := regexp.MustCompile(`(?m)^Usage:\n  (.*)$`).FindSubmatch(out)
	if usage == nil || bytes.Contains(out, []byte("Available Commands:")) || !strings.HasPrefix(string(usage[1]), words[0]+" "+words[1]) {
		return errors.New("there is no such command")
	}
	return nil
}
