package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/configs"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory/embedded"
	"github.com/sallyport/sallyport/daemon/sallyportd/lines"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
)

// demoDirectory is where the demo's people answer; the address is fixed so that
// docs, tests and demo agree.
const demoDirectory = "127.0.0.1:3389"

func demoCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "demo [--dir var]",
		Short: "Run the daemon on an embedded directory, ready to try",
		Long: `demo runs the real daemon with real plugin processes, on an embedded directory
of five people and a SQLite store, and prints what to try. It listens on
loopback only. State and sockets lie in the folder, so a second start finds
what the first left.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd, dir) },
	}
	c.Flags().StringVar(&dir, "dir", "var", "the folder of state, log and sockets")
	return c
}

func demo(cmd *cobra.Command, dir string) (err error) {
	abs, err := absolute(dir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the daemon's own folder: %w", err)
	}
	cfg, err := config.Parse(config.Source{File: "demo.toml", Dir: abs, Bin: filepath.Dir(self), Text: configs.DemoTOML})
	if err != nil {
		return err
	}
	var plugins []string
	for _, f := range cfg.Factors {
		plugins = append(plugins, f.Path)
	}
	if err := machine.Programs(plugins); err != nil {
		return err
	}
	for _, d := range []string{abs, filepath.Join(abs, "run")} {
		if err := machine.OwnFolder(d); err != nil {
			return err
		}
	}
	if err := createKEK(filepath.Join(abs, "kek")); err != nil {
		return err
	}
	people, err := embedded.Start(embedded.Config{Addr: demoDirectory, LDIF: strings.NewReader(configs.DemoLDIF)})
	if err != nil {
		return fmt.Errorf("starting the embedded directory: %w", err)
	}
	defer people.Close() //nolint // it holds nothing that could be lost
	logPath := filepath.Join(abs, "sallyportd.log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	out := lines.New(logFile)
	defer func() { err = errors.Join(err, out.Close(), logFile.Close()) }()
	// A terminal that is closed ends the demo as Ctrl-C does.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
	defer stop()
	log, level := logger(cfg.Log, out)
	err = run(ctx, work{cfg: cfg, log: log, level: level, ready: func() error { return invite(os.Stdout, cfg, place(abs)) }})
	if err == nil {
		fmt.Println("Stopped. The state stays in", place(abs)+"; start again to go on.")
	}
	return err
}

// place is the folder as somebody standing here would write it.
func place(abs string) string {
	here, err := os.Getwd()
	if err != nil {
		return abs
	}
	rel, err := filepath.Rel(here, abs)
	if err != nil || len(rel) > len(abs) {
		return abs
	}
	return rel
}

// invite prints what to try next.
func invite(w io.Writer, cfg *config.Config, dir string) error {
	_, err := fmt.Fprintf(w, `The sallyport demo is running.

  Page       %[1]s   sign in as alice, password alice-password
  People     alice, bert, carla, dora (disabled), müller; each NAME-password
  Metrics    http://%[2]s/metrics
  Sockets    %[3]s/run/check.sock  %[3]s/run/saslauthd/mux  %[3]s/run/auth-client  %[3]s/run/admin.sock
  Log        %[3]s/sallyportd.log

Next: open the page, set up a code app and make an app password. Then, in
another terminal, ask what a calendar server would ask:

  curl --unix-socket %[3]s/run/check.sock -u alice:APP-PASSWORD \
       -H 'X-Sallyport-Service: dav' -i http://sallyport/v1/auth

and look at it as the support desk would:

  bin/sallyport --socket %[3]s/run/admin.sock user alice
  bin/sallyport --socket %[3]s/run/admin.sock reset alice --reason "lost phone"

Ctrl-C stops the demo.
`, cfg.Page.URL, cfg.Metrics, dir)
	if err != nil {
		return fmt.Errorf("printing what to try: %w", err)
	}
	return nil
}
