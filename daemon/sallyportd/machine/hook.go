package machine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/daemon/sallyportd/filled"
	"github.com/sallyport/sallyport/plugins/hook"
)

// hookPatience bounds the start of a hook that is asked about its settings.
const hookPatience = 10 * time.Second

// Hook starts a hook, lets it read its settings, and ends it again: nobody else
// knows what they mean. It is told of no act. An error is a hook.Unfit, or says
// why the program does not start.
func Hook(h config.Hook, s hook.Setup) (err error) {
	dir, err := trial.Folder()
	if err != nil {
		return fmt.Errorf("making a folder for the hook's socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left there is empty
	ctx, cancel := context.WithTimeout(context.Background(), hookPatience)
	defer cancel()
	host, err := pluginhost.Start(ctx, pluginhost.Config{RunDir: dir, Log: slog.New(slog.DiscardHandler), Setup: s}, nil,
		[]pluginhost.Spec{filled.Hook(h)})
	if err != nil {
		return err
	}
	return host.Close()
}

// folder makes one for the sockets of plugins: where such folders usually are or,
// where that has too long a name for a socket's, in /tmp.
func folder() (string, error) {
	const room = 32 // what is below it has up to 75 bytes of 107
	in := os.TempDir()
	if len(in) > room {
		in = "/tmp"
	}
	dir, err := os.MkdirTemp(in, "sallyport-check-")
	if err != nil {
		return "", fmt.Errorf("making a folder for a plugin's socket: %w", err)
	}
	return dir, nil
}
