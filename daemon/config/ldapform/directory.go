package ldapform

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/config/socketform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// Directory is how the LDAP directory is asked.
type Directory struct {
	// Servers are URLs, ldap:// or ldaps://, in the order of preference.
	Servers []string
	// StartTLS turns ldap:// into an encrypted connection.
	StartTLS bool
	// CAFile holds the certificates to trust; empty means the system's.
	CAFile string
	// BindDN and BindPasswordFile are the daemon's own account there; both
	// empty means anonymous.
	BindDN           string
	BindPasswordFile string
	// Base is where people are searched.
	Base string
	// Filter finds a person; {name} stands for the login.
	Filter string
	// AccountFilter must match too, or the account counts as disabled; empty
	// matches everybody.
	AccountFilter string
	// IDAttribute holds the id that never changes.
	IDAttribute          string
	NameAttribute        string
	DisplayNameAttribute string
	MailAttribute        string
	// GroupBase is where groups are; without a GroupFilter it narrows memberOf.
	GroupBase string
	// GroupFilter finds the groups of a person; {dn} and {name} stand for them.
	// Empty means that memberOf of the person's entry is read.
	GroupFilter        string
	GroupNameAttribute string
	// Locked are conditions "attribute=value" or "attribute=*", each of which
	// means locked; nil leaves the choice to the directory's code.
	Locked []string
	// LockoutDuration is how long the directory's lock after wrong passwords
	// lasts; 0 is until somebody unlocks.
	LockoutDuration time.Duration
	// DecoyDN is an entry to bind to where nobody was found, so that unknown
	// names take as long as known ones.
	DecoyDN string
	// AllowNames are characters that logins may hold beside letters, digits,
	// blanks and . _ - @ +
	AllowNames string
	// FactTTL is how long facts about an account may be cached, 1 s to 5 min.
	FactTTL time.Duration
	// MaxStale is how old facts may serve app passwords in an outage, at most
	// 24 h; negative means not at all, and is written as "0s".
	MaxStale time.Duration
	// Timeout bounds one operation, Total all tries together, CoolDown is how
	// long a failed server is left alone.
	Timeout  time.Duration
	Total    time.Duration
	CoolDown time.Duration
	// PoolSize is the number of connections of each kind to each server, 1 to 256.
	PoolSize int
}

// Names are the distinguished names in it, by their keys; some may be empty.
func (d Directory) Names() map[string]string {
	return map[string]string{"base": d.Base, "bind_dn": d.BindDN, "group_base": d.GroupBase, "decoy_dn": d.DecoyDN}
}

// Filter is a search filter, and what may stand in braces in it.
type Filter struct {
	Text   string
	Places []string
}

// Filters are the search filters in it, by their keys; some may be empty.
func (d Directory) Filters() map[string]Filter {
	return map[string]Filter{"filter": {d.Filter, []string{"name"}}, "account_filter": {d.AccountFilter, nil}, "group_filter": {d.GroupFilter, []string{"dn", "name"}}}
}

// Read reads the table [directory].
func Read(t *strict.Table) Directory {
	defer t.Close()
	d := Directory{
		Servers:              t.List("servers"),
		StartTLS:             t.Flag("starttls", false),
		CAFile:               t.File("ca_file", ""),
		BindDN:               t.Text("bind_dn", ""),
		BindPasswordFile:     t.File("bind_password_file", ""),
		Base:                 t.Need("base", "ou=people,dc=example,dc=org"),
		Filter:               t.Text("filter", "(uid={name})"),
		AccountFilter:        t.Text("account_filter", ""),
		IDAttribute:          t.Text("id_attribute", "entryUUID"),
		NameAttribute:        t.Text("name_attribute", "uid"),
		DisplayNameAttribute: t.Text("display_name_attribute", "displayName"),
		MailAttribute:        t.Text("mail_attribute", "mail"),
		GroupBase:            t.Text("group_base", ""),
		GroupFilter:          t.Text("group_filter", ""),
		GroupNameAttribute:   t.Text("group_name_attribute", "cn"),
		Locked:               t.List("locked"),
		LockoutDuration:      t.Duration("lockout_duration", 0, 0, 366*24*time.Hour),
		DecoyDN:              t.Text("decoy_dn", ""),
		AllowNames:           t.Text("allow_names", ""),
		FactTTL:              t.Duration("fact_ttl", time.Minute, time.Second, 5*time.Minute),
		MaxStale:             t.Duration("max_stale", 15*time.Minute, 0, 24*time.Hour),
		Timeout:              t.Duration("timeout", time.Second, 50*time.Millisecond, 10*time.Second),
		Total:                t.Duration("total", 3*time.Second, 100*time.Millisecond, 30*time.Second),
		CoolDown:             t.Duration("cool_down", 30*time.Second, time.Second, 10*time.Minute),
		PoolSize:             t.Number("pool_size", 32, 1, 256),
	}
	if d.MaxStale == 0 {
		d.MaxStale = -1
	}
	checkServers(t, d)
	checkSearch(t, d)
	return d
}

