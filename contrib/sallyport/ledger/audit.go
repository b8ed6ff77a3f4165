package ledger

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Audit is the command that writes the audit for other programs.
func (t *Tool) Audit() *cobra.Command {
	var from, to, format string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the audit for other programs, oldest event first",
		Long: `Write the events of the audit, oldest first, as JSON lines or as CSV. --from and
--to take a day, such as 2027-01-31, or a moment, such as 2027-01-31T12:00:00Z;
the day of --to is part of it. The audit says that it was exported, and by whom.

The export is not signed: that nobody has changed the audit itself is what
"sallyport audit verify" finds out.`,
		Example: `  sallyport audit export --from 2027-01-01 --to 2027-01-31 --format csv > january.csv`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for name, text := range map[string]string{"from": from, "to": to} {
				at, err := moment(text, name == "to")
				if err != nil {
					return t.Fail(usage, err.Error())
				}
				if !at.IsZero() {
					q.Set(name, at.UTC().Format(time.RFC3339))
				}
			}
			if format != "jsonl" && format != "csv" || format == "csv" && *t.JSON {
				return t.Fail(usage, "--format is jsonl or csv, and with --json it is jsonl")
			}
			return t.events(cmd, "/v1/audit/export?"+q.Encode(), format == "csv")
		},
	}
	c.Flags().StringVar(&from, "from", "", "the first day or moment (default: the oldest event)")
	c.Flags().StringVar(&to, "to", "", "the last day, or the moment at which it ends (default: now)")
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl or csv")
	return c
}

// moment reads a day, which begins or ends at midnight here, or a moment.
func moment(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a day (2027-01-31) nor a moment (2027-01-31T12:00:00Z)", text)
	}
	if end {
		day = day.AddDate(0, 0, 1)
	}
	return day, nil
}

func (t *Tool) events(cmd *cobra.Command, path string, asCSV bool) error {
	answer, err := t.Open(cmd.Context(), path)
	if err != nil {
		return err
	}
	defer answer.Close() //nolint // it was read
	out := t.writer()
	if !asCSV {
		return t.finished(out, lines(t, answer, func(raw []byte, _ api.Event) error {
			_, err := fmt.Fprintf(out, "%s\n", raw)
			return err
		}))
	}
	s, err := newSheet(out, "seq", "at", "act", "subject", "login", "by", "service", "front_end", "factor", "record", "label",
		"verdict", "reason", "address", "agent", "note", "ticket", "took_ms", "count")
	if err != nil {
		return err
	}
	err = lines(t, answer, func(_ []byte, e api.Event) error {
		return s.row(strconv.FormatInt(e.Seq, 10), stamp(e.At), string(e.Act), string(e.Subject), e.Name, e.Actor, e.Service, e.FrontEnd,
			e.Factor, e.Record, e.Label, e.Verdict, string(e.Reason), e.Address, e.Agent, e.Note, e.Ticket,
			strconv.FormatInt(e.TookMS, 10), strconv.Itoa(e.Count))
	})
	if late := s.flush(); err == nil {
		err = late
	}
	return t.finished(out, err)
}
