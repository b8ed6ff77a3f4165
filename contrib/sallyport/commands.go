package main

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/contrib/sallyport/ledger"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// why is the reason that every change asks for.
type why struct {
	Reason string `json:"reason"`
	Ticket string `json:"ticket,omitempty"`
}

func (y *why) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&y.Reason, "reason", "", "why, for the audit (3 to 500 characters; compulsory)")
	cmd.Flags().StringVar(&y.Ticket, "ticket", "", "number of the ticket, for the audit (at most 64 characters)")
	_ = cmd.MarkFlagRequired("reason") // fails only for a flag that does not exist
}

func (t *tool) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the daemon, the directory, plugins, store, clock and enrollment on one screen",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s api.Status
			if err := t.get(cmd.Context(), "/v1/status", &s); err != nil {
				return err
			}
			if !t.json {
				t.screen().Status(s)
			}
			return nil
		},
	}
}

func (t *tool) userCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "user NAME",
		Short: "Show how somebody stands: devices, app passwords, last tries, what to do next",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p api.Person
			if err := t.get(cmd.Context(), userPath(args[0], ""), &p); err != nil {
				return err
			}
			if !t.json {
				t.screen().Person(p)
			}
			return nil
		},
	}
}

// act posts an order and shows what was done.
func (t *tool) act(ctx context.Context, name, verb string, body any) error {
	var d api.Done
	if err := t.post(ctx, userPath(name, "/"+verb), body, &d); err != nil {
		return err
	}
	if !t.json {
		t.screen().Done(name, d)
	}
	return nil
}

func (t *tool) resetCommand() *cobra.Command {
	var y why
	cmd := &cobra.Command{
		Use:   "reset NAME --reason TEXT",
		Short: "Remove all second factors and app passwords, and print a one-time invite code",
		Long: `Remove all second factors and app passwords of a person, end the sessions, and
print a one-time invite code. The person sets up anew at the page with the
normal password and this code. Identify the person first: by call-back to a
known number, or in person. Nobody from support ever asks for a code.`,
		Example: `  sallyport reset alice --reason "lost phone, identified by call-back" --ticket 4711`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.act(cmd.Context(), args[0], "reset", y)
		},
	}
	y.flags(cmd)
	return cmd
}

func (t *tool) codeCommand() *cobra.Command {
	var body struct {
		why
		For string `json:"for,omitempty"`
	}
	cmd := &cobra.Command{
		Use:   "code NAME --reason TEXT",
		Short: "Give out a one-time code for somebody who has left the phone at home",
		Long: `Give out a one-time code that stands in for the phone, once. It is printed in
groups, and spelled in German (DIN 5009 of 1996) and English (NATO), to be read
out. The person needs the normal password all the same; everything that is set
up stays, and a new code ends the last one.

It is no reset: whoever has lost the phone for good needs one. Identify the
person first: by call-back to a known number, or in person. Nobody from support
ever asks for a password or a code. Afterwards sallyport user NAME says when and
from where it was used.`,
		Example: `  sallyport code alice --reason "left the phone at home, identified by call-back"
  sallyport code alice --reason "phone in repair" --for 8h --ticket 4711`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.act(cmd.Context(), args[0], "code", body)
		},
	}
	body.flags(cmd)
	cmd.Flags().StringVar(&body.For, "for", "", "how long it holds, 5m to 24h (default 1h)")
	return cmd
}

func (t *tool) unlockCommand() *cobra.Command {
	var y why
	cmd := &cobra.Command{
		Use:   "unlock NAME --reason TEXT",
		Short: "Lift the throttles of a person after too many wrong tries",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.act(cmd.Context(), args[0], "unlock", y)
		},
	}
	y.flags(cmd)
	return cmd
}

func (t *tool) revokeCommand() *cobra.Command {
	var body struct {
		why
		Record string `json:"record,omitempty"`
		All    bool   `json:"all,omitempty"`
	}
	cmd := &cobra.Command{
		Use:   "revoke NAME --record ID | --all",
		Short: "Revoke one app password, or all app passwords of a person",
		Long: `Revoke one app password of a person, by its whole id, or all of them. They are
dead at the next request. Phones and emergency codes are not app passwords:
reset removes those.`,
		Example: `  sallyport user alice            # shows the ids
  sallyport revoke alice --record 6f1d2c80b94e4a57a3f0d9e2417c5b68 --reason "tablet sold"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.act(cmd.Context(), args[0], "revoke", body)
		},
	}
	body.flags(cmd)
	cmd.Flags().StringVar(&body.Record, "record", "", "the whole id of the one app password to revoke")
	cmd.Flags().BoolVar(&body.All, "all", false, "revoke all app passwords")
	cmd.MarkFlagsMutuallyExclusive("record", "all")
	cmd.MarkFlagsOneRequired("record", "all")
	return cmd
}

func (t *tool) appPasswordCommand() *cobra.Command {
	var body struct {
		why
		Label   string `json:"label"`
		Service string `json:"service,omitempty"`
	}
	cmd := &cobra.Command{
		Use:   "app-password NAME --label TEXT --reason TEXT",
		Short: "Make an app password for a machine, or for somebody whom the policy exempts",
		Long: `Make an app password for somebody who has no second factor to make it with: a
machine, or somebody whom the policy exempts. It is printed once. Everybody else
makes their own at the page, so that nobody else ever knows it.`,
		Example: `  sallyport app-password scanner3 --label "Copy room, 3rd floor" --service dav --reason "new scanner"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.act(cmd.Context(), args[0], "app-password", body)
		},
	}
	body.flags(cmd)
	cmd.Flags().StringVar(&body.Label, "label", "", "the name by which people will know it (1 to 64 characters; compulsory)")
	cmd.Flags().StringVar(&body.Service, "service", "", "the one service that it is good for (default: all that take app passwords)")
	_ = cmd.MarkFlagRequired("label") // as above
	return cmd
}