func checkServers(t *strict.Table, d Directory) {
	if len(d.Servers) == 0 && (d.Servers != nil || !t.Has("servers")) {
		t.Refuse("servers", "is missing: there is no directory to ask", `write for example: servers = ["ldaps://ldap.example.org"]`)
	}
	for _, s := range d.Servers {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			t.Refuse("servers", fmt.Sprintf("%q is not the address of a server", s), `write for example: "ldaps://ldap.example.org" or "ldaps://ldap.example.org:636"`)
		case u.Scheme != "ldap" && u.Scheme != "ldaps":
			t.Refuse("servers", fmt.Sprintf("%q does not begin with ldaps:// or ldap://", s), `write for example: "ldaps://ldap.example.org"`)
		case u.Scheme == "ldap" && !d.StartTLS && !socketform.IsLoopback(u.Hostname()):
			t.Refuse("servers", fmt.Sprintf("%q would send passwords in clear over the network", s), "write ldaps://, or starttls = true")
		case u.Scheme == "ldaps" && d.StartTLS:
			t.Refuse("starttls", "does not go together with ldaps://, which is encrypted already", "remove starttls, or write ldap://")
		}
	}
	switch {
	case d.BindDN != "" && d.BindPasswordFile == "":
		t.Refuse("bind_dn", "has no password: servers take such a bind for an anonymous one", `write for example: bind_password_file = "/etc/sallyport/ldap-password"`)
	case d.BindDN == "" && d.BindPasswordFile != "":
		t.Refuse("bind_password_file", "has no bind_dn to go with", `write for example: bind_dn = "cn=sallyport,dc=example,dc=org"`)
	}
	if d.Total < d.Timeout {
		t.Refuse("total", "is shorter than timeout: not even one try would end", "write a duration not below timeout")
	}
	if d.MaxStale > 0 && d.MaxStale < d.FactTTL {
		t.Refuse("max_stale", "is shorter than fact_ttl", `write a duration not below fact_ttl, or "0s" for none`)
	}
}

func checkSearch(t *strict.Table, d Directory) {
	for key, dn := range d.Names() {
		if dn != "" && !strings.Contains(dn, "=") {
			t.Refuse(key, fmt.Sprintf("%q is not a distinguished name", dn), "write for example: ou=people,dc=example,dc=org")
		}
	}
	for key, f := range d.Filters() {
		if f.Text != "" && !isFilter(f.Text) {
			t.Refuse(key, fmt.Sprintf("%q is not a search filter", f.Text), "write it in balanced brackets, for example: (uid={name})")
		}
	}
	if isFilter(d.Filter) && !strings.Contains(d.Filter, "={name}") {
		t.Refuse("filter", "does not hold {name}: it would find the same entry for everybody", "write for example: (uid={name})")
	}
	if isFilter(d.AccountFilter) && strings.ContainsAny(d.AccountFilter, "{}") {
		t.Refuse("account_filter", "holds a placeholder: it is about every account alike", "write for example: (objectClass=person)")
	}
	switch {
	case d.GroupFilter == "":
	case isFilter(d.GroupFilter) && !strings.Contains(d.GroupFilter, "={dn}") && !strings.Contains(d.GroupFilter, "={name}"):
		t.Refuse("group_filter", "holds neither {dn} nor {name}: everybody would be in the same groups", "write for example: (member={dn})")
	case d.GroupBase == "":
		t.Refuse("group_filter", "has no group_base to search in", "write for example: group_base = \"ou=groups,dc=example,dc=org\"")
	}
	for key, a := range map[string]string{"id_attribute": d.IDAttribute, "name_attribute": d.NameAttribute, "display_name_attribute": d.DisplayNameAttribute,
		"mail_attribute": d.MailAttribute, "group_name_attribute": d.GroupNameAttribute} {
		if !isAttribute(a) {
			t.Refuse(key, fmt.Sprintf("%q is not the name of an attribute", a), "write letters, digits and hyphens")
		}
	}
	if id := strings.ToLower(d.IDAttribute); id == "uid" || id == "cn" || id == "mail" || id == "samaccountname" || id == "userprincipalname" {
		t.Refuse("id_attribute", d.IDAttribute+" can change or be given to somebody else: a recycled name would get another person's factors", "write entryUUID, or objectGUID for Active Directory")
	}
	for _, rule := range d.Locked {
		if a, value, ok := strings.Cut(rule, "="); !ok || value == "" || !isAttribute(a) {
			t.Refuse("locked", fmt.Sprintf("%q is not a condition", rule), `write attribute=value, for example: "nsAccountLock=true", or attribute=* for any value`)
		}
	}
}
