package jail_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"

	"github.com/sallyport/sallyport/plugins/wire/jail"
)

// The tests run this binary again as a process that may be jailed.
const inside = "SALLYPORT_TEST_JAIL"

func TestMain(m *testing.M) {
	spoil := map[string]func() error{
		"fine": func() error { return nil },
		// As a kernel without the call.
		"no seccomp": func() error { return filter("seccomp", seccomp.FilterFlagTSync) },
		// The kernel reports this one by a number that looks like success.
		"another thread has a filter of its own": func() error {
			done := make(chan error)
			go func() {
				runtime.LockOSThread()
				done <- filter("acct", 0)
				select {}
			}()
			return <-done
		},
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

func filter(call string, flag seccomp.FilterFlag) error {
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: flag, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Names: []string{call}, Action: seccomp.ActionErrno}},
	}})
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
