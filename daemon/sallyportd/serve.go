package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/daemon/sallyportd/house"
	"github.com/sallyport/sallyport/daemon/sallyportd/lines"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/sallyportd/systemd"
)

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the daemon",
		Long: `serve runs the daemon until SIGTERM or SIGINT, which lets requests under way
finish. It logs to standard error and tells systemd when it is ready.

SIGHUP reads the config again, with certificates and all other files that it
names, without dropping a request. Where something is wrong with it, the log says
what, and the old one goes on.`,
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
			log, level := logger(cfg.Log, out)
			err = run(cmd.Context(), work{cfg: cfg, log: log, level: level, path: path, ready: func() error { return nil }})
			if errors.As(err, new(*way.Fault)) || errors.Is(err, trial.ErrSettings) {
				err = usageError{fmt.Errorf("%w (sallyportd check-config names the line)", err)}
			}
			return err
		},
	}
	configFlag(c, &path)
	return c
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

// logger writes the log; its level can be changed.
func logger(cfg config.Log, w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, cfg)
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts)), level
	}
	return slog.New(slog.NewJSONHandler(w, opts)), level
}

func setLevel(level *slog.LevelVar, cfg config.Log) {
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level.Set(slog.LevelInfo) // the config has checked the word
	}
}

// work is what there is to run.
type work struct {
	cfg   *config.Config
	log   *slog.Logger
	level *slog.LevelVar
	// path is the file that SIGHUP has read again; empty where that means nothing.
	path string
	// ready is called once everything answers.
	ready func() error
}

// run builds the house, serves until a signal comes, and stops in reverse.
func run(ctx context.Context, w work) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// One waits: whatever comes while the config is read means that it has to be
	// read once more.
	hangups := make(chan os.Signal, 1)
	if w.path != "" {
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	harden(w.log)
	relaxTimers(w.log)
	h, err := house.Open(ctx, w.cfg, w.log, version())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := w.ready(); err != nil {
		return err
	}
	w.log.Info("ready", "version", version())
	manager := systemd.New(w.log)
	manager.Ready("ready, version " + version())
	defer manager.Stopping()
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	loop := make(chan struct{})
	beside.Go(func() { manager.Beat(ctx, func(limit context.Context) error { return alive(limit, loop, h) }) })
	beside.Go(func() { w.reloads(ctx, hangups, h, manager) })
	for {
		select {
		case <-ctx.Done():
			w.log.Info("stopping: letting requests under way finish")
			return nil
		case err := <-h.Failed():
			return err
		case <-loop:
		}
	}
}

// alive returns once the daemon's own loop has come round, and what the house
// says of its parts.
func alive(limit context.Context, loop chan<- struct{}, h *house.House) error {
	select {
	case loop <- struct{}{}:
		return h.Alive(limit)
	case <-limit.Done():
		return fmt.Errorf("the main loop does not come round: %w", limit.Err())
	}
}
