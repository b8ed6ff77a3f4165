package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/contrib/sallyport/desk"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

func (t *tool) deskCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "desk",
		Short: "Answer calls all day: a form on the terminal",
		Long: `Answer calls all day: a form on the terminal, in German or English as LANG says.
Type a login, see the screen of "user", press a key for what is to be done, write
reason and ticket, and confirm. The last tries are read anew while somebody is on
the screen.

It shows codes on the terminal's other screen, which has no scrollback: after the
form nothing of them is left.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, ok := t.out.(*os.File)
			if !ok || t.json || !term.IsTerminal(int(out.Fd())) || !term.IsTerminal(int(t.in.Fd())) {
				return &failure{code: exitUsage, sentence: "the form needs a terminal, and prints no JSON",
					hint: "For scripts there are: user, code, reset, unlock, revoke, sessions."}
			}
			err := desk.Run(cmd.Context(), desk.Config{Client: caller{t}, Now: t.now, German: desk.German(os.Getenv), In: t.in, Out: out})
			if err != nil {
				return &failure{code: exitRefused, sentence: err.Error()}
			}
			return nil
		},
	}
}

// caller asks for the form.
type caller struct{ *tool }

// Person asks how somebody stands.
func (c caller) Person(ctx context.Context, name string) (p api.Person, err error) {
	return p, inWords(c.get(ctx, userPath(name, ""), &p))
}

// Act posts an order. A revocation that names no app password means all.
func (c caller) Act(ctx context.Context, o desk.Order) (d api.Done, err error) {
	body := struct {
		why
		All    bool   `json:"all,omitempty"`
		Record string `json:"record,omitempty"`
		For    string `json:"for,omitempty"`
	}{why{Reason: o.Reason, Ticket: o.Ticket}, o.Verb == "revoke" && o.Record == "", o.Record, o.For}
	return d, inWords(c.post(ctx, userPath(o.Name, "/"+o.Verb), body, &d))
}

// inWords adds to an error what mends it.
func inWords(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return errors.New(strings.TrimSpace(f.sentence + " " + f.hint))
	}
	return err
}
