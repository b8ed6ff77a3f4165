package link

import (
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Filter is an LDAP search filter (RFC 4515) that is safe to send: its text
// comes from the config, and every value in it was escaped. Only this file
// makes one, and Conn.Search takes nothing else.
type Filter struct{ text string }

// Template is a filter from the config, with places for values.
type Template struct {
	text  string
	names []string
}

// anyEntry matches every entry.
func anyEntry() Filter { return Filter{"(objectClass=*)"} }

// ParseTemplate checks a filter from the config. Only the named placeholders
// may stand in it, each where a value stands: behind the = of its item.
func ParseTemplate(text string, names ...string) (Template, error) {
	t := Template{text: text, names: names}
	for _, name := range names {
		place := "{" + name + "}"
		for rest, at := text, 0; ; {
			i := strings.Index(rest, place)
			if i < 0 {
				break
			}
			before := text[:at+i]
			if !strings.Contains(before[strings.LastIndexByte(before, '(')+1:], "=") {
				return Template{}, fmt.Errorf("filter %q: %s must stand where a value stands, as in (uid=%s)", text, place, place)
			}
			at += i + len(place)
			rest = text[at:]
		}
	}
	probe := t.Fill(make(map[string]string)).text
	if strings.ContainsAny(probe, "{}") {
		return Template{}, fmt.Errorf("filter %q: only these may stand in braces: %q", text, names)
	}
	if _, err := ldap.CompileFilter(probe); err != nil {
		return Template{}, fmt.Errorf("filter %q: %w", text, err)
	}
	return t, nil
}

// CheckDN says what is wrong with a distinguished name; an empty one is good.
func CheckDN(dn string) error {
	if _, err := ldap.ParseDN(dn); err != nil {
		return fmt.Errorf("DN %q: %w", dn, err)
	}
	return nil
}

// Fill puts escaped values into the template's places. A value can hold what
// looks like a placeholder: all places are filled in one pass.
func (t Template) Fill(values map[string]string) Filter {
	pairs := make([]string, 0, 2*len(t.names))
	for _, name := range t.names {
		pairs = append(pairs, "{"+name+"}", ldap.EscapeFilter(values[name]))
	}
	return Filter{strings.NewReplacer(pairs...).Replace(t.text)}
}

// Any fills the places with whatever there may be: the filter finds everybody
// whom it could find by a name.
func (t Template) Any() Filter {
	pairs := make([]string, 0, 2*len(t.names))
	for _, name := range t.names {
		pairs = append(pairs, "{"+name+"}", "*")
	}
	return Filter{strings.NewReplacer(pairs...).Replace(t.text)}
}

// And matches what both match.
func (f Filter) And(other Filter) Filter { return Filter{"(&" + f.text + other.text + ")"} }
