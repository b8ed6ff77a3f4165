package ledger

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/contrib/sallyport/screen"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
)

// Report is the command that tells how far a roll-out is.
func (t *Tool) Report() *cobra.Command {
	var enforced, asCSV bool
	c := &cobra.Command{
		Use:   "report",
		Short: "Tell how far the roll-out is, and who would be blocked if it were enforced today",
		Long: `Walk over everybody in the directory and tell how many have a second factor, are
in grace, exempt or machines, and which programs still send the normal password.
Accounts that are switched off are left out. It only reads, and can be run at any
time; the audit says who did.

With --if-enforced, it names those whom the day of enforcement would touch:
people without a second factor, people whose programs still send the normal
password, and accounts that look like machines, which is a guess. A program leaves
the list once an app password lets it in and it has not sent the normal one for a
day; of one that nobody has seen since, the last day is told.

With --csv or --json it writes one line for each person instead. The CSV is safe
to open in a spreadsheet. The last line of the JSON is the summary.`,
		Example: `  sallyport report
  sallyport report --if-enforced --csv > to-do.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asCSV && *t.JSON {
				return t.Fail(usage, errBoth.Error())
			}
			answer, err := t.Open(cmd.Context(), "/v1/report")
			if err != nil {
				return err
			}
			defer answer.Close() //nolint // it was read
			out := t.writer()
			r := &reporter{tool: t, enforced: enforced, out: out, json: *t.JSON}
			if asCSV {
				if r.sheet, err = newSheet(out, "id", "login", "name", "policy", "groups", "decided_by", "due", "second_factor", "app_passwords",
					"blocked_if_enforced", "last_seen", "normal_password", "looks_like_a_machine"); err != nil {
					return err
				}
			}
			return t.finished(out, r.read(answer))
		},
	}
	c.Flags().BoolVar(&enforced, "if-enforced", false, "name those whom the day of enforcement would touch")
	c.Flags().BoolVar(&asCSV, "csv", false, "write CSV, one line for each person")
	return c
}

// reporter prints a report as it comes.
type reporter struct {
	tool     *Tool
	enforced bool
	json     bool
	sheet    *sheet
	out      io.Writer
	bar      *progressbar.ProgressBar
	summary  *ledger.Summary
	named    bool
}

func (r *reporter) read(answer io.Reader) error {
	err := lines(r.tool, answer, r.line)
	if r.bar != nil {
		_ = r.bar.Finish() // it is only a picture
	}
	if r.sheet != nil && err == nil {
		err = r.sheet.flush()
	}
	switch {
	case err != nil:
		return err
	case r.summary == nil:
		return r.tool.Fail(temporary, "the daemon's answer was cut off in the middle; run it again")
	case r.json || r.sheet != nil:
		return nil
	}
	r.total(*r.summary)
	return nil
}

func (r *reporter) line(raw []byte, line ledger.Line) error {
	if line.Error != "" {
		if r.json {
			fmt.Fprintf(r.out, "%s\n", raw)
		}
		return r.tool.Fail(temporary, "the report ends in the middle: "+line.Error)
	}
	if line.People > 0 {
		r.bar = r.tool.bar(line.People, r.enforced || r.json || r.sheet != nil)
	}
	if line.Summary != nil {
		r.summary = line.Summary
	}
	p := line.Person
	if p != nil && r.bar != nil {
		_ = r.bar.Add(1)
	}
	switch {
	case p != nil && r.enforced && !touched(*p):
	case r.json:
		fmt.Fprintf(r.out, "%s\n", raw)
	case p != nil && r.sheet != nil:
		return r.sheet.row(string(p.ID), p.Name, p.DisplayName, p.Policy, strings.Join(p.Groups, "; "), p.Config, stamp(p.Due),
			yesNo(p.SecondFactor), strconv.Itoa(p.AppPasswords), yesNo(p.Blocked), stamp(p.LastSeen), programs(p.NormalPassword),
			strings.Join(p.MachineLike, "; "))
	case p != nil && r.enforced:
		r.name(*p)
	}
	return nil
}

// touched tells whom the day of enforcement touches.
func touched(p ledger.Person) bool {
	return p.Blocked || len(p.NormalPassword) > 0 || len(p.MachineLike) > 0
}

func programs(all []ledger.Program) string {
	var words []string
	for _, p := range all {
		agent := p.Agent
		if agent == "" {
			agent = "a program that does not say its name"
		}
		last := ""
		if !p.Last.IsZero() {
			last = ", last " + p.Last.Local().Format(time.DateOnly)
		}
		words = append(words, fmt.Sprintf("%s at %s (%d%s)", agent, p.Service, p.Tries, last))
	}
	return strings.Join(words, "; ")
}

// name prints a line of the table, whose columns are fixed: nobody knows yet how
// wide the last ones will be.
func (r *reporter) name(p ledger.Person) {
	const columns = "%-16s  %-24s  %-8s  %-16s  %-10s  %s\n"
	if !r.named {
		r.named = true
		fmt.Fprintf(r.out, columns, "LOGIN", "NAME", "POLICY", "HAS", "LAST SEEN", "WHAT WOULD HAPPEN")
	}
	has := "nothing"
	switch {
	case p.SecondFactor:
		has = "password + code"
	case p.AppPasswords > 0:
		has = fmt.Sprintf("%d app passwords", p.AppPasswords)
	}
	seen := "-"
	if !p.LastSeen.IsZero() {
		seen = p.LastSeen.Local().Format(time.DateOnly)
	}
	var what []string
	if p.Blocked {
		what = append(what, "blocked until set up")
	}
	if len(p.NormalPassword) > 0 {
		what = append(what, "still the normal password: "+programs(p.NormalPassword))
	}
	if len(p.MachineLike) > 0 {
		what = append(what, "a machine? "+strings.Join(p.MachineLike, ", "))
	}
	fmt.Fprintf(r.out, columns, screen.Clean(p.Name), screen.Clean(p.DisplayName), screen.Clean(p.Policy), has, seen, screen.Clean(strings.Join(what, "; ")))
}

// total prints what all together come to.
func (r *reporter) total(s ledger.Summary) {
	if r.named {
		fmt.Fprintln(r.out)
	}
	type row struct {
		n    int
		what string
	}
	rows := []row{
		{s.People, "people in the directory"},
		{s.Enrolled, "have a second factor"},
		{s.InGrace, "have none and are in grace"},
		{s.NotYet, "have none and owe one"},
		{s.Exempt, "have none and are exempt"},
		{s.Machines, "are machines"},
		{s.WithAppPasswords, "have app passwords"},
		{s.Blocked, "would be blocked, if it were enforced today"},
		{s.OnNormalPassword, "have programs that still send the normal password"},
		{s.MachineLike, "look like machines (a guess)"},
	}
	if s.Unreadable > 0 {
		rows = append(rows, row{s.Unreadable, "have an entry without an id that the service account may read"})
	}
	for _, each := range rows {
		fmt.Fprintf(r.out, "  %6d  %s\n", each.n, each.what)
	}
	if len(s.Programs) == 0 {
		return
	}
	fmt.Fprintf(r.out, "\nPrograms that still send the normal password\n")
	for _, p := range s.Programs {
		agent := p.Agent
		if agent == "" {
			agent = "(no name)"
		}
		fmt.Fprintf(r.out, "  %6d people  %-12s  %s\n", p.People, screen.Clean(p.Service), screen.Clean(agent))
	}
}
