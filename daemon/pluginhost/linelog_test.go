package pluginhost

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for name, c := range map[string]struct{ in, level, line string }{
		"plain":            {"hello\n", "INFO", "hello"},
		"warning":          {"[WARN] careful\n", "WARN", "[WARN] careful"},
		"panic":            {"panic: oh\n", "ERROR", "panic: oh"},
		"control":          {"a\x1b[31mb\x00c\x7f\xc2\x9bd\n", "INFO", "a [31mb c  d"},
		"a line separator": {"a\u2028b\n", "INFO", "a b"},
		"turned around":    {"a\u202eb\n", "INFO", "a b"},
		"not UTF-8":        {"a\xffb\n", "INFO", "a?b"},
		"long":             {strings.Repeat("x", 2*maxLine) + "\n", "INFO", strings.Repeat("x", maxLine) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			l := newLineLog(slog.New(slog.NewTextHandler(&out, nil)), "totp")
			for i := range len(c.in) { // byte by byte, as pipes may give it
				if _, err := l.Write([]byte{c.in[i]}); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"level=" + c.level, "plugin=totp", c.line} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q lacks %q", out.String(), want)
				}
			}
			if n := strings.Count(out.String(), "\n"); n != 1 {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestAFloodIsCut(t *testing.T) {
	var out bytes.Buffer
	l := newLineLog(slog.New(slog.NewTextHandler(&out, nil)), "totp")
	for i := range 100_000 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	if n := strings.Count(out.String(), "\n"); n != linesAtOnce {
		t.Errorf("%d lines in the log, want %d", n, linesAtOnce)
	}
	l.window = l.window.Add(-linesEvery) // a while later
	fmt.Fprintln(l, "and now")
	if s := out.String(); !strings.Contains(s, fmt.Sprintf("lines_dropped=%d", 100_000-linesAtOnce)) || !strings.Contains(s, "and now") {
		t.Error("what was dropped is not told")
	}
}
