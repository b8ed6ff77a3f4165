package listen_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen"
)

// folder is a directory short enough for a socket path, mode 0755.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, cfg listen.Config) net.Listener {
	t.Helper()
	l, err := listen.Unix(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// echoPeer greets every connection with the login of its peer.
func echoPeer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p, _ := listen.PeerOfConn(c)
		io.WriteString(c, "hello "+p.Login+"\n")
		c.Close()
	}
}

func greeting(t *testing.T, path string) string {
	t.Helper()
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestTheFileHasTheModeAskedForAndGoesWithTheListener(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	for _, mode := range []fs.FileMode{0, 0o600, 0o666} {
		l := open(t, listen.Config{Path: path, Mode: mode})
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want := mode
		if mode == 0 {
			want = 0o660
		}
		if info.Mode().Perm() != want {
			t.Errorf("mode %o asked, got %o", mode, info.Mode().Perm())
		}
		l.Close()
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file outlived its listener: %v", err)
		}
	}
}

// Found as a flaw: of two listeners that were opened at once the second kept
// the first one's umask as "what it was before", and put that back.
func TestManyListenersAtOnceLeaveTheUmaskAlone(t *testing.T) {
	before := syscall.Umask(0o022)
	defer syscall.Umask(before)
	dir := folder(t)
	var wg sync.WaitGroup
	for i := range 256 {
		wg.Go(func() {
			l, err := listen.Unix(listen.Config{Path: filepath.Join(dir, fmt.Sprint(i))})
			if err != nil {
				t.Error(err)
				return
			}
			l.Close()
		})
	}
	wg.Wait()
	if after := syscall.Umask(0o022); after != 0o022 {
		t.Errorf("the umask was 022 and is %03o", after)
	}
}

// Whatever the umask, there is no moment in which others may enter.
func TestTheFileIsBornClosed(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	path := filepath.Join(folder(t), "s")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Lstat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
				t.Errorf("the file was there with mode %03o", info.Mode().Perm())
				return
			}
		}
	}()
	for range 500 {
		l, err := listen.Unix(listen.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	close(stop)
	<-done
}

func TestALiveSocketIsLeftAloneAndADeadOneReplaced(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	first := open(t, listen.Config{Path: path})
	go echoPeer(first)
	if _, err := listen.Unix(listen.Config{Path: path}); !errors.Is(err, listen.ErrInUse) {
		t.Fatalf("second listener on a live socket: %v", err)
	}
	if got := greeting(t, path); !strings.HasPrefix(got, "hello") {
		t.Fatalf("the refused start hurt the living socket: %q", got)
	}
	first.Close()

	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	second := open(t, listen.Config{Path: path})
	go echoPeer(second)
	if got := greeting(t, path); !strings.HasPrefix(got, "hello") {
		t.Fatalf("a stale file was not replaced: %q", got)
	}
}

func TestCloseLeavesASuccessorsFile(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	old := open(t, listen.Config{Path: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fresh := open(t, listen.Config{Path: path})
	go echoPeer(fresh)
	old.Close()
	if got := greeting(t, path); !strings.HasPrefix(got, "hello") {
		t.Fatalf("the successor's socket is gone: %q", got)
	}
}

func TestRefusedPlaces(t *testing.T) {
	dir := folder(t)
	loose := filepath.Join(dir, "loose")
	os.Mkdir(loose, 0o700)
	os.Chmod(loose, 0o775)
	plain := filepath.Join(dir, "plain")
	os.WriteFile(plain, []byte("precious"), 0o600)
	foreign := filepath.Join(dir, "foreign")
	os.Mkdir(foreign, 0o755)
	cases := []struct {
		name, path, group, want string
		rootOnly                bool
	}{
		{"folder others can write", loose + "/s", "", "chmod go-w " + loose, false},
		{"folder of somebody else", foreign + "/s", "", "chown 0 " + foreign, true},
		{"missing folder", dir + "/a/b/s", "", fmt.Sprintf("install -d -o %d -g %d -m 0750 %s/a/b", os.Geteuid(), os.Getegid(), dir), false},
		{"file in the way", plain, "", "rm " + plain, false},
		{"too long", dir + "/" + strings.Repeat("x", 108), "", "at most 107", false},
		{"abstract", "@sallyport", "", "abstract", false},
		{"empty", "", "", "empty", false},
		{"unknown group", dir + "/s", "no-such-group-here", "groupadd", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.rootOnly {
				needRoot(t, "make a folder that is not its own")
				os.Chown(foreign, 65534, -1)
			}
			l, err := listen.Unix(listen.Config{Path: c.path, Group: c.group})
			if err == nil {
				l.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("want a word about %q, got: %v", c.want, err)
			}
		})
	}
	if b, _ := os.ReadFile(plain); string(b) != "precious" {
		t.Error("a file in the way was harmed")
	}
}

func TestAMissingFolderIsMadeClosed(t *testing.T) {
	dir := filepath.Join(folder(t), "run")
	open(t, listen.Config{Path: dir + "/s"})
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Fatalf("folder: %v, %v", info, err)
	}
}

func TestConnectionsBeyondTheBoundWait(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	l := open(t, listen.Config{Path: path, MaxConns: 2})
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	<-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection got in")
	case <-time.After(100 * time.Millisecond):
	}
	first.Close()
	first.Close() // a second close must not free a second slot
	select {
	case <-accepted:
	case <-time.After(2 * time.Second):
		t.Fatal("a freed slot was not used")
	}
	l.Close()
	if _, open := <-accepted; open {
		t.Fatal("Close did not wake Accept")
	}
}

func TestPeerTravelsInTheContext(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	l := open(t, listen.Config{Path: path})
	got := make(chan listen.Peer, 1)
	srv := &http.Server{ConnContext: listen.ConnContext, Handler: http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			p, _ := listen.PeerOf(r.Context())
			got <- p
		})}
	go srv.Serve(l)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	resp, err := client.Get("http://sallyport/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	p := <-got
	if p.UID != os.Getuid() || p.GID != os.Getgid() || p.PID != os.Getpid() {
		t.Errorf("peer %+v", p)
	}
	if _, ok := listen.PeerOf(context.Background()); ok {
		t.Error("a context without a connection has a peer")
	}
}

func TestTCPIsLoopbackWhereAsked(t *testing.T) {
	ctx := context.Background()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.org:80", "127.0.0.1"} {
		if l, err := listen.TCP(ctx, addr, 0, true); err == nil {
			l.Close()
			t.Errorf("%s opened", addr)
		}
	}
	l, err := listen.TCP(ctx, "127.0.0.1:0", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p, ok := listen.PeerOfConn(c); !ok || p.UID != -1 || p.Login != "" {
		t.Errorf("TCP peer: %+v, %v", p, ok)
	}
}

func TestLackOfDescriptorsIsNoBusyLoop(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	l := open(t, listen.Config{Path: path, MaxConns: 64})
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	restore := func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) }
	defer restore()
	before := cpu(t)
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("Accept gave up: %v", err)
	case <-time.After(time.Second):
	}
	if used := cpu(t) - before; used > 200*time.Millisecond {
		t.Errorf("one second without descriptors cost %v of CPU", used)
	}
	restore()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Second):
		t.Fatal("no answer within a second of the release")
	}
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
