// Package tally says what became of an import: in words, as JSON, and as a table
// with a line for each entry.
//
// It decides nothing and holds no secret. It is a piece of the daemon's main, which
// alone may import it.
package tally

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
)

// mostTold bounds how many refusals are printed; the report has them all.
const mostTold = 20

// Summary is what became of an import.
type Summary struct {
	DryRun  bool                  `json:"dry_run"`
	Entries int                   `json:"entries"`
	Counts  map[moving.Result]int `json:"counts"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Told are all but those that went as they should.
	Told []Told `json:"told"`
}

// Told is one entry with what became of it.
type Told struct {
	File   string        `json:"file"`
	Line   int           `json:"line"`
	Login  string        `json:"login"`
	Result moving.Result `json:"result"`
	Reason string        `json:"reason"`
}

// Of counts an import that took so long.
func Of(out []moving.Outcome, dry bool, took time.Duration) *Summary {
	s := &Summary{DryRun: dry, Entries: len(out), Counts: map[moving.Result]int{}, Seconds: took.Seconds(), Told: []Told{}}
	for _, o := range out {
		s.Counts[o.Result]++
		if o.Reason != "" {
			s.Told = append(s.Told, Told{o.File, o.Line, o.Login, o.Result, o.Reason})
		}
	}
	return s
}

// Words is the summary for people.
func (s *Summary) Words() string {
	var b strings.Builder
	if s.DryRun {
		b.WriteString("dry run: nothing was written; this is what would be done\n")
	}
	fmt.Fprintf(&b, "entries   %d, in %.1f s\n", s.Entries, s.Seconds)
	for _, r := range []moving.Result{moving.Imported, moving.Replaced, moving.Present, moving.Skipped, moving.Refused, moving.Missing} {
		if n := s.Counts[r]; n > 0 || r == moving.Imported {
			fmt.Fprintf(&b, "%-9s %d\n", r, n)
		}
	}
	for i, o := range s.Told {
		if i == mostTold {
			fmt.Fprintf(&b, "  and %d more; --report FILE has them all\n", len(s.Told)-i)
			break
		}
		fmt.Fprintf(&b, "  %s %s (line %d of %s): %s\n", o.Result, clean(o.Login), o.Line, clean(o.File), clean(o.Reason))
	}
	return b.String()
}

// Report writes what became of each entry, in a table that is safe to open.
func Report(to io.Writer, out []moving.Outcome, dry bool) error {
	w := csv.NewWriter(to)
	rows := [][]string{{"line", "login", "result", "reason", "file"}}
	for _, o := range out {
		result := string(o.Result)
		if dry && (o.Result == moving.Imported || o.Result == moving.Replaced) {
			result = "would be " + result
		}
		rows = append(rows, []string{strconv.Itoa(o.Line), cell(o.Login), result, cell(o.Reason), cell(o.File)})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// clean keeps what somebody has written into a file from moving the cursor of who
// reads it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cell is clean, and no formula for a spreadsheet.
func cell(s string) string {
	s = clean(s)
	first := strings.TrimLeftFunc(s, unicode.IsSpace)
	if first != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(first)[0]) {
		return "'" + s
	}
	return s
}
