package directory

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/link"
)

// maxGroups bounds the groups of one person. More is an outage, not a cut:
// policy hangs on groups, and a missing one could weaken it.
const maxGroups = 1000

const (
	// languageAttribute is that of RFC 2798, which other directories have, too.
	languageAttribute = "preferredLanguage"
	// maxLanguage bounds what is kept of it: more is no list of languages.
	maxLanguage = 128
)

// reader reads a person's entry into facts.
type reader struct {
	cfg     Config
	person  link.Template
	account link.Template
	groups  link.Template
	base    *ldap.DN
}

func newReader(cfg Config) (*reader, error) {
	r := &reader{cfg: cfg}
	var err error
	if r.person, err = link.ParseTemplate(cfg.Filter, "name"); err != nil {
		return nil, err
	}
	if cfg.AccountFilter != "" {
		if r.account, err = link.ParseTemplate(cfg.AccountFilter); err != nil {
			return nil, fmt.Errorf("account %w", err)
		}
	}
	if cfg.GroupFilter != "" {
		if r.groups, err = link.ParseTemplate(cfg.GroupFilter, "dn", "name"); err != nil {
			return nil, fmt.Errorf("group %w", err)
		}
	}
	r.base, err = ldap.ParseDN(cfg.GroupBase)
	return r, err
}

// read looks a person up over one connection. ErrNotFound means that the
// directory has no such person, or more than one.
func (r *reader) read(ctx context.Context, c *link.Conn, name string) (account.Facts, error) {
	asOf := r.cfg.Now()
	entry, err := r.find(ctx, c, name)
	if err != nil {
		return account.Facts{}, err
	}
	facts, err := r.facts(entry, asOf)
	if err != nil {
		return account.Facts{}, err
	}
	if facts.Name == "" {
		facts.Name = name
	}
	if facts.Fitness == account.Fit && r.cfg.AccountFilter != "" {
		matches, err := r.matches(ctx, c, entry.DN)
		if err != nil {
			return account.Facts{}, err
		}
		if !matches {
			facts.Fitness = account.Disabled
		}
	}
	facts.Groups, err = r.groupsOf(ctx, c, entry, facts.Name)
	return facts, err
}

// facts are those that stand in the entry itself.
func (r *reader) facts(entry *ldap.Entry, asOf time.Time) (facts account.Facts, err error) {
	facts = account.Facts{DN: entry.DN, AsOf: asOf, Fitness: r.fitness(entry, asOf), PasswordChanged: passwordChanged(entry)}
	if facts.ID, err = r.id(entry); err != nil {
		return account.Facts{}, err
	}
	facts.Name = entry.GetEqualFoldAttributeValue(r.cfg.NameAttribute)
	facts.DisplayName = orElse(entry.GetEqualFoldAttributeValue(r.cfg.DisplayNameAttribute), entry.GetEqualFoldAttributeValue("cn"))
	facts.Mail = entry.GetEqualFoldAttributeValue(r.cfg.MailAttribute)
	if l := entry.GetEqualFoldAttributeValue(languageAttribute); len(l) <= maxLanguage {
		facts.Language = l
	}
	return facts, nil
}

func (r *reader) find(ctx context.Context, c *link.Conn, name string) (*ldap.Entry, error) {
	entries, err := c.Search(ctx, link.Query{
		Base: r.cfg.Base, Scope: ldap.ScopeWholeSubtree, Limit: 2,
		Filter: r.person.Fill(map[string]string{"name": name}), Attributes: r.attributes(),
	})
	switch {
	case len(entries) > 1:
		r.cfg.Alarm(account.Event{Act: account.ActAlarm, Name: name,
			Note: "more than one entry in the directory has this login, and nobody can use it; search it and rename one"})
		return nil, account.ErrNotFound
	case err != nil:
		return nil, err
	case len(entries) == 0:
		return nil, account.ErrNotFound
	case entries[0].DN == "":
		return nil, errors.New("the directory found an entry without a name")
	}
	return entries[0], nil
}

