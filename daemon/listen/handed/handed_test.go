package handed_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen/handed"
)

// asked is what the child asks for, "name NAME" or "at ADDRESS", one a line.
const asked = "SALLYPORT_TEST_ASKED"

func TestMain(m *testing.M) {
	if wishes := os.Getenv(asked); wishes != "" {
		os.Exit(child(strings.Split(wishes, "\n")))
	}
	os.Exit(m.Run())
}

// child is the daemon's part: it takes over, says what it found for each wish, and
// serves one connection on each socket.
func child(wishes []string) int {
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	s, err := handed.Take()
	if err != nil {
		fmt.Println(err)
		return 0
	}
	var found []net.Listener
	for _, wish := range wishes {
		how, what, _ := strings.Cut(wish, " ")
		var l net.Listener
		if how == "name" {
			l, err = s.Named(what)
		} else {
			l = s.At(what)
		}
		fmt.Println(wish, l != nil, err)
		if l != nil {
			found = append(found, l)
		}
	}
	left := s.Left()
	slices.Sort(left)
	fmt.Println("left", left, "env", os.Getenv("LISTEN_FDS"))
	var all sync.WaitGroup
	for _, l := range found {
		all.Go(func() {
			c, err := l.Accept()
			if err != nil {
				fmt.Println(err)
				return
			}
			if _, err := fmt.Fprintf(c, "at %s\n", l.Addr()); errors.Join(err, c.Close(), l.Close()) != nil {
				fmt.Println(err)
			}
		})
	}
	all.Wait()
	return 0
}

// take starts a child with these sockets, which it is to find by these wishes.
func take(t *testing.T, files map[string]*os.File, wishes ...string) (said func() string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	var names []string
	for name, f := range files {
		names, cmd.ExtraFiles = append(names, name[:strings.IndexAny(name+"#", "#")]), append(cmd.ExtraFiles, f)
	}
	cmd.Env = []string{asked + "=" + strings.Join(wishes, "\n"), fmt.Sprint("LISTEN_FDS=", len(files)), "LISTEN_FDNAMES=" + strings.Join(names, ":"), "GORACE=atexit_sleep_ms=0"}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		return out.String()
	}
}

func unix(t *testing.T, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func tcp(t *testing.T, address string) (f *os.File, port string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	f, err = l.(*net.TCPListener).File()
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return f, port
}

func greeting(t *testing.T, network, address string) string {
	t.Helper()
	c, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// What is asked for by name or by address is found, once, and serves; the files stay
// systemd's; what nobody has asked for is told.
func TestSocketsAreFoundByNameAndByAddress(t *testing.T) {
	dir := t.TempDir()
	check, page, other := filepath.Join(dir, "check"), filepath.Join(dir, "page"), filepath.Join(dir, "other")
	one, onePort := tcp(t, "127.0.0.1:0")
	all, allPort := tcp(t, ":0")
	said := take(t, map[string]*os.File{"check": unix(t, check), "a": unix(t, page), "b": one, "c": all, "other": unix(t, other)},
		"name check", "name check", "name nothing", "at "+page, "at 127.0.0.2:"+onePort, "at :"+onePort, "at 127.0.0.1:1",
		"at 127.0.0.1:"+onePort, "at 127.0.0.1:"+allPort, "at :"+allPort, "at nonsense", "at "+page)
	for network, address := range map[string][]string{"unix": {check, page}, "tcp": {"127.0.0.1:" + onePort, "127.0.0.1:" + allPort}} {
		for _, a := range address {
			if got := greeting(t, network, a); !strings.HasPrefix(got, "at ") {
				t.Errorf("%s greets with %q", a, got)
			}
		}
	}
	want := "name check true <nil>\nname check false <nil>\nname nothing false <nil>\n" +
		"at " + page + " true <nil>\nat 127.0.0.2:" + onePort + " false <nil>\nat :" + onePort + " false <nil>\nat 127.0.0.1:1 false <nil>\n" +
		"at 127.0.0.1:" + onePort + " true <nil>\nat 127.0.0.1:" + allPort + " false <nil>\nat :" + allPort + " true <nil>\nat nonsense false <nil>\n" +
		"at " + page + " false <nil>\nleft [other (" + other + ")] env \n"
	if got := said(); got != want {
		t.Errorf("it said\n%s\nwant\n%s", got, want)
	}
	for _, path := range []string{check, page} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("systemd's file must stay: %v", err)
		}
	}
}

// What a unit says wrongly is told with what mends it.
func TestMistakesInUnits(t *testing.T) {
	dir := t.TempDir()
	one, _ := tcp(t, "127.0.0.1:0")
	if got := take(t, map[string]*os.File{"check": one}, "name check")(); !strings.Contains(got, `socket "check" from systemd is no Unix stream socket: use ListenStream= with a path`) {
		t.Errorf("a TCP socket for a [[listen]]: %s", got)
	}
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if got := take(t, map[string]*os.File{"check": file}, "at "+dir, "name check")(); !strings.Contains(got, `taking over socket "check" from systemd: `) {
		t.Errorf("what is no socket: %s", got)
	}
	if got := take(t, map[string]*os.File{"other": file}, "name check")(); !strings.Contains(got, "left [other] env") {
		t.Errorf("what is no socket, and nobody wants: %s", got)
	}
	if got := take(t, map[string]*os.File{"check": unix(t, filepath.Join(dir, "a")), "check#2": unix(t, filepath.Join(dir, "b"))}, "name check")(); !strings.Contains(got, `two sockets named "check"`) {
		t.Errorf("two of one name: %s", got)
	}
}

func TestWithoutSystemdThereIsNothingToTakeOver(t *testing.T) {
	s, err := handed.Take()
	if err != nil || len(s.Left()) != 0 {
		t.Fatalf("%v, %v", s.Left(), err)
	}
	l, err := s.Named("check")
	if l != nil || err != nil || s.At("127.0.0.1:80") != nil {
		t.Errorf("%v, %v", l, err)
	}
	var none *handed.Sockets
	if l, err := none.Named("check"); l != nil || err != nil || none.Left() != nil {
		t.Errorf("a nil one: %v, %v", l, err)
	}
}
