package embedded

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/go-ldap/ldif"
	"github.com/google/uuid"
)

// tree is the whole directory; it never changes.
type tree struct {
	entries []*entry
	byDN    map[string]*entry
}

// entry is one entry. Passwords are kept apart from what can be searched and
// returned.
type entry struct {
	dn         *ldap.DN
	text       string
	attributes []*ldap.EntryAttribute
	passwords  []string
}

// parse reads an LDIF file of at most 16 MiB.
func parse(source io.Reader) (*tree, error) {
	if source == nil {
		return nil, errors.New("no LDIF given")
	}
	file := new(ldif.LDIF)
	if err := ldif.Unmarshal(io.LimitReader(source, 16<<20), file); err != nil {
		return nil, fmt.Errorf("reading the LDIF: %w", err)
	}
	t := &tree{byDN: make(map[string]*entry)}
	for _, record := range file.Entries {
		if record.Entry == nil {
			return nil, errors.New("the LDIF holds a change; only entries can be served")
		}
		if err := t.add(record.Entry); err != nil {
			return nil, fmt.Errorf("entry %q: %w", record.Entry.DN, err)
		}
	}
	if len(t.entries) == 0 {
		return nil, errors.New("the LDIF holds no entry")
	}
	t.addGroups()
	return t, nil
}

func (t *tree) add(source *ldap.Entry) error {
	dn, err := ldap.ParseDN(source.DN)
	if err != nil {
		return fmt.Errorf("reading the DN: %w", err)
	}
	key := keyOf(dn)
	if t.byDN[key] != nil {
		return errors.New("is there twice")
	}
	e := &entry{dn: dn, text: source.DN}
	for _, a := range source.Attributes {
		if !strings.EqualFold(a.Name, "userPassword") {
			e.attributes = append(e.attributes, a)
			continue
		}
		for _, p := range a.Values {
			if strings.HasPrefix(p, "{") && !strings.HasPrefix(p, "{SSHA}") {
				return errors.New("passwords must be plain text or {SSHA}")
			}
			e.passwords = append(e.passwords, p)
		}
	}
	if len(e.values("entryUUID")) == 0 {
		id := uuid.NewSHA1(uuid.NameSpaceX500, []byte(key)).String()
		e.attributes = append(e.attributes, ldap.NewEntryAttribute("entryUUID", []string{id}))
	}
	t.entries = append(t.entries, e)
	t.byDN[key] = e
	return nil
}

// addGroups gives each member of a group the memberOf that a server would.
func (t *tree) addGroups() {
	groups := make(map[*entry][]string)
	for _, g := range t.entries {
		for _, member := range g.values("member") {
			if dn, err := ldap.ParseDN(member); err == nil && t.byDN[keyOf(dn)] != nil {
				m := t.byDN[keyOf(dn)]
				groups[m] = append(groups[m], g.text)
			}
		}
	}
	for e, of := range groups {
		if len(e.values("memberOf")) == 0 {
			e.attributes = append(e.attributes, ldap.NewEntryAttribute("memberOf", of))
		}
	}
}

// right tells whether this is the password of the entry.
func (t *tree) right(dn, password string) bool {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return false
	}
	e := t.byDN[keyOf(parsed)]
	return e != nil && slices.ContainsFunc(e.passwords, func(stored string) bool { return matches(stored, password) })
}

func matches(stored, password string) bool {
	hash, salted := strings.CutPrefix(stored, "{SSHA}")
	if !salted {
		return stored != "" && subtle.ConstantTimeCompare([]byte(stored), []byte(password)) == 1
	}
	raw, err := base64.StdEncoding.DecodeString(hash)
	if err != nil || len(raw) <= sha1.Size {
		return false
	}
	sum := sha1.Sum(append([]byte(password), raw[sha1.Size:]...))
	return subtle.ConstantTimeCompare(sum[:], raw[:sha1.Size]) == 1
}

// find returns the entries below a base that match, false if there is no base.
func (t *tree) find(base string, scope int, filter *ber.Packet) ([]*entry, bool) {
	from, err := ldap.ParseDN(base)
	if err != nil {
		return nil, false
	}
	if base == "" && scope == ldap.ScopeBaseObject {
		root := &entry{dn: from, attributes: []*ldap.EntryAttribute{
			ldap.NewEntryAttribute("objectClass", []string{"top"}),
			ldap.NewEntryAttribute("namingContexts", []string{t.entries[0].text}),
			ldap.NewEntryAttribute("supportedLDAPVersion", []string{"3"}),
		}}
		return keep([]*entry{root}, filter), true
	}
	if base != "" && t.byDN[keyOf(from)] == nil {
		return nil, false
	}
	var inside []*entry
	for _, e := range t.entries {
		depth := len(e.dn.RDNs) - len(from.RDNs)
		if depth < 0 || scope == ldap.ScopeBaseObject && depth != 0 || scope == ldap.ScopeSingleLevel && depth != 1 {
			continue
		}
		if depth == 0 && from.EqualFold(e.dn) || depth > 0 && from.AncestorOfFold(e.dn) {
			inside = append(inside, e)
		}
	}
	return keep(inside, filter), true
}

func keep(entries []*entry, filter *ber.Packet) []*entry {
	var kept []*entry
	for _, e := range entries {
		if e.match(filter) == yes {
			kept = append(kept, e)
		}
	}
	return kept
}

func (e *entry) values(name string) []string {
	for _, a := range e.attributes {
		if strings.EqualFold(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// packet is the entry as a SearchResultEntry with the attributes asked for.
func (e *entry) packet(wanted []string) *ber.Packet {
	attributes := ber.NewSequence("")
	for _, a := range e.attributes {
		operational := strings.EqualFold(a.Name, "entryUUID") || strings.EqualFold(a.Name, "memberOf")
		asked := slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, a.Name) })
		all := len(wanted) == 0 || slices.Contains(wanted, "*")
		if !asked && !(all && !operational) && !(operational && slices.Contains(wanted, "+")) {
			continue
		}
		one := ber.NewSequence("")
		one.AppendChild(text(a.Name))
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range a.Values {
			values.AppendChild(text(v))
		}
		one.AppendChild(values)
		attributes.AppendChild(one)
	}
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(text(e.text))
	p.AppendChild(attributes)
	return p
}

func keyOf(dn *ldap.DN) string { return strings.ToLower(dn.String()) }
