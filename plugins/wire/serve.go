package wire

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/jail"
)

// heapGrowth lets a plugin's heap grow to 16 MB before it is collected.
const heapGrowth = 400

// Serve is the main of a factor plugin. It returns when the host is gone.
func Serve(f factor.Factor) {
	info, err := f.Info(context.Background())
	if err != nil {
		fatal("asking the factor what it is: %v", err)
	}
	end := &factorPlugin{impl: f}
	serve(plugin.PluginSet{FactorName: end}, func() {
		if info.Network || slices.Contains(os.Environ(), NoJail) {
			return
		}
		if err := jail.Enter(); err != nil {
			fatal("entering the jail: %v; `jail = false` in the [[factor]] of this plugin runs it without one", err)
		}
		end.jailed = true
	})
}

// ServeHook is the main of a hook plugin. It returns when the host is gone. A
// hook exists to tell others, so it is not jailed.
func ServeHook(h hook.Hook) {
	serve(plugin.PluginSet{HookName: &hookPlugin{impl: h}}, func() {})
}

// serve calls giveUp when the process has all that it needs, and no sooner.
func serve(set plugin.PluginSet, giveUp func()) {
	// A check is a few microseconds of work: handing it to another thread costs
	// more than it, and on a small machine takes the host's processor away.
	runtime.GOMAXPROCS(1)
	// With next to nothing in use, Go's default would collect every 4 MB.
	debug.SetGCPercent(heapGrowth)
	if shake := Handshake(); os.Getenv(shake.MagicCookieKey) == shake.MagicCookieValue {
		if err := jail.NoDumps(); err != nil {
			fatal("forbidding dumps of the process: %v", err)
		}
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		go dieWithHost(os.Stdin)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake(),
		Plugins:         set,
		Logger:          hclog.NewNullLogger(),
		// The server is made after the socket and the certificate, and before
		// the first byte from the host: the right moment to give up the rest.
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			giveUp()
			return grpc.NewServer(append(opts, serverOptions()...)...)
		},
	})
}

// fatal ends a plugin that could only run weaker than it must. The host logs
// the line and gives it as the reason why the plugin does not start.
func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[ERROR] "+format+"\n", args...)
	os.Exit(1)
}

// dieWithHost ends the process when the host's end of standard input closes,
// which the kernel does however the host dies.
func dieWithHost(lifeline io.Reader) {
	_, _ = io.Copy(io.Discard, lifeline)
	os.Exit(0)
}
