package wire

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/jail"
)

// Serve is the main of a factor plugin. It returns when the host is gone.
func Serve(f factor.Factor) {
	info, err := f.Info(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "asking the factor what it is: %v\n", err)
		os.Exit(1)
	}
	serve(plugin.PluginSet{FactorName: &factorPlugin{impl: f}}, !info.Network)
}

// ServeHook is the main of a hook plugin. It returns when the host is gone. A
// hook exists to tell others, so it is not jailed.
func ServeHook(h hook.Hook) {
	serve(plugin.PluginSet{HookName: &hookPlugin{impl: h}}, false)
}

func serve(set plugin.PluginSet, jailed bool) {
	// A check is a few microseconds of work: handing it to another thread costs
	// more than it, and on a small machine takes the host's processor away.
	runtime.GOMAXPROCS(1)
	if shake := Handshake(); os.Getenv(shake.MagicCookieKey) == shake.MagicCookieValue {
		harden()
		go dieWithHost(os.Stdin)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake(),
		Plugins:         set,
		Logger:          hclog.NewNullLogger(),
		// The server is made after the socket and the certificate, and before
		// the first byte from the host: the right moment to give up the rest.
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			if jailed {
				if err := jail.Enter(); err != nil {
					fmt.Fprintf(os.Stderr, "[WARN] running without a jail: %v\n", err)
				}
			}
			return grpc.NewServer(append(opts, serverOptions()...)...)
		},
	})
}

// harden keeps secrets from reaching a core file or a debugger, as far as the
// kernel lets us: on one that does not, the plugin still works.
func harden() {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		fmt.Fprintf(os.Stderr, "[WARN] forbidding core files: %v\n", err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		fmt.Fprintf(os.Stderr, "[WARN] forbidding dumps of the process: %v\n", errno)
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
}

// dieWithHost ends the process when the host's end of standard input closes,
// which the kernel does however the host dies.
func dieWithHost(lifeline io.Reader) {
	_, _ = io.Copy(io.Discard, lifeline)
	os.Exit(0)
}
