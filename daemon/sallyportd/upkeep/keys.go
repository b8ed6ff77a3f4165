package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/sallyportd/keeper"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
)

func (t *tool) rotateCommand() *cobra.Command {
	return t.flags(&cobra.Command{
		Use:   "rotate --config FILE",
		Short: "Make new keys and put every row under them, while the daemon runs",
		Long: `rotate makes new keys for what is sealed, for people's rows and for the audit,
and puts every row under them in small steps between which logins go on. The old
keys go only after a whole pass has found nothing that needs them; those of the
audit stay, so that its chain can be verified from the first event. Interrupted
at any moment, even by a power cut, it goes on with the next "keys rotate".

Keys by which sessions, links and networks are found again, and the pseudonyms
of the log, do not change. The master key changes with "keys rewrap".`,
		RunE: func(c *cobra.Command, _ []string) error { return t.rotate(c) },
	})
}

func (t *tool) rotate(c *cobra.Command) error {
	cfg, err := t.load()
	if err != nil {
		return err
	}
	answer, err := ask(c.Context(), cfg, "/v1/keys/rotate")
	if err != nil {
		return err
	}
	if answer == nil {
		return t.opened(c, cfg, func(s *state.State) error {
			stage := ""
			return keeper.Keeper{State: s, Program: t.version}.Rotate(c.Context(), operator(), func(p keeping.Progress) error {
				stage = t.step(c, stage, p)
				return nil
			})
		})
	}
	defer answer.Body.Close() //nolint // it was read
	lines, stage := json.NewDecoder(answer.Body), ""
	for {
		var p keeping.Progress
		if err := lines.Decode(&p); err != nil {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("reading the daemon's answer: %w", err)
			}
			return Failure{temporary, errors.Join(errors.New("the change of the keys was cut off; run it again, it goes on from there"), err)}
		}
		if p.Error != "" {
			return Failure{temporary, fmt.Errorf("the change of the keys stopped: %s; run it again, it goes on from there", p.Error)}
		}
		if stage = t.step(c, stage, p); p.Stage == "done" {
			return nil
		}
	}
}

// step shows how far it is: a line for each stage that begins and ends.
func (t *tool) step(c *cobra.Command, before string, p keeping.Progress) string {
	switch {
	case t.json:
		_ = json.NewEncoder(c.OutOrStdout()).Encode(p) // what cannot be printed is not worth stopping for
	case p.Stage == "done":
		c.Println("done      every row is under the new keys, and the old ones are gone")
	case p.Stage != before, p.Done == p.Of, p.Done%1000 == 0:
		c.Printf("%-9s %d of %d\n", p.Stage, p.Done, p.Of)
	}
	return p.Stage
}

func (t *tool) rewrapCommand() *cobra.Command {
	var to string
	c := t.flags(&cobra.Command{
		Use:   "rewrap --config FILE --to NEWFILE",
		Short: "Put the keys under a new master key; the daemon must be stopped",
		Long: `rewrap makes a new master key in NEWFILE, unless one is there, and puts the key
ring of the state under it as well as under the old one. Both open the state
until the daemon has started once with the new one. So move NEWFILE to where the
config looks for the master key, and start the daemon: whatever happens in
between, the file that lies there opens the state.

Backups from before need the old master key: keep it as long as you keep those.`,
		Example: `  systemctl stop 'sallyport-*.socket' sallyport
  sudo -u sallyport sallyportd keys rewrap --to /var/lib/sallyport/kek.new
  install -o sallyport -m 0400 /var/lib/sallyport/kek.new /etc/sallyport/kek.new
  mv /etc/sallyport/kek.new /etc/sallyport/kek
  systemctl start sallyport`,
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" {
				return Failure{usage, errors.New("say where the new master key shall be: --to NEWFILE")}
			}
			return t.rewrap(c, to)
		},
	})
	c.Flags().StringVar(&to, "to", "", "the file of the new master key; compulsory")
	return c
}

func (t *tool) rewrap(c *cobra.Command, to string) error {
	cfg, err := t.load()
	if err != nil {
		return err
	}
	return t.opened(c, cfg, func(s *state.State) error {
		if err := seal.CreateKEK(to); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		kek, err := seal.LoadKEK(to)
		if err != nil {
			return err
		}
		defer clear(kek)
		kept, err := s.Ring.Rewrap(kek)
		if err == nil {
			err = s.DB.SaveKeysets(c.Context(), kept)
		}
		if err == nil {
			err = s.Store.Commit(context.WithoutCancel(c.Context()), account.Change{Version: -1, Events: []account.Event{{
				At: time.Now(), Act: account.ActKeys, Actor: operator(), FrontEnd: "admin", Note: "the keys are under a new master key, too"}}})
		}
		if err != nil {
			return fmt.Errorf("putting the keys under %s: %w", to, err)
		}
		c.Printf(`done      the state opens with %s, and still with the old one
Next: mv %s %s, and start the daemon; the old one then opens it no more.
Keep the old one as long as you keep backups from before.
`, to, to, s.KEK)
		return nil
	})
}
