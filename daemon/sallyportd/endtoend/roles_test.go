package endtoend

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// people of this machine, whom every Debian has.
const (
	games, gamesGroup = 5, 60
	man, manGroup     = 6, 12
)

// asOther runs the tool as somebody else of this machine, and returns its exit status
// and what it said.
func (s *site) asOther(who syscall.Credential, args ...string) (int, string) {
	s.t.Helper()
	cmd := exec.Command(s.path("sallyport"), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "SALLYPORT_SOCKET="+s.path("run/admin.sock"), "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &who}
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// Who is of the desk by their group, and who is an operator by their uid, the config
// says and the kernel tells. The desk answers calls; people in a protected group, and
// whatever is about everybody, are for operators; and a stranger gets no word.
func TestTheDeskAndOperatorsByTheKernelsWord(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("only root can ask as somebody else, and CI=true: run the tests as root")
		}
		t.Skip("only root can ask as somebody else")
	}
	s := newSite(t, options{}).with(fmt.Sprintf("[admin]\nsupport = [\"@%d\"]\noperators = [%q]\nprotected_groups = [\"Support\"]\n", gamesGroup, "man"))
	s.change(`path = "run/admin.sock"`, "path = \"run/admin.sock\"\ngroup = \"games\"")
	tool, err := os.ReadFile(bin + "/sallyport")
	s.must("reading the tool", err)
	s.must("copying the tool", os.WriteFile(s.path("sallyport"), tool, 0o755))
	s.must("letting others in", errors.Join(os.Chmod(s.dir, 0o711), os.Chmod(s.path("run"), 0o711)))
	s.must("starting", s.start())
	why := []string{"--reason", "called back", "--ticket", "4711"}
	desk, operator := syscall.Credential{Uid: games, Gid: gamesGroup}, syscall.Credential{Uid: man, Gid: manGroup, Groups: []uint32{gamesGroup}}
	for _, c := range []struct {
		who  syscall.Credential
		code int
		says string
		args []string
	}{
		{desk, 0, "alice  The alice", []string{"user", "alice"}},
		{desk, 0, "may try again at once", append([]string{"unlock", "alice"}, why...)},
		{desk, 1, "a group that only operators may touch", append([]string{"unlock", "carla"}, why...)},
		{desk, 1, "a group that only operators may touch", append([]string{"reset", "carla"}, why...)},
		{desk, 1, "role", []string{"audit", "list"}},
		{desk, 1, "role", []string{"audit", "export"}},
		{desk, 1, "role", []string{"report"}},
		{desk, 1, "role", []string{"export", "alice"}},
		{desk, 1, "role", append([]string{"erase", "alice", "--yes", "--still-there"}, why...)},
		{desk, 1, "role", append([]string{"app-password", "alice", "--label", "x"}, why...)},
		{operator, 0, "may try again at once", append([]string{"unlock", "carla"}, why...)},
		{operator, 0, "people in the directory", []string{"report"}},
		{syscall.Credential{Uid: 65534, Gid: 65534}, 75, "you may not open", []string{"user", "alice"}},
	} {
		if code, said := s.asOther(c.who, c.args...); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%d: %v: status %d, want %d and %q:\n%s", c.who.Uid, c.args, code, c.code, c.says, said)
		}
	}
	// Each act stands under the name of who did it, and so does a refusal.
	_, said := s.asOther(operator, "audit", "export")
	for _, want := range []string{
		`"act":"unlock",.*"name":"alice","actor":"games(5)"`, `"act":"refuse",.*"name":"carla","actor":"games(5)"`, `"act":"unlock",.*"name":"carla","actor":"man(6)"`,
	} {
		before, after, _ := strings.Cut(want, ".*")
		found := false
		for line := range strings.Lines(said) {
			found = found || strings.Contains(line, before) && strings.Contains(line, after)
		}
		if !found {
			t.Errorf("the audit does not say %s:\n%s", want, said)
		}
	}
}
