package strict

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Document is one file while it is read. It collects what is wrong with it.
type Document struct {
	file, dir string
	at        lines
	problems  Problems
}

// Add notes a problem with a full key, or with "the file".
func (d *Document) Add(key, reason, fix string) {
	// Some of it is from elsewhere, as what a plugin says, and must stay one line.
	reason, fix = strings.ReplaceAll(reason, "\n", " "), strings.ReplaceAll(fix, "\n", " ")
	d.problems = append(d.problems, Problem{File: d.file, Line: d.at.of(key), Key: key, Reason: reason, Fix: fix})
}

// Refused are the keys with a problem so far.
func (d *Document) Refused() map[string]bool {
	keys := map[string]bool{}
	for _, p := range d.problems {
		keys[p.Key] = true
	}
	return keys
}

// Err is nil or the Problems found so far, sorted by line.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	d.problems.sort()
	return d.problems
}

// Table is one table of the file. Asking for a key makes it known; Close
// refuses the others. Where a value is refused, its default stands in, so that
// reading goes on and finds everything.
type Table struct {
	*Document
	path   string
	values map[string]any
	known  []string
}

func (t *Table) key(k string) string { return join(t.path, k) }

// Where names a key's place, or with "" the table's, as "file:line key".
func (t *Table) Where(k string) string {
	full := t.path
	if k != "" {
		full = t.key(k)
	}
	return fmt.Sprintf("%s:%d %s", t.file, t.at.of(full), full)
}

// Know makes a key known that is not asked for.
func (t *Table) Know(k string) { t.known = append(t.known, k) }

// Value is what stands behind a key.
func (t *Table) Value(k string) (any, bool) {
	t.Know(k)
	v, ok := t.values[k]
	return v, ok
}

// Has tells whether the key is written.
func (t *Table) Has(k string) bool { _, ok := t.values[k]; return ok }

// All are the keys and values of a table with free keys.
func (t *Table) All() map[string]any { return t.values }

// Refuse notes a problem with a key of the table.
func (t *Table) Refuse(k, reason, fix string) { t.Add(t.key(k), reason, fix) }

// WrongType refuses a value for its type.
func (t *Table) WrongType(k string, v any, want, example string) {
	t.Refuse(k, fmt.Sprintf("is %s, must be %s", KindOf(v), want), "write for example: "+example)
}

// Close refuses every key that nobody asked for.
func (t *Table) Close() {
	var unknown []string
	for k := range t.values {
		if !slices.Contains(t.known, k) {
			unknown = append(unknown, k)
		}
	}
	sort.Strings(unknown)
	sort.Strings(t.known)
	t.known = slices.Compact(t.known)
	for _, k := range unknown {
		fix := "remove it; known here are: " + strings.Join(t.known, ", ")
		if near := Nearest(k, t.known); near != "" {
			fix = "did you mean " + near + "?"
		}
		t.Refuse(k, "unknown key", fix)
	}
}

// Text reads a string of at most 1024 bytes without control characters.
func (t *Table) Text(k, def string) string {
	v, ok := t.Value(k)
	if !ok {
		return def
	}
	s, ok := v.(string)
	switch {
	case !ok:
		t.WrongType(k, v, "a text", k+` = "..."`)
	case len(s) > 1024 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		t.Refuse(k, "is too long or holds control characters", "write one line of at most 1024 bytes")
	default:
		return s
	}
	return def
}

// Need is text that must be there and not be empty.
func (t *Table) Need(k, example string) string {
	s := t.Text(k, "")
	if s == "" && (!t.Has(k) || t.values[k] == "") {
		t.Refuse(k, "is missing", "write for example: "+k+" = "+strconv.Quote(example))
	}
	return s
}

