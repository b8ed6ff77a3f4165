package pluginhost

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// What a plugin may write to the daemon's log: lines of so many bytes, so many
// of them in so long a time.
const (
	maxLine      = 1 << 10
	linesAtOnce  = 50
	linesEvery   = 10 * time.Second
	logMessage   = "plugin says"
	suppressNote = "plugin says too much"
)

// lineLog turns what a plugin prints into log lines that cannot flood the log
// or pretend to be others.
type lineLog struct {
	log  *slog.Logger
	kind string

	mu      sync.Mutex
	line    []byte
	last    string
	cut     bool
	window  time.Time
	written int
	dropped int
}

func newLineLog(log *slog.Logger, kind string) *lineLog {
	return &lineLog{log: log, kind: kind}
}

// Write takes any piece of a line, or several lines.
func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range b {
		switch {
		case c == '\n':
			l.flush()
		case len(l.line) < maxLine:
			l.line = append(l.line, c)
		default:
			l.cut = true
		}
	}
	return len(b), nil
}

func (l *lineLog) flush() {
	text := printable(string(l.line))
	if l.cut {
		text += "..."
	}
	l.line, l.cut = l.line[:0], false
	if strings.TrimSpace(text) == "" {
		return
	}
	l.last = text
	now := time.Now()
	if now.Sub(l.window) >= linesEvery {
		if l.dropped > 0 {
			l.log.Warn(suppressNote, "plugin", l.kind, "lines_dropped", l.dropped)
		}
		l.window, l.written, l.dropped = now, 0, 0
	}
	if l.written++; l.written > linesAtOnce {
		l.dropped++
		return
	}
	l.log.Log(context.Background(), level(text), logMessage, "plugin", l.kind, "line", text)
}

// lastWords is the last line, made to follow an error, or empty.
func (l *lineLog) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == "" {
		return ""
	}
	return "\nits last words: " + l.last
}

// level reads the prefix that plugins conventionally write.
func level(text string) slog.Level {
	switch {
	case strings.HasPrefix(text, "[ERROR]"), strings.HasPrefix(text, "panic: "), strings.HasPrefix(text, "fatal error: "):
		return slog.LevelError
	case strings.HasPrefix(text, "[WARN]"):
		return slog.LevelWarn
	case strings.HasPrefix(text, "[DEBUG]"), strings.HasPrefix(text, "[TRACE]"):
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// printable replaces control characters and what is not UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u2028' || r == '\u2029' || (r >= 0x202a && r <= 0x202e) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
