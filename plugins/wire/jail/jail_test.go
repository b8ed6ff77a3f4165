package jail_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/sallyport/sallyport/plugins/wire/jail"
	"github.com/sallyport/sallyport/plugins/wire/jail/jailtest"
)

// The tests run this binary again as a process that may be jailed.
const inside = "SALLYPORT_TEST_JAIL"

func TestMain(m *testing.M) {
	spoil := map[string]func() error{
		"fine":                                   func() error { return nil },
		"no seccomp":                             jailtest.NoSeccomp,
		"another thread has a filter of its own": jailtest.OddThread,
	}[os.Getenv(inside)]
	if spoil == nil {
		os.Exit(m.Run())
	}
	if err := spoil(); err != nil {
		fmt.Println("spoiling:", err)
		os.Exit(2)
	}
	if err := jail.Enter(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err := os.ReadFile("/etc/passwd"); err == nil {
		fmt.Println("in the jail, and read a file")
		os.Exit(2)
	}
}

// Enter says yes only where the door is shut behind it.
func TestEnterNeverSaysYesOutside(t *testing.T) {
	for how, want := range map[string]int{
		"fine": 0, "no seccomp": 1, "another thread has a filter of its own": 1,
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{inside + "=" + how}
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit %d, want %d: %v\n%s", how, got, want, err, out)
		}
	}
}