func (t *tool) sessionsCommand() *cobra.Command {
	var y why
	var end bool
	cmd := &cobra.Command{
		Use:   "sessions NAME --end --reason TEXT",
		Short: "End all sessions of a person at the page",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !end {
				return &failure{code: exitUsage, sentence: "sessions are not listed, only ended: give --end"}
			}
			return t.act(cmd.Context(), args[0], "end-sessions", y)
		},
	}
	y.flags(cmd)
	cmd.Flags().BoolVar(&end, "end", false, "end them")
	_ = cmd.MarkFlagRequired("end") // as above
	return cmd
}

func (t *tool) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME SERVICE",
		Short: "Walk through the decision about a login without a secret",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var e api.Explanation
			path := userPath(args[0], "/explain?service="+url.QueryEscape(args[1]))
			if err := t.get(cmd.Context(), path, &e); err != nil {
				return err
			}
			if !t.json {
				t.screen().Explanation(e)
			}
			return nil
		},
	}
}

func (t *tool) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check SERVICE NAME",
		Short: "Try a login; the password is read from the terminal or from stdin",
		Long: `Try a login like any program would. The password and the code are asked for on
the terminal without showing them; where stdin is no terminal, its first line
is the password and its second, if there is one, the code. They are never
given as arguments, where other users of the machine could read them.

A wrong try counts like anybody's.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, code, err := t.secrets()
			if err != nil {
				return err
			}
			body := map[string]string{"service": args[0], "username": args[1], "password": password}
			if code != "" {
				body["code"] = code
			}
			var r api.Tried
			if err := t.post(cmd.Context(), "/v1/check", body, &r); err != nil {
				return err
			}
			if !t.json {
				t.screen().Tried(args[0], r)
			}
			switch r.Verdict {
			case "accept":
				return nil
			case "deny":
				return &failure{code: exitRefused}
			default:
				return &failure{code: exitTemporary}
			}
		},
	}
}

func (t *tool) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit and check that nobody has changed it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return &failure{code: exitUsage}
		},
	}
	var after int64
	var limit int
	list := &cobra.Command{
		Use:   "list",
		Short: "List events, oldest first; without --after the newest ones",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			if cmd.Flags().Changed("after") {
				q.Set("after", strconv.FormatInt(after, 10))
			}
			var a api.Audit
			if err := t.get(cmd.Context(), "/v1/audit?"+q.Encode(), &a); err != nil {
				return err
			}
			if !t.json {
				t.screen().Audit(a)
			}
			return nil
		},
	}
	list.Flags().Int64Var(&after, "after", 0, "show events numbered above this")
	list.Flags().IntVar(&limit, "limit", 50, "show at most so many (1 to 1000)")
	cmd.AddCommand(list, t.verifyCommand(), t.ledger().Audit())
	return cmd
}

func (t *tool) verifyCommand() *cobra.Command {
	anchor := ""
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the whole chain of the audit, and that it goes as far as it once did",
		Long: `Check that no event was changed, taken out, put elsewhere or added, and compare the
audit with its anchors: notes of where it ended, which the daemon writes to its log
and beside the revocation journal. They find an audit that was cut off, and an
older copy that was put back. --anchor takes more of them from a log that was kept
on another machine; whatever else stands in it does not matter.`,
		Example: `  sallyport audit verify
  journalctl -u sallyport -o cat | sallyport audit verify --anchor -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r api.AuditReport
			ask := func() error { return t.get(cmd.Context(), "/v1/audit/verify", &r) }
			if anchor != "" {
				words, err := ledger.Anchors(anchor, t.in)
				switch {
				case err != nil:
					return &failure{code: exitUsage, sentence: err.Error()}
				case words == "":
					return &failure{code: exitUsage, sentence: "there is no anchor in it: " + anchor, hint: "The daemon writes them to its log, as \"audit anchor\", at level info."}
				}
				ask = func() error {
					return t.post(cmd.Context(), "/v1/audit/verify", map[string]string{"anchors": words}, &r)
				}
			}
			if err := ask(); err != nil {
				return err
			}
			if !t.json {
				t.screen().Report(r)
			}
			if !r.OK {
				return &failure{code: exitRefused}
			}
			return nil
		},
	}
	c.Flags().StringVar(&anchor, "anchor", "", "a file with anchors, such as a log; - is the input")
	return c
}