func (r *reader) attributes() []string {
	list := []string{r.cfg.IDAttribute, r.cfg.NameAttribute, r.cfg.DisplayNameAttribute, r.cfg.MailAttribute,
		languageAttribute, "cn", "pwdChangedTime", "pwdLastSet", "userAccountControl", "accountExpires", "lockoutTime",
		"pwdAccountLockedTime", "pwdStartTime", "pwdEndTime"}
	if r.cfg.GroupFilter == "" {
		list = append(list, "memberOf")
	}
	for _, rule := range r.cfg.Locked {
		attribute, _, _ := strings.Cut(rule, "=")
		list = append(list, attribute)
	}
	return list
}

// matches lets the directory itself judge the account filter, on this entry.
func (r *reader) matches(ctx context.Context, c *link.Conn, dn string) (bool, error) {
	entries, err := c.Search(ctx, link.Query{
		Base: dn, Scope: ldap.ScopeBaseObject, Limit: 1, Filter: r.account.Fill(nil), Attributes: []string{"1.1"},
	})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return false, account.ErrNotFound // gone between the two questions
	}
	return len(entries) == 1, err
}

func (r *reader) id(entry *ldap.Entry) (account.ID, error) {
	if strings.EqualFold(r.cfg.IDAttribute, "objectGUID") {
		raw := entry.GetEqualFoldRawAttributeValue(r.cfg.IDAttribute)
		if len(raw) != 16 {
			return "", fmt.Errorf("an entry's objectGUID has %d bytes, not 16", len(raw))
		}
		return account.ID(guidText(raw)), nil
	}
	values := entry.GetEqualFoldAttributeValues(r.cfg.IDAttribute)
	if len(values) != 1 || values[0] == "" || len(values[0]) > 128 {
		return "", fmt.Errorf("an entry has %d usable values of %s; may the service account read it?", len(values), r.cfg.IDAttribute)
	}
	return account.ID(strings.ToLower(values[0])), nil
}

// guidText writes a GUID as Microsoft's tools do: its first three fields are
// stored with the lowest byte first (MS-DTYP section 2.3.4.2).
func guidText(b []byte) string {
	ordered := []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}
	text := hex.EncodeToString(append(ordered, b[8:16]...))
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func (r *reader) groupsOf(ctx context.Context, c *link.Conn, entry *ldap.Entry, name string) ([]string, error) {
	var groups []string
	if r.cfg.GroupFilter == "" {
		for _, dn := range entry.GetEqualFoldAttributeValues("memberOf") {
			if group, ok := r.groupName(dn); ok {
				groups = append(groups, group)
			}
		}
		return groups, nil
	}
	entries, err := c.Search(ctx, link.Query{
		Base: r.cfg.GroupBase, Scope: ldap.ScopeWholeSubtree, Limit: maxGroups,
		Filter:     r.groups.Fill(map[string]string{"dn": entry.DN, "name": name}),
		Attributes: []string{r.cfg.GroupNameAttribute},
	})
	if err != nil {
		return nil, fmt.Errorf("searching the groups of an entry: %w", err)
	}
	for _, g := range entries {
		groups = append(groups, g.GetEqualFoldAttributeValues(r.cfg.GroupNameAttribute)...)
	}
	return groups, nil
}

// groupName takes a group's name out of its DN. Groups outside the group base,
// or named by another attribute, are none of ours: taking the first value of
// any DN would let two groups in different places pass for one.
func (r *reader) groupName(dn string) (string, bool) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(r.base.RDNs) > 0 && !r.base.AncestorOfFold(parsed) {
		return "", false
	}
	for _, a := range parsed.RDNs[0].Attributes {
		if strings.EqualFold(a.Type, r.cfg.GroupNameAttribute) {
			return a.Value, true
		}
	}
	return "", false
}
