package strict

import (
	"strconv"
	"strings"
)

// lines tells on which line each key of a TOML text stands. The library does
// not say, so the text is walked once more after the library has read it; what
// is looked for are only keys and table heads, so a text that the library took
// is all this has to understand.
type lines map[string]int

// of finds the line of a key, or of the nearest table around it.
func (l lines) of(path string) int {
	for path != "" {
		if n, ok := l[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

type walker struct {
	src   string
	pos   int
	line  int
	found lines
	count map[string]int // how many [[tables]] of a path there are so far
}

func locate(src string) lines {
	w := &walker{src: src, line: 1, found: lines{}, count: map[string]int{}}
	table := ""
	for w.pos < len(w.src) {
		switch c := w.src[w.pos]; {
		case c == '\n' || c == ' ' || c == '\t' || c == '\r':
			w.step()
		case c == '#':
			w.toEnd()
		case c == '[':
			table = w.head()
		default:
			w.pair(table)
		}
	}
	return w.found
}

func (w *walker) step() {
	if w.src[w.pos] == '\n' {
		w.line++
	}
	w.pos++
}

func (w *walker) toEnd() {
	for w.pos < len(w.src) && w.src[w.pos] != '\n' {
		w.pos++
	}
}

// head reads [a.b] or [[a.b]] and returns the table's path.
func (w *walker) head() string {
	array := strings.HasPrefix(w.src[w.pos:], "[[")
	w.pos++
	if array {
		w.pos++
	}
	parts := w.key("]\n")
	path := ""
	for i, part := range parts {
		path = join(path, part)
		w.set(path)
		if array && i == len(parts)-1 {
			w.count[path]++
		}
		if n := w.count[path]; n > 0 {
			path += "[" + strconv.Itoa(n-1) + "]"
		}
	}
	w.set(path)
	w.toEnd()
	return path
}

// pair reads key = value.
func (w *walker) pair(table string) {
	path := table
	at := w.line
	for _, part := range w.key("=\n") {
		path = join(path, part)
	}
	if _, ok := w.found[path]; !ok {
		w.found[path] = at
	}
	if w.pos < len(w.src) && w.src[w.pos] == '=' {
		w.pos++
		w.value(path)
	}
}

func (w *walker) set(path string) {
	if _, ok := w.found[path]; !ok {
		w.found[path] = w.line
	}
}

// key reads a dotted key up to one of the stop characters.
func (w *walker) key(stop string) []string {
	var parts []string
	part := ""
	for w.pos < len(w.src) && !strings.ContainsRune(stop, rune(w.src[w.pos])) {
		switch c := w.src[w.pos]; c {
		case '"', '\'':
			from := w.pos
			w.text()
			part = w.src[from:w.pos]
			if s, err := strconv.Unquote(part); err == nil && c == '"' {
				part = s
			} else {
				part = strings.Trim(part, string(c))
			}
		case '.':
			parts, part = append(parts, part), ""
			w.pos++
		case ' ', '\t', '\r':
			w.pos++
		default:
			part += string(c)
			w.pos++
		}
	}
	return append(parts, part)
}

// value passes over a value, and notes where the elements of a list of lists
// begin.
func (w *walker) value(path string) {
	depth, elements := 0, 0
	for w.pos < len(w.src) {
		switch w.src[w.pos] {
		case '\n':
			if depth <= 0 {
				return
			}
			w.step()
		case '#':
			w.toEnd()
		case '"', '\'':
			w.text()
		case '[', '{':
			if depth == 1 {
				w.set(path + "[" + strconv.Itoa(elements) + "]")
				elements++
			}
			depth++
			w.pos++
		case ']', '}':
			depth--
			w.pos++
		default:
			w.pos++
		}
	}
}

// text passes over a quoted string of any of the four kinds.
func (w *walker) text() {
	quote := w.src[w.pos : w.pos+1]
	if strings.HasPrefix(w.src[w.pos:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	w.pos += len(quote)
	for w.pos < len(w.src) {
		switch {
		case strings.HasPrefix(w.src[w.pos:], quote):
			w.pos += len(quote)
			// A multi-line string may end in one or two quotes of its own.
			for len(quote) == 3 && w.pos < len(w.src) && w.src[w.pos] == quote[0] {
				w.pos++
			}
			return
		case w.src[w.pos] == '\\' && quote[0] == '"' && w.pos+1 < len(w.src):
			w.step()
			w.step()
		case w.src[w.pos] == '\n' && len(quote) == 1:
			return
		default:
			w.step()
		}
	}
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}
