package totp

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel is how many characters of issuer and account reach the URI each: a
// longer text makes a QR code that phones fail to read, and is only a label.
const maxLabel = 64

// uri is the otpauth URI of a device. It is written here and not by the
// library, which lets an ampersand in the issuer start a new parameter.
//
// Algorithm, digits and period always stand in it, even where they are the
// defaults, for not all apps have the same. An issuer with a colon is named by
// its parameter alone: in the label, apps would take its first part for the
// whole.
func (d device) uri(issuer, account string) (string, error) {
	if account == "" {
		return "", errors.New("the account has no name")
	}
	for _, label := range []string{issuer, account} {
		if !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
			return "", errors.New("issuer or account has characters that cannot be shown")
		}
	}
	issuer, account = clip(issuer), clip(account)
	label := escape(account)
	if issuer != "" && !strings.Contains(issuer, ":") {
		label = escape(issuer) + ":" + label
	}
	query := "secret=" + d.base32()
	if issuer != "" {
		query += "&issuer=" + escape(issuer)
	}
	return fmt.Sprintf("otpauth://totp/%s?%s&algorithm=%s&digits=%d&period=%d",
		label, query, d.algorithm, d.digits, d.period), nil
}

// clip shortens a label to maxLabel characters.
func clip(label string) string {
	runes := 0
	for i := range label {
		if runes == maxLabel {
			return label[:i]
		}
		runes++
	}
	return label
}

// escape percent-encodes all but the unreserved characters (RFC 3986, section
// 2.3). A blank becomes %20: a plus sign would be shown as such by many apps.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
