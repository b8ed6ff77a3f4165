package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
	texts "github.com/sallyport/sallyport/enrollweb/words"
	"github.com/sallyport/sallyport/plugins/factor"
)

// sentinel is the right password of everybody in the scripts. Wherever it shows
// up beside the question, a secret has leaked.
const sentinel = "sent1nel"

func TestMain(m *testing.M) {
	// Most of what runs here waits for four seconds.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"sallyport-check": main, "listener": listenAs})
}

// TestScripts plays what each kind of caller does, against the daemon's own
// front end with a house in memory behind it, and against sockets that have
// something wrong with them.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// The work folder of a script may be too deep for a socket.
			dir, err := os.MkdirTemp("", "sp")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			if err := os.Chmod(dir, 0o755); err != nil { // as listen wants it
				return err
			}
			env.Setenv("DIR", dir)
			env.Setenv("SOCKET", filepath.Join(dir, "s"))
			env.Setenv("FAULT", filepath.Join(dir, "f"))
			// Without this a program built with -race lingers a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return serve(env, filepath.Join(dir, "s"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": cmdStatus, "fault": cmdFault, "heard": cmdHeard,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition")
		},
	})
}

func serve(env *testscript.Env, path string) error {
	said, err := texts.Reasons("", "")
	if err != nil {
		return err
	}
	h, err := httpcheck.New(httpcheck.Config{Checker: house{}, Health: house{}, Text: said, Services: []string{"dav", "mail"}})
	if err != nil {
		return err
	}
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		return err
	}
	srv := httpcheck.Server(h, slog.New(slog.DiscardHandler))
	go srv.Serve(l)
	env.Defer(func() { srv.Close() })
	return nil
}

// house knows alice and müller, and people with names that no folder may have.
type house struct{}

func (house) Ready(context.Context) error { return nil }

func (house) Check(_ context.Context, a account.Attempt) account.Answer {
	name := strings.ToLower(a.Name)
	switch {
	case name == "zora":
		return account.Answer{Reason: account.DirectoryUnavailable}
	case name == "tina":
		return account.Answer{Verdict: factor.Deny, Reason: account.Throttled}
	case a.Service == "mail" && a.Password != sentinel+"123456",
		a.Service == "dav" && a.Password != sentinel && !strings.HasPrefix(a.Password.Reveal(), sentinel+" "):
		return account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	case !a.OneField:
		return account.Answer{Verdict: factor.Deny, Reason: account.Malformed}
	}
	// A password that ends in an address is right from there only.
	if _, from, found := strings.Cut(a.Password.Reveal(), " "); found && from != a.Client.Addr.String() {
		return account.Answer{Verdict: factor.Deny, Reason: account.Vetoed}
	}
	return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "1", Name: name}}
}

// cmdStatus is "status N program args...": it runs a program that must end with
// status N, and must not have said the sentinel.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
	out, said := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if strings.Contains(out+said, sentinel) {
		ts.Fatalf("a password has leaked")
	}
	if lines := strings.Count(said, "\n"); lines > 1 {
		ts.Fatalf("%d lines on stderr", lines)
	}
}

// cmdHeard is "heard FILE": a stranger listened, and was sent nothing.
func cmdHeard(ts *testscript.TestScript, neg bool, args []string) {
	said := ts.ReadFile(args[0])
	if heard := strings.Contains(said, "Authorization"); heard == neg {
		ts.Fatalf("the listener heard: %q", said)
	}
}

// listenAs is a program of the scripts: "listener UID PATH FILE" accepts on a
// socket as another user, writes what it hears into the file, and lets
// everybody in.
func listenAs() {
	uid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	out, err := os.Create(os.Args[3])
	if err != nil {
		panic(err)
	}
	if err := become(uid, filepath.Dir(os.Args[2])); err != nil {
		panic(err)
	}
	l, err := net.Listen("unix", os.Args[2])
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		out.Write(b[:n])
		c.Write([]byte("HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n"))
		c.Close()
	}
}
