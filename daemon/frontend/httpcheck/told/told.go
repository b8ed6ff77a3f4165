// Package told writes who somebody is into the headers of an answer that a web
// server reads.
//
// It knows no question and decides nothing. It belongs to package httpcheck,
// which alone may call it, with what lies below it.
package told

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
)

// maxList bounds X-Sallyport-Groups and -Scope: nginx takes 4 KiB of answer
// header in all and reports an error beyond.
const maxList = 2 << 10

// Who names the person. Names stand as written, in UTF-8, because a peer
// compares them with what the person typed. Lists are made of parts that can
// hold anything.
func Who(out http.Header, s account.Subject) {
	out["X-Sallyport-User"] = []string{s.Name}
	out["X-Sallyport-Name"] = []string{Plain(s.DisplayName)}
	out["X-Sallyport-Mail"] = []string{Plain(s.Mail)}
	out["X-Sallyport-Groups"] = []string{List(s.Groups)}
}

// Plain makes a header value of any text: UTF-8, control characters as blanks.
func Plain(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, isControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// List joins parts by commas. A comma, a percent sign or a control character
// inside a part is written as %XX, so that no group can look like two. What
// does not fit is left out whole: a peer may only ever see too few groups.
func List(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	if len(parts) == 1 && len(parts[0]) <= maxList && isPlainPart(parts[0]) {
		return parts[0]
	}
	var b strings.Builder
	for _, p := range parts {
		e := escapePart(p)
		if b.Len()+1+len(e) > maxList {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e)
	}
	return b.String()
}

func isPlainPart(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, isControl) && !strings.ContainsAny(s, ",%")
}

func escapePart(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if isPlainPart(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, r := range s {
		if r != ',' && r != '%' && !isControl(r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// isControl tells C0, DEL and C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
