package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// call runs the tool in process and returns its exit status.
func call(t *testing.T, stdin string, args ...string) int {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return run(args, f, io.Discard, new(bytes.Buffer))
}

func TestExitStatus(t *testing.T) {
	said, err := words.Reasons("", "")
	if err != nil {
		t.Fatal(err)
	}
	h, err := admin.New(admin.Config{Support: &house{}, Issuer: &house{}, Engine: &house{}, System: &house{}, Text: said, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	good := filepath.Join(dir, "a")
	l, err := listen.Unix(listen.Config{Path: good})
	if err != nil {
		t.Fatal(err)
	}
	srv := admin.Server(h, nil)
	go srv.Serve(l)
	defer srv.Close()
	hangsUp := filepath.Join(dir, "b")
	rude, err := net.Listen("unix", hangsUp)
	if err != nil {
		t.Fatal(err)
	}
	defer rude.Close()
	go func() {
		for c, err := rude.Accept(); err == nil; c, err = rude.Accept() {
			c.Close()
		}
	}()
	cases := []struct {
		want  int
		stdin string
		args  []string
	}{
		{0, "", []string{"--socket", good, "status"}},
		{0, "", []string{"--help"}},
		{0, "right \n123456\n", []string{"--socket", good, "check", "web", "alice"}},
		{1, "wrong\n", []string{"--socket", good, "check", "web", "alice"}},
		{75, "right \n", []string{"--socket", good, "check", "web", "zora"}},
		{1, "", []string{"--socket", good, "user", "nobody"}},
		{75, "", []string{"--socket", good, "user", "zora"}},
		{1, "", []string{"--socket", good, "audit", "verify"}},
		{1, "", []string{"--socket", good, "reset", "alice", "--reason", "not allowed"}},
		{2, "", []string{"--socket", good, "reset", "alice"}},
		{0, "", []string{"--socket", good, "code", "alice", "--reason", "phone at home"}},
		{1, "", []string{"--socket", good, "code", "lost", "--reason", "phone at home"}},
		{75, "", []string{"--socket", good, "code", "..", "--reason", "phone at home"}},
		{2, "", []string{"--socket", good, "code", "a/b", "--reason", "phone at home"}},
		{2, "", []string{"--socket", good, "reset", "alice", "--reason", "x"}},
		{2, "", []string{"--socket", good, "user"}},
		{2, "", []string{"--socket", good, "fly"}},
		{2, "", []string{"--socket", good, "status", "--wings"}},
		{2, "", nil},
		{75, "", []string{"--socket", filepath.Join(dir, "none"), "status"}},
		{75, "", []string{"--socket", hangsUp, "status"}},
	}
	for _, c := range cases {
		if got := call(t, c.stdin, c.args...); got != c.want {
			t.Errorf("%q: status %d, want %d", c.args, got, c.want)
		}
	}
}

func TestWhichSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	tl := &tool{}
	t.Setenv(socketEnv, "")
	if _, err := os.Lstat(systemSocket); err != nil {
		if got := tl.socketPath(); got != systemSocket {
			t.Errorf("with nothing there: %s", got)
		}
		os.MkdirAll("var/run", 0o755)
		os.WriteFile(demoSocket, nil, 0o600)
		if got := tl.socketPath(); got != demoSocket {
			t.Errorf("in the demo's folder: %s", got)
		}
		if os.Getuid() == 0 {
			os.Chown(demoSocket, 4242, -1)
			if got := tl.socketPath(); got != systemSocket {
				t.Errorf("a stranger's socket was taken: %s", got)
			}
		}
	}
	t.Setenv(socketEnv, "/e")
	if got := tl.socketPath(); got != "/e" {
		t.Errorf("from the environment: %s", got)
	}
	tl.socket = "/f"
	if got := tl.socketPath(); got != "/f" {
		t.Errorf("from the flag: %s", got)
	}
}
