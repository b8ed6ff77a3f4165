package ledger

import (
	"encoding/csv"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/contrib/sallyport/screen"
)

// sheet writes CSV that is safe to open: no cell is a formula, whatever somebody
// called their phone, and none has a line break in it.
type sheet struct{ w *csv.Writer }

func newSheet(to io.Writer, heading ...string) (*sheet, error) {
	s := &sheet{csv.NewWriter(to)}
	return s, s.row(heading...)
}

func (s *sheet) row(cells ...string) error {
	for i, c := range cells {
		cells[i] = harmless(c)
	}
	return s.w.Write(cells)
}

func (s *sheet) flush() error {
	s.w.Flush()
	return s.w.Error()
}

// harmless puts an apostrophe before what a spreadsheet would take for a formula,
// also behind blanks and in the wide letters of East Asia.
func harmless(cell string) string {
	cell = screen.Clean(cell)
	first := strings.TrimLeftFunc(cell, unicode.IsSpace)
	if first != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(first)[0]) {
		return "'" + cell
	}
	return cell
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
