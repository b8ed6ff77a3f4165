package pluginhost_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/wire"
)

// probe runs inside a plugin and tries to get out. It names what it could do.
func probe() string {
	var did []string
	try := func(what string, err error) {
		if err == nil {
			did = append(did, what)
		}
	}
	_, err := os.ReadFile("/etc/passwd")
	try("read a file", err)
	try("write a file", os.WriteFile("/tmp/sallyport-probe", nil, 0o600))
	try("remove a file", os.Remove("/tmp/sallyport-probe"))
	try("make a directory", os.Mkdir("/tmp/sallyport-probe.d", 0o700))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	_, err = net.Dial("udp", "127.0.0.1:9")
	try("use UDP", err)
	_, err = net.Dial("unix", "/run/systemd/notify")
	try("use a Unix socket", err)
	_, err = syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW, 0)
	try("use netlink", err)
	try("start a program", exec.Command("/bin/true").Run())
	try("signal its parent", syscall.Kill(os.Getppid(), 0))
	try("trace its parent", syscall.PtraceAttach(os.Getppid()))
	_, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
	try("read its parent", err)
	return "could: " + strings.Join(did, ", ")
}

func TestAJailedPluginCannotGetOut(t *testing.T) {
	_, specs := plugins(t, "echo")
	var log logBuffer
	h := start(t, pluginhost.Config{Log: log.logger()}, specs, nil)
	got, err := ask(t, h.Factor("echo"), "probe")
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Reason) != "could: " {
		t.Errorf("the plugin %s\n%s", got.Reason, log.String())
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.Status()[0].PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process is not %s", want)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", h.Status()[0].PID))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && f[4] != "0" {
			t.Errorf("a core file is possible: %s", line)
		}
	}
}

// A plugin that another than its host starts ends with its standard input.
func TestAPluginEndsWithItsLifeline(t *testing.T) {
	_, specs := plugins(t, "echo")
	shake := wire.Handshake()
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(limited, specs[0].Path)
	cmd.Env = []string{shake.MagicCookieKey + "=" + shake.MagicCookieValue, "PLUGIN_UNIX_SOCKET_DIR=" + shortDir(t)}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the plugin said nothing: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = lifeline.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the plugin ended with %v; the service manager's signal must not end it", err)
	}
}
