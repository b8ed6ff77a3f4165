package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/house"
	"github.com/sallyport/sallyport/daemon/sallyportd/lines"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
)

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the daemon",
		Long: `serve runs the daemon until SIGTERM or SIGINT, which lets requests under way
finish. It logs to standard error and tells systemd when it is ready.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := config.Load(path, machine.Here(true))
			if err != nil {
				err = fmt.Errorf("the config is not usable:\n%w", err)
				var problems config.Problems
				if errors.As(err, &problems) {
					if h := asRoot(problems, "serve", path); h != "" {
						err = fmt.Errorf("%w\n%s", err, h)
					}
				}
				return usageError{err}
			}
			out := lines.New(os.Stderr)
			defer func() { err = errors.Join(err, out.Close()) }()
			log := logger(cfg.Log, out)
			defer keepRunning(log)()
			return run(cmd.Context(), cfg, log, func() error { return nil })
		},
	}
	configFlag(c, &path)
	return c
}

// keepRunning answers SIGHUP, by which operators ask to read the config again:
// it is read at start only, and a daemon must not die of the question. The
// function it returns ends that.
func keepRunning(log *slog.Logger) func() {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			log.Warn("SIGHUP changes nothing: the config is read at start only, so restart the daemon")
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "/etc/sallyport/sallyport.toml", "the config file")
}

// noArguments refuses stray words, which are typing mistakes.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is not expected here (see %s --help)", args[0], c.CommandPath())}
	}
	return nil
}

func logger(cfg config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // the config has checked the word
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// run builds the house, serves until a signal comes, and stops in reverse.
// ready is called once everything answers.
func run(ctx context.Context, cfg *config.Config, log *slog.Logger, ready func() error) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	harden(log)
	relaxTimers(log)
	h, err := house.Open(ctx, cfg, log, version())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := ready(); err != nil {
		return err
	}
	log.Info("ready", "version", version())
	notify(log, daemon.SdNotifyReady)
	select {
	case <-ctx.Done():
		log.Info("stopping: letting requests under way finish")
	case err = <-h.Failed():
	}
	notify(log, daemon.SdNotifyStopping)
	return err
}

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("telling systemd", "error", err)
	}
}
