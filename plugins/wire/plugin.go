package wire

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/pb"
)

// The names under which the two contracts are dispensed.
const (
	FactorName = "factor"
	HookName   = "hook"
)

// NoJail in the environment of a plugin's process lets it run without a jail.
// That environment is made by the host alone.
const NoJail = "SALLYPORT_PLUGIN_JAIL=off"

// Sizes of one message, in bytes. A request may hold fifty records of the
// largest payload and more; a reply holds one.
const (
	MaxRequest = 512 << 10
	MaxReply   = 64 << 10
)

// window is the flow-control window of a connection and of each stream. It is
// fixed, because the adaptive one sends pings to measure a local socket.
const window = 1 << 20

var errNoSuchEnd = errors.New("this plugin serves the other contract")

// Handshake is what both ends must agree on before anything else. The cookie
// only keeps a person from starting a plugin by hand; it protects nothing.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  1,
		MagicCookieKey:   "SALLYPORT_PLUGIN",
		MagicCookieValue: "a gate made of two doors",
	}
}

// Plugins is what the host can dispense: FactorName gives a *FactorClient,
// HookName a *HookClient. Now is the clock by which deadlines are counted down, and
// limit how long a Verify may take, whatever its context says.
func Plugins(now func() time.Time, limit time.Duration) plugin.PluginSet {
	return plugin.PluginSet{
		FactorName: &factorPlugin{now: now, limit: limit},
		HookName:   &hookPlugin{},
	}
}

// DialOptions are the limits of the host's end of the connection.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxReply),
			grpc.MaxCallSendMsgSize(MaxRequest),
		),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	}
}

// serverOptions are the limits of the plugin's end of the connection.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxRequest),
		grpc.MaxSendMsgSize(MaxReply),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	}
}

// factorPlugin is a factor as go-plugin knows it: impl and jailed are set in
// the plugin, now and limit in the host.
type factorPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl   factor.Factor
	jailed bool
	now    func() time.Time
	limit  time.Duration
}

func (p *factorPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.impl == nil {
		return errNoSuchEnd
	}
	end := newFactorServer(p.impl)
	end.jailed = p.jailed
	pb.RegisterFactorServer(s, end)
	return nil
}

func (p *factorPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return newFactorClient(pb.NewFactorClient(c), p.now, p.limit), nil
}

// hookPlugin is a hook as go-plugin knows it.
type hookPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl hook.Hook
}

func (p *hookPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.impl == nil {
		return errNoSuchEnd
	}
	pb.RegisterHookServer(s, &hookServer{impl: p.impl})
	return nil
}

func (p *hookPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return &HookClient{pb: pb.NewHookClient(c)}, nil
}
