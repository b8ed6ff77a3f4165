package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire"
	"github.com/sallyport/sallyport/plugins/wire/jail/jailtest"
)

// The test binary is its own plugin: started with the handshake's cookie, it
// serves what its name says. hostGuard makes it a daemon that can be killed.
const hostGuard = "SALLYPORT_TEST_HOST"

func TestMain(m *testing.M) {
	shake := wire.Handshake()
	switch {
	case os.Getenv(shake.MagicCookieKey) == shake.MagicCookieValue:
		servePlugin(filepath.Base(os.Args[0]))
	case os.Getenv(hostGuard) != "":
		serveHost(os.Getenv(hostGuard))
	default:
		os.Exit(m.Run())
	}
}

func servePlugin(name string) {
	switch name {
	case "watcher":
		wire.ServeHook(watcher{})
	case "picky":
		wire.ServeHook(picky{})
	case "mute":
		fmt.Println("hello, I speak no protocol")
	case "silent":
		select {}
	case "unjailable":
		if err := jailtest.NoSeccomp(); err != nil {
			panic(err)
		}
		wire.Serve(echo{info: echoInfo(name)})
	case "foreign":
		serveForeign()
	case "network":
		info := echoInfo(name)
		info.Network = true
		wire.Serve(echo{info: info})
	case "mover":
		wire.Serve(mover{echo{info: echoInfo(name)}})
	case "plain":
		// As if it knew nothing of the certificate that the host has sent.
		_ = os.Unsetenv("PLUGIN_CLIENT_CERT")
		wire.Serve(echo{info: echoInfo(name)})
	case "chatty":
		fmt.Fprint(os.Stderr, "[WARN] one \x1b[31mred\x1b[0m line\n"+strings.Repeat("x", 5000)+"\n")
		wire.Serve(echo{info: echoInfo("chatty")})
	default:
		// A file beside the plugin changes what it says of itself.
		if b, err := os.ReadFile(os.Args[0] + ".kind"); err == nil {
			name = string(b)
		}
		wire.Serve(echo{info: echoInfo(name)})
	}
}

func echoInfo(kind string) factor.Info {
	return factor.Info{Kind: kind, Format: 3, Shape: `^.*$`, Claims: true, Digits: 6, MaxRecords: 50, Guessable: true}
}

// slowEnroll is longer than a verdict may take.
const slowEnroll = 150 * time.Millisecond

// echo does what its input says.
type echo struct{ info factor.Info }

func (e echo) Info(context.Context) (factor.Info, error) { return e.info, nil }

func (e echo) Enroll(ctx context.Context, in factor.Enrollment) (factor.Issued, error) {
	if in.Account == "slow" {
		select {
		case <-time.After(slowEnroll):
		case <-ctx.Done():
			return factor.Issued{}, ctx.Err()
		}
	}
	if in.Settings["suffix"] == "unheard of" {
		return factor.Issued{}, errors.New("setting suffix: \"unheard of\" is none")
	}
	return factor.Issued{
		Format: 3, Payload: in.Entropy, Secret: in.Account, URI: in.Settings["suffix"],
		Confirm: true, Uses: len(os.Environ()),
	}, nil
}

func (e echo) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	word, arg, _ := strings.Cut(r.Input, ":")
	switch word {
	case "accept":
		return factor.Result{Verdict: factor.Accept, Record: arg}, nil
	case "floor":
		return factor.Result{Verdict: factor.Deny, Reason: factor.Reason(r.Floor.UTC().Format(time.RFC3339))}, nil
	case "deny":
		return factor.Result{Verdict: factor.Deny, Reason: factor.Reason(arg)}, nil
	case "wait":
		<-ctx.Done()
		return factor.Result{}, ctx.Err()
	case "crash":
		os.Exit(3)
	case "panic":
		panic("with " + r.Input)
	case "big":
		return factor.Result{Verdict: factor.Accept, Record: arg, Payload: make([]byte, factor.MaxPayload+1)}, nil
	case "huge":
		return factor.Result{Verdict: factor.Deny, Reason: factor.Reason(strings.Repeat("x", wire.MaxReply))}, nil
	case "verdict":
		return factor.Result{Verdict: 7, Record: arg}, nil
	case "probe":
		return factor.Result{Verdict: factor.Deny, Reason: factor.Reason(probe())}, nil
	}
	return factor.Result{}, errors.New("no such word")
}

// mover takes whatever comes, and makes its settings a record of it.
type mover struct{ echo }

func (mover) Import(_ context.Context, a transfer.Arrival) (transfer.Imported, error) {
	return transfer.Imported{Format: 3, Payload: []byte(a.Text + " with " + a.Settings["suffix"])}, nil
}

func (mover) Export(context.Context, transfer.Departure) (string, error) { return "", nil }

// watcher vetoes one name and cannot judge another.
type watcher struct{}

func (watcher) Before(_ context.Context, a hook.Attempt) (hook.Veto, error) {
	if a.Name == "trouble" {
		return hook.Veto{}, errors.New("no idea")
	}
	return hook.Veto{Refuse: a.Name == "m\xfcller", Note: a.Service}, nil
}

func (watcher) After(_ context.Context, e hook.Event) error {
	if e.Seq == 0 {
		return errors.New("acts count from 1")
	}
	return nil
}

// picky is a watcher with one setting, and says what else it was told.
type picky struct{ watcher }

func (picky) Configure(_ context.Context, s hook.Setup) []hook.Problem {
	if s.Settings["colour"] != "green" {
		return []hook.Problem{
			{Key: "colour", Reason: fmt.Sprintf("is %q for %s, %s, %s, %s", s.Settings["colour"], s.Operator, s.Phone, s.Hours, s.Mail), Fix: "write colour = \"green\""},
			{Reason: "fit nobody", Fix: "ask\nagain"},
		}
	}
	return nil
}

func (picky) After(ctx context.Context, e hook.Event) error {
	if e.Act == "slow" {
		select {
		case <-time.After(slowEnroll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// plugins makes a directory that a daemon would accept plugins from, with one
// name in it for each kind.
func plugins(t testing.TB, kinds ...string) (dir string, specs []pluginhost.Spec) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, kind := range kinds {
		path := filepath.Join(dir, kind)
		if err := os.Symlink(self, path); err != nil {
			t.Fatal(err)
		}
		specs = append(specs, pluginhost.Spec{Kind: kind, Path: path, MTLS: true, Timeout: 5 * time.Second})
	}
	return dir, specs
}

// shortDir is a run directory whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t testing.TB, cfg pluginhost.Config, specs, hooks []pluginhost.Spec) *pluginhost.Host {
	t.Helper()
	if cfg.RunDir == "" {
		cfg.RunDir = shortDir(t)
	}
	h, err := pluginhost.Start(t.Context(), cfg, specs, hooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// eventually asks again and again, until yes or until the limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
