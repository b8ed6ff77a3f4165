package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../../.."

// command is something that the README has its reader type, and what it says
// will come back.
type command struct{ typed, printed string }

// readREADME returns the text, its blocks, and the commands in them.
func readREADME(t *testing.T) (text string, blocks []string, commands []command) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(b), "\n```") {
		if i%2 == 0 {
			continue
		}
		part = strings.TrimPrefix(part, "\n")
		blocks = append(blocks, part)
		for _, c := range strings.Split("\n"+part, "\n$ ")[1:] {
			typed, printed, _ := strings.Cut(c, "\n")
			for strings.HasSuffix(typed, "\\") {
				var more string
				more, printed, _ = strings.Cut(printed, "\n")
				typed += "\n" + more
			}
			commands = append(commands, command{typed, printed})
		}
	}
	return string(b), blocks, commands
}

// changing is what differs from one reader to the next: times, ids, codes,
// names of programs and operators.
func changing(s string) string {
	for _, r := range []struct{ what, by string }{
		{`\r`, ""},
		{`Date: .*`, "DATE"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d`, "TIME"},
		{`just now|\d+ seconds? ago|asked \d+ seconds? ago`, "AGO"},
		{`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}`, "ID"},
		{`[0-9a-z]{5}(-[0-9a-z]{5}){2}`, "CODE"},
		{`curl/[0-9.]+`, "CURL"},
		{`from 127\.0\.0\.1( \([^)]*\))?`, "FROM"},
		{`\b[a-z_][a-z0-9_-]*\(\d+\)`, "OPERATOR"},
		{`[ \t]+`, " "},
	} {
		s = regexp.MustCompile(r.what).ReplaceAllString(s, r.by)
	}
	return strings.TrimSpace(s)
}

// The five minutes of the README are played as they stand there, in the order
// in which they stand there, and print what it says they print.
func TestREADMETour(t *testing.T) {
	need(t, "curl", "curl")
	_, blocks, commands := readREADME(t)
	if len(commands) != 6 {
		t.Fatalf("the README has %d commands to type, this test knows 6: look at both", len(commands))
	}
	s := newSite(t, options{bare: true})
	s.must("putting the programs where make puts them", os.Symlink(bin, s.path("bin")))
	s.must("starting the demo", s.demo())
	told := false
	for _, b := range blocks {
		told = told || strings.TrimSpace(b) == strings.TrimSpace(s.daemon.said())
	}
	if !told {
		t.Errorf("the README does not show what the demo prints:\n%s", s.daemon.said())
	}
	b, err := newBrowser("http://127.0.0.1:8080", "")
	s.must("opening a browser", err)
	_, err = s.enroll(b, "alice", "")
	s.must("setting up", err)
	app, err := issue(b, "Laptop")
	s.must("making an app password", err)
	sample := regexp.MustCompile(`alice:[0-9a-z]{4}(-[0-9a-z]{4}){5}`)
	for _, c := range commands {
		typed := sample.ReplaceAllString(c.typed, "alice:"+app)
		play := func() error {
			cmd := exec.Command("sh", "-c", typed)
			cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "TZ=UTC", "SALLYPORT_SOCKET=")
			out, err := cmd.CombinedOutput()
			if got, want := changing(string(out)), changing(c.printed); err != nil || got != want {
				return fmt.Errorf("%s\n%v, and prints\n%s\nbut the README says\n%s", c.typed, err, got, want)
			}
			return nil
		}
		if strings.HasPrefix(typed, "bin/sallyport user") {
			// What was tried shows a moment later.
			err = within(patience, play)
		} else {
			err = play()
		}
		if err != nil {
			t.Error(err)
		}
	}
	s.must("stopping the demo", s.daemon.stop())
}

// Every file that the README and the docs point to is there.
func TestDocsPointSomewhere(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "contrib/docs/*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("no docs: %v", err)
	}
	link := regexp.MustCompile(`(?:\]\(| src=")([^)#"]+)[)"]`)
	file := regexp.MustCompile("`((?:daemon|plugins|enrollweb|contrib|configs)/[a-zA-Z0-9_./-]+)`")
	for _, doc := range append(docs, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		var targets []string
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "://") {
				targets = append(targets, filepath.Join(filepath.Dir(doc), m[1]))
			}
		}
		for _, m := range file.FindAllStringSubmatch(string(text), -1) {
			targets = append(targets, filepath.Join(root, m[1]))
		}
		for _, target := range targets {
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s points to %s, which is not there", doc, target)
			}
		}
	}
}
