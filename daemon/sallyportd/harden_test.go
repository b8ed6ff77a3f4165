package main

import (
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A crash must not write passwords and keys to the disk (and the test must not
// forbid it for the other tests, so it asks a process of its own).
func TestNoCoreFileHoldsASecret(t *testing.T) {
	if os.Getenv("SALLYPORT_TEST_HARDEN") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestNoCoreFileHoldsASecret$")
		c.Env = append(os.Environ(), "SALLYPORT_TEST_HARDEN=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	harden(slog.Default())
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("the process can be dumped: %d, %v", dumpable, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Max != 0 {
		t.Errorf("core files of %d bytes are allowed: %v", limit.Max, err)
	}
	// A pinned plugin is run through a descriptor of this process.
	if out, err := exec.Command("/proc/self/exe", "-test.run=^$").CombinedOutput(); err != nil {
		t.Errorf("starting a program through /proc/self: %v\n%s", err, out)
	}
}