// OneOf reads one of the given words.
func (t *Table) OneOf(k, def string, options ...string) string {
	s := t.Text(k, def)
	if !slices.Contains(options, s) {
		fix := "choose one of: " + strings.Join(options, ", ")
		if near := Nearest(s, options); near != "" {
			fix = "did you mean " + strconv.Quote(near) + "? " + fix
		}
		t.Refuse(k, fmt.Sprintf("%q is not a choice", s), fix)
		return def
	}
	return s
}

// Flag reads true or false.
func (t *Table) Flag(k string, def bool) bool {
	v, ok := t.Value(k)
	if !ok {
		return def
	}
	b, ok := v.(bool)
	if !ok {
		t.WrongType(k, v, "true or false", fmt.Sprintf("%s = %t", k, def))
		return def
	}
	return b
}

// Number reads a whole number from low to high.
func (t *Table) Number(k string, def, low, high int) int {
	v, ok := t.Value(k)
	if !ok {
		return def
	}
	n, ok := v.(int64)
	switch {
	case !ok:
		t.WrongType(k, v, "a whole number", fmt.Sprintf("%s = %d", k, def))
	case n < int64(low) || n > int64(high):
		t.Refuse(k, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("write a number from %d to %d; %d is usual", low, high, def))
	default:
		return int(n)
	}
	return def
}

// Duration reads a duration in quotes, from low to high.
func (t *Table) Duration(k string, def, low, high time.Duration) time.Duration {
	v, ok := t.Value(k)
	if !ok {
		return def
	}
	s, ok := v.(string)
	if !ok {
		t.WrongType(k, v, "a duration in quotes", fmt.Sprintf("%s = %q", k, short(def)))
		return def
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		t.Refuse(k, fmt.Sprintf("%q is not a duration", s), fmt.Sprintf("write a number with ms, s, m or h, for example: %s = %q", k, short(def)))
	case d < low || d > high:
		t.Refuse(k, s+" is out of range", fmt.Sprintf("write a duration from %s to %s; %s is usual", short(low), short(high), short(def)))
	default:
		return d
	}
	return def
}

// List reads a list of texts, none of them empty or written twice.
func (t *Table) List(k string, def ...string) []string {
	v, ok := t.Value(k)
	if !ok {
		return def
	}
	out, ok := Texts(v)
	if !ok {
		t.WrongType(k, v, "a list of texts", k+` = ["...", "..."]`)
		return def
	}
	for i, s := range out {
		if s == "" || slices.Contains(out[:i], s) {
			t.Refuse(k, fmt.Sprintf("%q is empty or stands twice", s), "write each entry once")
			return def
		}
	}
	return out
}

// File reads a path; a relative one starts at the folder of the config file.
func (t *Table) File(k, def string) string {
	s := t.Text(k, def)
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(t.dir, s)
}

// Sub opens [k]; an absent table reads as an empty one.
func (t *Table) Sub(k string) *Table {
	v, ok := t.Value(k)
	m, isTable := v.(map[string]any)
	if ok && !isTable {
		t.WrongType(k, v, "a table", "["+t.key(k)+"]")
	}
	return &Table{Document: t.Document, path: t.key(k), values: m}
}

// Subs opens each [[k]].
func (t *Table) Subs(k string) []*Table {
	v, ok := t.Value(k)
	if !ok {
		return nil
	}
	var out []*Table
	add := func(m map[string]any) {
		out = append(out, &Table{Document: t.Document, path: fmt.Sprintf("%s[%d]", t.key(k), len(out)), values: m})
	}
	switch v := v.(type) {
	case []map[string]any:
		for _, m := range v {
			add(m)
		}
	case []any:
		for _, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				t.WrongType(k, v, "a list of tables", "[["+t.key(k)+"]]")
				return out
			}
			add(m)
		}
	default:
		t.WrongType(k, v, "a list of tables", "[["+t.key(k)+"]]")
	}
	return out
}

// Texts turns a value into a list of texts, if it is one.
func Texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok
}

// KindOf names the type of a value.
func KindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a fraction"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	default:
		return "a date or time"
	}
}

// short prints 1m0s as 1m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
