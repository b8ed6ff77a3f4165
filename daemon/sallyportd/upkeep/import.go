package upkeep

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/parts"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/source"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/tally"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
)

// arrival is the command import.
type arrival struct {
	*tool
	moving.Order
	source.Source
	report string
}

func (t *tool) importCommand() *cobra.Command {
	a := &arrival{tool: t}
	c := t.flags(&cobra.Command{
		Use:   "import --config FILE --format FORMAT PATH...",
		Short: "Take the code apps of people in from another system; the daemon must be stopped",
		Long: `import takes in the code apps that people use with another system, so that nobody
has to set up anew. Formats:

  csv                   a table with the heading login,secret,algorithm,digits,period,label
  otpauth               otpauth URIs, one a line, alone or behind the login and a tab
  google-authenticator  files of google-authenticator-libpam, or a folder of them
  pskc                  RFC 6030, in clear or with --key-file

A dry run works while the daemon runs, too: it looks at a copy of the state. Each
login is looked up in the directory before anything is written. What comes in
is good at once. Refused, with the reason, are secrets under 128 bits, counters
(HOTP), people whom the directory does not have, and people whom support has reset.
Who has a code app here already keeps it, unless --replace is given. Nobody gets a
mail, unless --notify is given.

Cut off at any moment, run it again: what is in stays as it is, and only the rest
is taken. Exit status: 0 nothing was refused, 1 something was, 75 the directory or
the state was away and the rest is missing.`,
		Example: `  sudo -u sallyport sallyportd import --format csv --dry-run --report report.csv people.csv
  systemctl stop 'sallyport-*.socket' sallyport
  sudo -u sallyport sallyportd import --format csv --report report.csv people.csv
  systemctl start sallyport`,
		RunE: func(c *cobra.Command, paths []string) error { return a.run(c, paths) },
	})
	c.Args = func(_ *cobra.Command, paths []string) error {
		if len(paths) == 0 {
			return Failure{usage, errors.New("say what to import: one file or more")}
		}
		return nil
	}
	c.Flags().StringVar(&a.Format, "format", "", "csv, otpauth, google-authenticator or pskc; compulsory")
	c.Flags().BoolVar(&a.DryRun, "dry-run", false, "write nothing, and say what would be done")
	c.Flags().BoolVar(&a.Replace, "replace", false, "end the code app that a person has here, in favour of the one in the file")
	c.Flags().BoolVar(&a.Notify, "notify", false, "have hooks tell each person, as if they had connected the phone themselves")
	c.Flags().StringVar(&a.report, "report", "", "write what became of each entry into this file, as CSV")
	c.Flags().StringVar(&a.KeyFile, "key-file", "", "the file of the pre-shared key (in hexadecimal) or of the pass phrase of a PSKC")
	return c
}

func (a *arrival) run(c *cobra.Command, paths []string) (err error) {
	a.Warn = c.ErrOrStderr()
	entries, err := a.Read(paths)
	if err != nil {
		return Failure{usage, err}
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	var report *os.File
	if a.report != "" {
		// Before the import, so that it is not found out afterwards.
		if report, err = openReport(a.report, paths); err != nil {
			return Failure{usage, fmt.Errorf("the report cannot be written: %w", err)}
		}
		defer func() { err = errors.Join(err, report.Close()) }()
	}
	if a.DryRun {
		var away func() error
		if cfg, away, err = a.aside(c, cfg); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, away()) }()
	}
	return a.moved(c, parts.People{Config: cfg}, func(place moving.Place, _ *state.State) error {
		bar := barOf(c.ErrOrStderr(), len(entries))
		a.Step = func(of int) {
			bar.ChangeMax(of)
			_ = bar.Add(1) // a bar that cannot be drawn is none
		}
		begun := time.Now()
		out, err := place.Take(c.Context(), entries, a.Order)
		_ = bar.Finish()
		if report != nil {
			err = errors.Join(err, tally.Report(report, out, a.DryRun))
		}
		return a.tell(c, out, time.Since(begun), err)
	})
}

// openReport opens the report of before anew, but never a file that is imported.
func openReport(path string, imported []string) (*os.File, error) {
	if is, err := os.Stat(path); err == nil {
		for _, other := range imported {
			if file, err := os.Stat(other); err == nil && os.SameFile(is, file) {
				return nil, fmt.Errorf("%s is a file to import", path)
			}
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// moved opens what records are moved in and out with, and does it, the daemon
// being stopped.
func (t *tool) moved(c *cobra.Command, p parts.People, do func(moving.Place, *state.State) error) error {
	return t.opened(c, p.Config, func(s *state.State) (err error) {
		place := moving.Place{Store: s.Store, MAC: s.Ring.MAC, Now: time.Now, Issuer: p.Config.Issuer, Operator: operator()}
		end, err := p.Open(c.Context(), &place)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		return do(place, s)
	})
}

// aside lets a dry run look at a copy where the daemon runs, so that everybody can
// be looked up days before the import, while people log in.
func (t *tool) aside(c *cobra.Command, cfg *config.Config) (_ *config.Config, away func() error, err error) {
	answer, err := ask(c.Context(), cfg, "/v1/backup")
	if err != nil || answer == nil {
		return cfg, func() error { return nil }, err
	}
	defer answer.Body.Close() //nolint // it was read
	folder := filepath.Join(cfg.State, "dry-run.tmp")
	away = func() error { return os.RemoveAll(folder) }
	if err := away(); err != nil { // what a crash has left
		return nil, nil, asDaemon(err, cfg.State)
	}
	if _, err := backup.Receive(answer.Body, folder); err != nil {
		return nil, nil, asDaemon(errors.Join(err, away()), cfg.State)
	}
	at := *cfg
	at.Store, at.Journal = filepath.Join(folder, "state.db"), ""
	return &at, away, nil
}

// barOf shows how far it is, on a terminal and nowhere else.
func barOf(to io.Writer, of int) *progressbar.ProgressBar {
	if file, ok := to.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		to = io.Discard
	}
	return progressbar.NewOptions(of, progressbar.OptionSetWriter(to), progressbar.OptionSetDescription("entries"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionUseANSICodes(false))
}

// tell prints what became of it, and makes the exit status.
func (a *arrival) tell(c *cobra.Command, out []moving.Outcome, took time.Duration, failed error) error {
	s := tally.Of(out, a.DryRun, took)
	if err := a.print(c, s, s.Words()); err != nil {
		return err
	}
	refused := s.Counts[moving.Refused]
	switch {
	case errors.Is(failed, account.ErrUnavailable):
		return Failure{temporary, fmt.Errorf("%w\nThe rest is missing. Run the same again later: it goes on where it stopped", failed)}
	case failed != nil:
		return failed
	case refused > 0:
		return Failure{1, fmt.Errorf("%d of %d entries were refused", refused, len(out))}
	}
	if !a.DryRun && !a.json {
		c.Println("Next: start the daemon, see that somebody can log in, and remove the files that were imported.")
	}
	return nil
}
