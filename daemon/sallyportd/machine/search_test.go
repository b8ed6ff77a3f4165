package machine

import "testing"

// What the directory's own code would not take is told at its line, before the
// daemon is started.
func TestSpoiledSearches(t *testing.T) {
	const base = `base = "ou=people,dc=example,dc=org"`
	for name, s := range map[string]spoiled{
		"two filters":      {leave, base, base + "\nfilter = \"((uid={name})(cn=x))\"", "filter =", "directory.filter", "filter \"((uid", "balanced brackets"},
		"place of another": {leave, base, base + "\nfilter = \"(&(uid={name})(cn={user}))\"", "filter =", "directory.filter", "only these may stand in braces", "(uid={name})"},
		"place of a name":  {leave, base, base + "\nfilter = \"(&(uid={name})({name}=x))\"", "filter =", "directory.filter", "where a value stands", "(uid={name})"},
		"account filter":   {leave, base, base + "\naccount_filter = \"(&(a=b)(c))\"", "account_filter", "directory.account_filter", "filter", "balanced brackets"},
		"group filter":     {leave, base, base + "\ngroup_base = \"dc=org\"\ngroup_filter = \"(&(member={dn})(o={o}))\"", "group_filter", "directory.group_filter", "only these may stand in braces", "balanced brackets"},
		"base":             {leave, base, `base = "ou=people,dc"`, "base =", "directory.base", `DN "ou=people,dc"`, "ou=people,dc=example,dc=org"},
		"account":          {leave, `bind_dn = "cn=a,dc=example,dc=org"`, `bind_dn = "cn=a,,dc=org"`, "bind_dn", "directory.bind_dn", `DN "cn=a,,dc=org"`, "write for example"},
		"groups":           {leave, base, base + "\ngroup_base = \"ou=groups+\"", "group_base", "directory.group_base", "DN", "write for example"},
		"decoy":            {leave, base, base + "\ndecoy_dn = \"uid=x,\"", "decoy_dn", "directory.decoy_dn", "DN", "write for example"},
	} {
		t.Run(name, s.holds)
	}
}
