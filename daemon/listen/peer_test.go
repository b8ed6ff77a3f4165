package listen_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen"
)

// childEnv makes the test binary a small client instead: it connects to the
// path and prints what it is told. So peers of other uids can be had.
const childEnv = "SALLYPORT_TEST_CONNECT"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		c, err := net.DialTimeout("unix", path, 2*time.Second)
		if err != nil {
			os.Stdout.WriteString("no connection")
			os.Exit(0)
		}
		c.SetDeadline(time.Now().Add(2 * time.Second))
		io.Copy(os.Stdout, c)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// connectAs connects as another uid and returns what it was told.
func connectAs(t *testing.T, path string, cred *syscall.Credential) string {
	t.Helper()
	// The test binary lies in a folder that only its builder may enter.
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(folder(t), "client")
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	// Without this a child built with -race lingers a second at its end.
	cmd.Env = []string{childEnv + "=" + path, "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// needRoot leaves a test that has to be somebody else; where CI=true it fails.
func needRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("only root can %s, and CI=true: run the tests as root", what)
	}
	t.Skipf("only root can %s", what)
}

func TestOnlyAllowedPeersAreLetIn(t *testing.T) {
	needRoot(t, "connect as somebody else")
	cases := []struct {
		name  string
		mode  os.FileMode
		allow []string
		cred  syscall.Credential
		want  string
	}{
		{"by number", 0o666, []string{"4242"}, syscall.Credential{Uid: 4242, Gid: 4242}, "hello"},
		{"by name", 0o666, []string{"daemon"}, syscall.Credential{Uid: 1, Gid: 4242}, "hello daemon"},
		{"by first group", 0o666, []string{"@4343"}, syscall.Credential{Uid: 4242, Gid: 4343}, "hello"},
		{"by further group", 0o666, []string{"@4343"},
			syscall.Credential{Uid: 4242, Gid: 4242, Groups: []uint32{1, 2, 4343}}, "hello"},
		{"empty list", 0o666, nil, syscall.Credential{Uid: 4242, Gid: 4242}, "hello"},
		{"stranger", 0o666, []string{"4242", "@4343"}, syscall.Credential{Uid: 4444, Gid: 4242}, ""},
		{"root is not special", 0o666, []string{"4242"}, syscall.Credential{Uid: 0, Gid: 0}, ""},
		{"by mode", 0o660, nil, syscall.Credential{Uid: 4242, Gid: 4242}, "no connection"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(folder(t), "s")
			refused := make(chan listen.Peer, 1)
			l := open(t, listen.Config{Path: path, Mode: c.mode, Allow: c.allow,
				Refused: func(p listen.Peer) { refused <- p }})
			go echoPeer(l)
			if got := connectAs(t, path, &c.cred); got != c.want {
				t.Fatalf("told %q, want %q", got, c.want)
			}
			if c.want != "" {
				if len(refused) > 0 {
					t.Errorf("let in, and refused %+v", <-refused)
				}
				return
			}
			select { // the connection is closed first, and counted then
			case p := <-refused:
				if p.UID != int(c.cred.Uid) {
					t.Errorf("refused %+v", p)
				}
			case <-time.After(2 * time.Second):
				t.Error("the refusal was not counted")
			}
		})
	}
}

// Where it is wanted, a few of those who may not connect are let in to be told so;
// each place is free again when its connection ends, and more find theirs closed.
func TestWhoMayNotConnectCanBeTold(t *testing.T) {
	const places = 32
	path := filepath.Join(folder(t), "s")
	refused := make(chan listen.Peer, 4*places)
	l := open(t, listen.Config{Path: path, Allow: []string{"1000000000"}, Tell: true, Refused: func(p listen.Peer) { refused <- p }})
	told := make(chan net.Conn, 2*places)
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			if p, ok := listen.PeerOfConn(c); !ok || !p.Barred || p.UID != os.Getuid() {
				t.Errorf("let in %+v", p)
			}
			told <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		<-refused
		return c
	}
	for range places {
		dial()
	}
	over := dial()
	over.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err != io.EOF || len(told) != places {
		t.Errorf("%d are told at a time, and one more reads %v", len(told), err)
	}
	(<-told).Close()
	dial()
	for range places {
		select {
		case c := <-told:
			c.Close()
		case <-time.After(5 * time.Second):
			t.Fatal("a place that was left is not free")
		}
	}
}

func TestManyGroupsAreRead(t *testing.T) {
	needRoot(t, "connect with other groups")
	groups := make([]uint32, 200)
	for i := range groups {
		groups[i] = uint32(5000 + i)
	}
	path := filepath.Join(folder(t), "s")
	l := open(t, listen.Config{Path: path, Mode: 0o666, Allow: []string{"@5199"}})
	go echoPeer(l)
	if got := connectAs(t, path, &syscall.Credential{Uid: 4242, Gid: 4242, Groups: groups}); got != "hello" {
		t.Fatalf("told %q", got)
	}
}

func TestTheSocketGoesToItsGroup(t *testing.T) {
	needRoot(t, "give a file to any group")
	path := filepath.Join(folder(t), "s")
	l := open(t, listen.Config{Path: path, Group: "4343"})
	go echoPeer(l)
	if got := connectAs(t, path, &syscall.Credential{Uid: 4242, Gid: 4343}); got != "hello" {
		t.Errorf("a member was told %q", got)
	}
	if got := connectAs(t, path, &syscall.Credential{Uid: 4242, Gid: 4242}); got != "no connection" {
		t.Errorf("a stranger was told %q", got)
	}
}

func TestAllow(t *testing.T) {
	for _, bad := range []string{"", "@", "no-such-user-here", "@no-such-group-here", "-1", "@-1", "99999999999"} {
		if _, err := listen.ParseAllow([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	a, err := listen.ParseAllow([]string{"root", strconv.Itoa(4242)})
	if err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]bool{0: true, 4242: true, 1: false, -1: false} {
		var p listen.Peer
		p.UID, p.GID = uid, -1
		if a.Has(p) != want {
			t.Errorf("uid %d: %v", uid, !want)
		}
	}
	byGroup, err := listen.ParseAllow([]string{"@4343"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid, gid int
		groups   []int
		want     bool
	}{{4242, 4343, nil, true}, {4242, 4242, []int{1, 4343}, true}, {4343, 4242, []int{1}, false}, {-1, 4343, []int{4343}, false}} {
		p := listen.Peer{Groups: c.groups}
		p.UID, p.GID = c.uid, c.gid
		if byGroup.Has(p) != c.want {
			t.Errorf("%+v: %v", p, !c.want)
		}
	}
	if (listen.Allow{}).Has(listen.Peer{}) {
		t.Error("the zero list holds root")
	}
}
