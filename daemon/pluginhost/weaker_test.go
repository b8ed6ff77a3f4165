package pluginhost_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/wire"
	"github.com/sallyport/sallyport/plugins/wire/pb"
)

// foreign is a factor that was written without package wire: it knows nothing
// of jails.
type foreign struct {
	plugin.NetRPCUnsupportedPlugin
	pb.UnimplementedFactorServer
}

func (foreign) Info(context.Context, *pb.InfoRequest) (*pb.InfoReply, error) {
	return &pb.InfoReply{Kind: "foreign"}, nil
}

func (f foreign) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterFactorServer(s, f)
	return nil
}

func (foreign) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func serveForeign() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake(),
		Plugins:         plugin.PluginSet{wire.FactorName: foreign{}},
		GRPCServer:      plugin.DefaultGRPCServer,
	})
}

// place copies this program, as a file that the test may spoil.
func place(t *testing.T, kind string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), kind)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever cannot be had as the config asks for it is a reason not to start,
// and the error says what to do.
func TestNeverStartsWeakerThanTheConfigAsks(t *testing.T) {
	loose := place(t, "echo")
	if err := os.Chmod(loose, 0o775); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind  string
		spoil func(*pluginhost.Spec)
		hook  bool
		want  string
	}{
		"as it should be":                    {kind: "echo"},
		"a jail that cannot be entered":      {kind: "unjailable", want: "`jail = false`"},
		"the same, and the config knows":     {kind: "unjailable", spoil: func(s *pluginhost.Spec) { s.NoJail = true }},
		"a plugin that knows no jail":        {kind: "foreign", want: "`jail = false`"},
		"that one, and the config knows":     {kind: "foreign", spoil: func(s *pluginhost.Spec) { s.NoJail = true }},
		"a factor that needs the network":    {kind: "network"},
		"another file than the pinned":       {kind: "echo", spoil: func(s *pluginhost.Spec) { s.SHA256 = strings.Repeat("0", 64) }, want: "pinned"},
		"a plugin without mTLS":              {kind: "plain", want: "connecting to the plugin"},
		"a plugin without mTLS, config, too": {kind: "plain", spoil: func(s *pluginhost.Spec) { s.MTLS = false }},
		"a file that others may write to":    {kind: "echo", spoil: func(s *pluginhost.Spec) { s.Path = loose }, want: "`chmod go-w " + loose + "`"},
		"a hook that is one":                 {kind: "watcher", hook: true},
		"a factor that is named as a hook":   {kind: "echo", hook: true, want: "Unimplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			_, specs := plugins(t, c.kind)
			if c.spoil != nil {
				c.spoil(&specs[0])
			}
			factors, hooks := specs, []pluginhost.Spec(nil)
			if c.hook {
				factors, hooks = nil, specs
			}
			h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: shortDir(t)}, factors, hooks)
			if err == nil {
				defer func() { _ = h.Close() }()
			}
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && err == nil:
				t.Error("started")
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("%v does not say %q", err, c.want)
			}
		})
	}
}

// seccomp is what the kernel says of a process's filters: 0 none, 2 some.
func seccomp(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nSeccomp:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// What became wrong while the plugin ran is found when it is started again.
func TestARestartIsHeldToTheSame(t *testing.T) {
	path := place(t, "echo")
	h := start(t, pluginhost.Config{}, []pluginhost.Spec{{Kind: "echo", Path: path, MTLS: true}}, nil)
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	_, _ = ask(t, h.Factor("echo"), "crash")
	eventually(t, 5*time.Second, "the problem is known", func() bool {
		return strings.Contains(h.Status()[0].Problem, "`chmod go-w "+path+"`")
	})
	if got, err := ask(t, h.Factor("echo"), "accept:r1"); err == nil {
		t.Errorf("got %v", got)
	}
}

// Who runs without a jail is seen, in the log and in the status.
func TestWhoRunsWithoutAJailIsSeen(t *testing.T) {
	var log logBuffer
	_, specs := plugins(t, "echo", "neighbour", "network")
	specs[1].NoJail = true
	h := start(t, pluginhost.Config{Log: log.logger()}, specs, nil)
	for i, want := range []bool{true, false, false} {
		if got := h.Status()[i]; got.Jailed != want {
			t.Errorf("%s: jailed=%t", got.Kind, got.Jailed)
		}
		if got := !strings.Contains(log.String(), `"plugin runs without a jail" plugin=`+specs[i].Kind+" "); got != want {
			t.Errorf("%s: the log says %s", specs[i].Kind, log.String())
		}
	}
	for i, want := range []string{"2", "0", "0"} {
		if got := seccomp(t, h.Status()[i].PID); got != want {
			t.Errorf("%s: the kernel says %s, not %s", specs[i].Kind, got, want)
		}
	}
}

// A daemon whose own environment says so changes nothing: only the host's
// config can take a jail away.
func TestNobodyElseTakesAJailAway(t *testing.T) {
	name, value, _ := strings.Cut(wire.NoJail, "=")
	t.Setenv(name, value)
	_, specs := plugins(t, "echo")
	h := start(t, pluginhost.Config{}, specs, nil)
	if got := seccomp(t, h.Status()[0].PID); got != "2" {
		t.Errorf("the kernel says %s of the jail", got)
	}
}

// One error names every plugin and the run directory, with one command.
func TestAllThatOthersMayWriteToIsNamedAtOnce(t *testing.T) {
	run := shortDir(t)
	one, two := place(t, "echo"), place(t, "watcher")
	for _, path := range []string{run, one, two} {
		if err := os.Chmod(path, 0o775); err != nil {
			t.Fatal(err)
		}
	}
	h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: run},
		[]pluginhost.Spec{{Kind: "echo", Path: one}}, []pluginhost.Spec{{Kind: "watcher", Path: two}})
	if err == nil {
		h.Close()
		t.Fatal("started")
	}
	if want := "`chmod go-w " + strings.Join([]string{run, one, two}, " ") + "`"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %s", err, want)
	}
}
