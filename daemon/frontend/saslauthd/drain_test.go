package saslauthd_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// drained waits until the server has read everything that was sent.
func drained(t *testing.T, c *net.UnixConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	limit, tick := time.After(10*time.Second), time.NewTicker(100*time.Microsecond)
	defer tick.Stop()
	for {
		left := 0
		if err := raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		select {
		case <-limit:
			t.Fatal("the server does not read")
		case <-tick.C:
		}
	}
}
