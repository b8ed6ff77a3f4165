package embedded

import (
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// truth has three values (RFC 4511 section 4.5.1.7): what cannot be judged is
// neither yes nor, turned round by a not, yes.
type truth uint8

const (
	undefined truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// match judges a filter as it came over the wire.
func (e *entry) match(f *ber.Packet) truth {
	if f.ClassType != ber.ClassContext {
		return undefined
	}
	switch f.Tag {
	case ldap.FilterAnd:
		return e.combine(f.Children, yes, no)
	case ldap.FilterOr:
		return e.combine(f.Children, no, yes)
	case ldap.FilterNot:
		if len(f.Children) != 1 {
			return undefined
		}
		switch e.match(f.Children[0]) {
		case yes:
			return no
		case no:
			return yes
		}
		return undefined
	case ldap.FilterPresent:
		return truthOf(len(e.values(octets(f))) > 0)
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch, ldap.FilterSubstrings:
		if len(f.Children) != 2 {
			return undefined
		}
		for _, value := range e.values(octets(f.Children[0])) {
			if f.Tag == ldap.FilterSubstrings && substrings(value, f.Children[1].Children) ||
				f.Tag != ldap.FilterSubstrings && equal(value, octets(f.Children[1])) {
				return yes
			}
		}
		return no
	}
	return undefined // ordering and extensible matches
}

// combine judges and (neutral yes, decisive no) and or (the other way round).
func (e *entry) combine(parts []*ber.Packet, neutral, decisive truth) truth {
	all := neutral
	for _, part := range parts {
		switch e.match(part) {
		case decisive:
			return decisive
		case undefined:
			all = undefined
		}
	}
	return all
}

// equal compares as caseIgnoreMatch does for the most part, and DNs as DNs.
func equal(a, b string) bool {
	if folded(a) == folded(b) {
		return true
	}
	if !strings.Contains(a, "=") || !strings.Contains(b, "=") {
		return false
	}
	left, err := ldap.ParseDN(a)
	if err != nil {
		return false
	}
	right, err := ldap.ParseDN(b)
	return err == nil && left.EqualFold(right)
}

func folded(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

func substrings(value string, parts []*ber.Packet) bool {
	rest := folded(value)
	for _, part := range parts {
		piece := strings.ToLower(octets(part))
		switch part.Tag {
		case ldap.FilterSubstringsInitial:
			if !strings.HasPrefix(rest, piece) {
				return false
			}
			rest = rest[len(piece):]
		case ldap.FilterSubstringsFinal:
			return strings.HasSuffix(rest, piece)
		default:
			i := strings.Index(rest, piece)
			if i < 0 {
				return false
			}
			rest = rest[i+len(piece):]
		}
	}
	return true
}
