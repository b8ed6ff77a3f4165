package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every command of the support handbook works as it stands there, one after the
// other, on somebody who has set up.
func TestSupportHandbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "contrib/docs/support.md"))
	if err != nil {
		t.Fatal(err)
	}
	var typed []string
	for i, part := range strings.Split(string(text), "```") {
		if block, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 {
			typed = append(typed, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	if len(typed) != 8 {
		t.Fatalf("the handbook has %d commands, this test knows 8: look at both", len(typed))
	}
	s := newSite(t, options{})
	s.must("starting", s.start())
	b, err := newBrowser("https://login.example.org", s.path("run/page.sock"))
	s.must("opening a browser", err)
	setUp := func(invite string) {
		_, err := s.enroll(b, "alice", invite)
		s.must("setting up", err)
		_, err = issue(b, "My laptop")
		s.must("making an app password", err)
	}
	setUp("")
	for _, line := range typed {
		cmd := exec.Command("sh", "-c", line)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SALLYPORT_SOCKET="+s.path("run/admin.sock"))
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, said)
		}
		if _, rest, ok := strings.Cut(string(said), "Invite code:"); ok {
			setUp(strings.Fields(rest)[0])
		}
	}
}
