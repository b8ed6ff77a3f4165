package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/sallyport/sallyport/daemon/pluginhost/child"
	"github.com/sallyport/sallyport/daemon/pluginhost/trusted"
	"github.com/sallyport/sallyport/plugins/wire"
)

// process is one life of a plugin.
type process struct {
	*child.Child
	client *plugin.Client
	born   time.Time
	factor *wire.FactorClient // nil for a hook
	hook   *wire.HookClient   // nil for a factor

	// answers counts calls that the plugin answered at all.
	answers atomic.Uint64

	mu          sync.Mutex
	misses      int
	signsThen   uint64
	missedSince time.Time
}

// launch checks the file, runs it, connects, and takes the socket's name away.
func launch(ctx context.Context, s *supervisor) (_ *process, err error) {
	file, err := trusted.Open(s.spec.Path, s.spec.SHA256)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &process{Child: child.New(s.launch, file), born: time.Now()}
	lines := newLineLog(s.cfg.Log, s.spec.Kind)
	p.client = plugin.NewClient(clientConfig(s, p.Child, lines))
	defer func() {
		if err != nil {
			p.bury()
		}
	}()
	// go-plugin's calls know no context; a dead process ends each of them.
	defer context.AfterFunc(ctx, p.End)()
	addr, err := p.client.Start()
	if err != nil {
		p.bury() // its last words are all there when it is gone
		return nil, fmt.Errorf("running %s: %w%s", s.spec.Path, err, lines.lastWords())
	}
	if err := p.connect(s.isHook); err != nil {
		return nil, fmt.Errorf("connecting to the plugin: %w", err)
	}
	if err := os.Remove(addr.String()); err != nil {
		return nil, fmt.Errorf("removing the name of the plugin's socket: %w", err)
	}
	return p, nil
}

// config is made anew for every start: go-plugin's client cannot be used twice.
func clientConfig(s *supervisor, c *child.Child, lines *lineLog) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		Plugins:          wire.Plugins(time.Now, s.spec.Timeout),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		GRPCDialOptions:  wire.DialOptions(),
		AutoMTLS:         s.spec.MTLS,
		SkipHostEnv:      true,
		StartTimeout:     startLimit,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: s.dir},
		Logger:           hclog.NewNullLogger(),
		Stderr:           lines, // what goes to the process's descriptor 2
		SyncStdout:       lines, // what the plugin's code prints
		SyncStderr:       lines,
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			if s.spec.NoJail {
				cmd.Env = append(cmd.Env, wire.NoJail)
			}
			return c, c.Prepare(cmd, dir)
		},
	}
}

// connect fills in the client's end of the contract.
func (p *process) connect(isHook bool) error {
	rpc, err := p.client.Client()
	if err != nil {
		return err
	}
	name := wire.FactorName
	if isHook {
		name = wire.HookName
	}
	end, err := rpc.Dispense(name)
	if err != nil {
		return err
	}
	switch end := end.(type) {
	case *wire.FactorClient:
		p.factor = end
	case *wire.HookClient:
		p.hook = end
	default:
		return errors.New("the plugin serves neither contract")
	}
	return rpc.Ping()
}

// bury kills what still lives and clears away what is left. It may be called
// more than once and returns when the process is gone.
func (p *process) bury() {
	p.End()
	if p.Started() {
		<-p.Exited()
	}
	// Only its goroutines and the connection are left to go-plugin.
	p.client.Kill()
	p.Clear()
}
