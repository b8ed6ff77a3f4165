package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/keeper"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
)

func (t *tool) backupCommand() *cobra.Command {
	var to string
	c := t.flags(&cobra.Command{
		Use:   "backup --config FILE --to FOLDER",
		Short: "Copy the state into a new folder, verified, while the daemon runs",
		Long: `backup copies the database into a new folder, with a manifest. The copy is
verified before the folder appears under its name: its structure, every row with
the keys that are in it, and the audit. Logins go on meanwhile. It works without
a running daemon, too.

The master key is not in it, and must not lie where backups lie: who has both
can read every secret, and who has lost it can read none. The revocation journal
is not in it either: a restore takes that from where it is.`,
		Example: `  sallyportd backup --to /backup/sallyport-2027-01-31`,
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" {
				return Failure{usage, errors.New("say where: --to FOLDER")}
			}
			m, err := t.backup(c, to)
			if err != nil {
				return err
			}
			return t.print(c, m, fmt.Sprintf(`backup    %s
verified  %d people, %d records, %d tokens, audit up to %d
size      %d bytes
The master key is not in it: keep a copy of that somewhere else.
`, to, m.Subjects, m.Records, m.Tokens, m.AuditHead, m.Size))
		},
	})
	c.Flags().StringVar(&to, "to", "", "the new folder; compulsory")
	return c
}

func (t *tool) backup(c *cobra.Command, to string) (m backup.Manifest, err error) {
	if err := backup.Free(to); err != nil {
		return m, err
	}
	cfg, err := t.load()
	if err != nil {
		return m, err
	}
	answer, err := ask(c.Context(), cfg, "/v1/backup")
	if err != nil {
		return m, err
	}
	if answer != nil {
		defer answer.Body.Close() //nolint // it was read
		return backup.Receive(answer.Body, to)
	}
	err = t.opened(c, cfg, func(s *state.State) error {
		r, w := io.Pipe()
		go func() {
			w.CloseWithError(keeper.Keeper{State: s, Program: t.version}.Backup(c.Context(), operator(), w))
		}()
		m, err = backup.Receive(r, to)
		r.CloseWithError(err)
		return err
	})
	return m, err
}

// opened does something with the state itself, the daemon being stopped.
func (t *tool) opened(c *cobra.Command, cfg *config.Config, do func(*state.State) error) error {
	place, err := t.place(cfg, c.ErrOrStderr())
	if err != nil {
		return err
	}
	s, err := state.Open(c.Context(), place)
	if err != nil {
		return asDaemon(err, filepath.Dir(place.Path))
	}
	return errors.Join(do(s), s.Close())
}

func (t *tool) restoreCommand() *cobra.Command {
	var from string
	var without bool
	c := t.flags(&cobra.Command{
		Use:   "restore --config FILE --from FOLDER",
		Short: "Put a backup in the place of the database; the daemon must be stopped",
		Long: `restore verifies a backup before it touches anything, brings a copy of it up to
date, and puts that in the place of the database in one step. The database of
before stays aside, with the date in its name.

Up to date means: what the revocation journal says since the backup is done
again, so that app passwords that were revoked stay dead and people who were
reset stay reset; every code of up to now counts as used; all sessions and links
have ended. What was set up after the backup is lost, and people have to do it
again.

Without the journal a restore is refused: what was revoked could come back to
life. --without-journal restores all the same.`,
		Example: `  systemctl stop 'sallyport-*.socket' sallyport
  sudo -u sallyport sallyportd restore --from /backup/sallyport-2027-01-31
  systemctl start sallyport`,
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" {
				return Failure{usage, errors.New("say which: --from FOLDER")}
			}
			return t.restore(c, backup.Order{From: from, WithoutJournal: without, Operator: operator()})
		},
	})
	c.Flags().StringVar(&from, "from", "", "the folder that backup has made; compulsory")
	c.Flags().BoolVar(&without, "without-journal", false, "restore although the revocation journal is missing: what was revoked since may come back to life")
	return c
}

func (t *tool) restore(c *cobra.Command, o backup.Order) error {
	cfg, err := t.load()
	if err != nil {
		return err
	}
	if o.State, err = t.place(cfg, c.ErrOrStderr()); err != nil {
		return err
	}
	o.Second, o.Hooks = seconds(cfg), cfg.State
	r, err := backup.Restore(context.WithoutCancel(c.Context()), o)
	if err != nil {
		return asDaemon(err, filepath.Dir(o.State.Path))
	}
	words := fmt.Sprintf("restored  the backup of %s: %d people, %d records, audit up to %d\n",
		r.Made.Local().Format("2006-01-02 15:04:05"), r.Subjects, r.Records, r.AuditHead)
	if r.NoJournal {
		words += "journal   MISSING: app passwords that were revoked and people who were reset since then are as they were before\n"
	} else {
		words += fmt.Sprintf("journal   %d notes since then, applied to %d people\n", r.Notes, r.People)
	}
	if r.Erased > 0 {
		words += fmt.Sprintf("erased    %d people of the backup, who were erased since then\n", r.Erased)
	}
	words += fmt.Sprintf("codes     of up to %s count as used; sessions and links have ended\n", r.Floor.Local().Format("2006-01-02 15:04:05"))
	if r.Aside != "" {
		words += "before    " + r.Aside + "\n"
	}
	return t.print(c, r, words+`Next: start the daemon, run "sallyport audit verify", and take a backup.
`)
}

// seconds tells which factors are second ones: those that may not be the only
// one of a way.
func seconds(cfg *config.Config) func(string) bool {
	return func(kind string) bool {
		for _, f := range cfg.Factors {
			if f.Kind == kind {
				return !f.Standalone
			}
		}
		return true // a factor that is gone from the config was one, for all we know
	}
}
