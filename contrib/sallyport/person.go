package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/contrib/sallyport/screen"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
)

func (t *tool) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export NAME",
		Short: "Print all that is kept of a person, as one JSON document",
		Long: `Print all that is kept of a person as one JSON document: records without what is
secret in them, sessions and familiar networks, counted tries, last tries, and all
events of the audit about the person. NAME is the login, or the id of somebody
whom the directory no longer has. The audit says who exported it.`,
		Example: `  sallyport export alice > alice.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d json.RawMessage
			if err := t.get(cmd.Context(), userPath(args[0], "/export"), &d); err != nil || t.json {
				return err
			}
			enc := json.NewEncoder(t.out)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(d)
		},
	}
}

func (t *tool) eraseCommand() *cobra.Command {
	var body struct {
		why
		StillThere bool `json:"still_there,omitempty"`
	}
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase NAME --reason TEXT",
		Short: "Remove all that is kept of a person, for good",
		Long: `Remove all that is kept of a person, for good: second factors, app passwords,
sessions, networks, tries, and everything about the person in the audit, which
stays whole. Of each event it keeps when it was, what was done, at which service
and with what verdict. The database is rewritten, so that nothing is left in the
file; logins wait for that, a second for each 100 MB or so. Backups, the journal
of the system and the log of other machines are not reached: see
data-protection.md.

NAME is the login, or the id of somebody whom the directory no longer has. Do not
name the person in the reason: it stays. Somebody whom the directory still has is
refused without --still-there, because the next login would begin anew.

It asks for the name once more, unless --yes is given.`,
		Example: `  sallyport erase former --reason "left in 2026, asked for erasure" --ticket 4711`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				if err := t.confirm(args[0]); err != nil {
					return err
				}
			}
			var gone ledger.Erased
			if err := t.post(cmd.Context(), userPath(args[0], "/erase"), body, &gone); err != nil || t.json {
				return err
			}
			fmt.Fprintf(t.out, "Done: all that was kept of %s is gone: records %d, sessions and networks %d, tries %d; %d events of the audit no longer say who it was.\n",
				screen.Clean(string(gone.ID)), gone.Records, gone.Tokens, gone.Tries, gone.Events)
			return nil
		},
	}
	body.flags(cmd)
	cmd.Flags().BoolVar(&body.StillThere, "still-there", false, "erase although the directory still has the person")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for the name once more")
	return cmd
}

// confirm has the name typed once more, on a terminal.
func (t *tool) confirm(name string) error {
	if !term.IsTerminal(int(t.in.Fd())) {
		return &failure{code: exitUsage, sentence: "this cannot be taken back, and there is no terminal to ask at", hint: "Give --yes if you are sure."}
	}
	fmt.Fprintf(t.err, "All that is kept of %s will be gone for good. Type the name to go on: ", screen.Clean(name))
	typed, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return &failure{code: exitUsage, sentence: "nothing was typed"}
	}
	if strings.TrimSpace(typed) != name {
		return &failure{code: exitRefused, sentence: "that is another name; nothing was erased"}
	}
	return nil
}
