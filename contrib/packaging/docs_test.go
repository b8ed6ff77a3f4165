package packaging

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commands are the lines of the blocks in a text.
func commands(text string) []string {
	var out []string
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return out
}

// What the documents say about the package is what the story does, word for word
// but for names: so what they say works.
func TestTheDocumentsSayWhatTheStoryDoes(t *testing.T) {
	docs := filepath.Join(source, "contrib/docs")
	install, err := os.ReadFile(filepath.Join(docs, "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, debian, ok := strings.Cut(string(install), "\n## On Debian\n")
	debian, _, closed := strings.Cut(debian, "\n## ")
	if !ok || !closed {
		t.Fatal("install.md does not say how to install the package")
	}
	said := commands(debian)
	for _, file := range []string{"upgrade.md", "reload.md", "backup.md", "monitoring.md", "audit.md"} {
		other, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range commands(string(other)) {
			// Most of what is said about the audit is tried on people who have set up.
			if file != "audit.md" || strings.HasPrefix(command, "journalctl ") {
				said = append(said, command)
			}
		}
	}
	text, err := os.ReadFile("testdata/story.sh")
	if err != nil {
		t.Fatal(err)
	}
	story := string(text)
	played := strings.NewReplacer("sudo -u ", "as ", "sudo ", "", "apt install ", "apt-get install -y ", "apt remove ", "apt-get remove -y ",
		"apt purge ", "apt-get purge -y ", "NAME", "desk", "contrib/monitoring/", "/usr/share/doc/sallyport/examples/")
	if len(said) < 30 {
		t.Fatalf("only %d commands are found: %q", len(said), said)
	}
	for _, typed := range said {
		command := played.Replace(typed)
		old := strings.ReplaceAll(command, "sallyport_VERSION_amd64.deb", "old.deb")
		new := strings.ReplaceAll(command, "sallyport_VERSION_amd64.deb", "new.deb")
		switch {
		case strings.HasPrefix(typed, "sudoedit "): // the story has no editor
			if !strings.Contains(story, "\nconfig="+strings.TrimPrefix(typed, "sudoedit ")+"\n") {
				t.Errorf("the story edits another file than: %s", typed)
			}
		case !strings.Contains(story, old) && !strings.Contains(story, new):
			t.Errorf("nobody has tried: %s", typed)
		}
	}
}
