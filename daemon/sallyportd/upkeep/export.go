package upkeep

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/parts"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// departure is the command export-factors.
type departure struct {
	*tool
	format, to, reason string
	stdout             bool
}

func (t *tool) exportCommand() *cobra.Command {
	d := &departure{tool: t}
	c := t.flags(&cobra.Command{
		Use:   "export-factors --config FILE --to FILE --reason TEXT",
		Short: "Write the secrets of all code apps into a file, so that one can leave; the daemon must be stopped",
		Long: `export-factors writes the code app of everybody into a file that other systems
read: a list of otpauth URIs, or the table that import takes. People who are
disabled in the directory are in it, too. App passwords and emergency codes are
stored hashed, so that nobody can give them to anybody.

Whoever has this file has everybody's second factor. So it is refused unless the
[[factor]] of the config says exportable = true, which is not its default; it wants
a reason, and the audit has it before the first secret leaves. The file is made with
mode 0600 and never written over. Exit status: 0 done, 1 refused, 75 the directory
was away.`,
		Example: `  systemctl stop 'sallyport-*.socket' sallyport
  sudo -u sallyport sallyportd export-factors --to /var/lib/sallyport/everybody.csv --format csv --reason 'we move to another system'`,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c) },
	})
	c.Flags().StringVar(&d.format, "format", "otpauth", "otpauth or csv")
	c.Flags().StringVar(&d.to, "to", "", "the new file; compulsory, unless --stdout is given")
	c.Flags().BoolVar(&d.stdout, "stdout", false, "write the secrets to standard output, for a program that encrypts them")
	c.Flags().StringVar(&d.reason, "reason", "", "why, for the audit; compulsory")
	return c
}

func (d *departure) run(c *cobra.Command) error {
	n := utf8.RuneCountInString(strings.TrimSpace(d.reason))
	switch {
	case d.format != "otpauth" && d.format != "csv":
		return Failure{usage, fmt.Errorf("--format %q is not known; there are otpauth and csv", d.format)}
	case (d.to == "") != d.stdout:
		return Failure{usage, errors.New("say where: --to FILE, or --stdout")}
	case n < 3 || n > 500 || strings.ContainsFunc(d.reason, unicode.IsControl):
		return Failure{usage, errors.New("say why in one line: --reason TEXT, 3 to 500 characters")}
	}
	if !d.stdout {
		if _, err := os.Lstat(d.to); err == nil {
			return fmt.Errorf("%s is there already, and is not written over; name a new file", d.to)
		}
	}
	cfg, err := d.load()
	if err != nil {
		return err
	}
	err = d.moved(c, parts.People{Config: cfg, Disabled: true}, func(place moving.Place, _ *state.State) error {
		if err := exportable(cfg, place.Kind, d.config); err != nil {
			return err
		}
		return d.export(c, place)
	})
	if errors.Is(err, account.ErrUnavailable) {
		return Failure{temporary, err}
	}
	return err
}

// exportable refuses what the config does not allow: who may run this command need
// not be who may change the config.
func exportable(cfg *config.Config, kind, file string) error {
	for _, f := range cfg.Factors {
		if f.Kind == kind && f.Exportable {
			return nil
		}
	}
	return fmt.Errorf("the secrets of %s may not leave; if they shall, write into its [[factor]] in %s: exportable = true", kind, file)
}

func (d *departure) export(c *cobra.Command, place moving.Place) error {
	all, err := place.Give(c.Context())
	if errors.Is(err, transfer.ErrUnsupported) {
		return fmt.Errorf("factor %s: %w", place.Kind, transfer.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	text, err := d.text(all)
	if err != nil {
		return err
	}
	to := d.to
	if d.stdout {
		to = "standard output"
	}
	if err := place.Audit(c.Context(), all, d.reason, to); err != nil {
		return fmt.Errorf("nothing has left, because the audit cannot be written: %w", err)
	}
	words := fmt.Sprintf("exported  %d code apps of %d people to %s\n", len(all.Records), all.People, to)
	if all.Left > 0 {
		words += fmt.Sprintf("left out  %d people who are in the directory no more\n", all.Left)
	}
	words += "Whoever has it has everybody's second factor: encrypt it, bring it where it is needed, and remove it.\n"
	if d.stdout {
		c.PrintErr(words)
		_, err := c.OutOrStdout().Write(text)
		return err
	}
	if err := writeSecret(d.to, text); err != nil {
		return fmt.Errorf("writing %s: %w", d.to, err)
	}
	return d.print(c, map[string]any{"to": to, "people": all.People, "records": len(all.Records), "left_out": all.Left}, words)
}

// text is the file.
func (d *departure) text(all moving.Leaving) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if d.format == "csv" {
		if err := w.Write(reading.Heading()); err != nil {
			return nil, err
		}
	}
	for _, g := range all.Records {
		if d.format != "csv" {
			b.WriteString(reading.Line(g.Login, g.Text) + "\n")
			continue
		}
		row, err := reading.Row(g.Login, g.Text, g.Label)
		if err != nil {
			return nil, err
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// writeSecret makes a file that appears whole or not at all.
func writeSecret(path string, text []byte) (err error) {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	// A link fails where the name has been taken meanwhile; a rename would not.
	if err := errors.Join(os.Link(part, path), os.Remove(part)); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
