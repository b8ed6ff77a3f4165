package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// maxName is the longest login in bytes, as typed.
const maxName = 256

// enforceName returns the one form under which a typed name is looked up, by
// the profile UsernameCaseMapped of RFC 8265 section 3.3: upper and lower case,
// full and half width, composed and decomposed letters become one; padding,
// tabs, invisible characters and look-alikes with a decomposition are refused,
// not removed. Directories match far wider than that, so an allow-list comes
// on top. The result is good for a search only; state hangs on the id found.
func enforceName(typed, extra string) (string, bool) {
	if typed == "" || len(typed) > maxName || !utf8.ValidString(typed) {
		return "", false
	}
	// U+0130, the Turkish capital I with a dot: RFC 8265 and directories map
	// it to different letters, so it would lead two readings to two people.
	if strings.ContainsRune(typed, '\u0130') {
		return "", false
	}
	// RFC 8265 section 3.1: a username is userparts with blanks between them,
	// and the profile is for a userpart.
	parts := strings.Split(typed, " ")
	for i, part := range parts {
		mapped, err := precis.UsernameCaseMapped.String(part)
		if err != nil || mapped == "" {
			return "", false
		}
		parts[i] = mapped
	}
	name := strings.Join(parts, " ")
	if len(name) > maxName {
		return "", false
	}
	for i, r := range name {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		if i == 0 && !letter {
			return "", false
		}
		if !letter && !unicode.IsMark(r) && !strings.ContainsRune("._-@+ ", r) && !allowedExtra(r, extra) {
			return "", false
		}
	}
	return name, true
}

func allowedExtra(r rune, extra string) bool {
	return !unicode.IsControl(r) && strings.ContainsRune(extra, r)
}
