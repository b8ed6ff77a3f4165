// Package strict reads TOML so that nothing in it is overlooked: each key is
// asked for by name, type and range, what nobody asked for is an error, and
// every error has its line.
//
// It is not the config: it knows no key. Only package config may call it.
package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a config file. It never holds the
// value of a key that it does not know: somebody may have put a password there.
type Problem struct {
	File string
	// Line counts from 1; 0 means that nothing of the file could be read.
	Line int
	// Key is the full key, for example service[0].accept.
	Key    string
	Reason string
	// Fix says what to write or to do.
	Fix string
}

// Error is the problem in one line.
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s: %s; %s", p.File, p.Key, p.Reason, p.Fix)
	}
	return fmt.Sprintf("%s:%d: %s: %s; %s", p.File, p.Line, p.Key, p.Reason, p.Fix)
}

// Problems are all problems of a file, sorted by line.
type Problems []Problem

// Error has a line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}

// Nearest finds the known word that was probably meant; empty if none is near.
func Nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		d := distance(word, k)
		if len(word) > 2 && (strings.HasPrefix(k, word) || strings.HasPrefix(word, k)) {
			d = min(d, 2) // bind_password for bind_password_file
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes. Words of a config are short; longer ones
// are not compared.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
