// Package ldapform reads the table [directory], and recognises what people
// mistype in addresses, search filters and names of attributes.
//
// It is no parser of LDAP: the directory's own code reads both again, and knows
// better. It belongs to package config, which alone may call it.
package ldapform

import "strings"

// isFilter tells whether the text can be a filter: in brackets, those balanced,
// and with a comparison in it.
func isFilter(f string) bool {
	depth := 0
	for i, r := range f {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 || depth == 0 && i < len(f)-1 {
			return false
		}
	}
	return depth == 0 && strings.Contains(f, "=")
}

// isAttribute tells whether the text can be the name of an attribute, with or
// without options.
func isAttribute(a string) bool {
	return a != "" && len(a) <= 64 && !strings.ContainsFunc(a, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-;.", r)
	})
}
