// Package plain makes texts that a plugin wrote fit for an error or a log line.
//
// It does not translate or understand them. It belongs to package wire, which
// alone may call it.
package plain

import "strings"

// Line makes one harmless line, of at most 256 bytes and three dots.
func Line(s string) string {
	const most = 256
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
