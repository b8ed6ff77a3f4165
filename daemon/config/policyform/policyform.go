// Package policyform reads who owes a second factor, and from when: [policy] and
// its [[policy.group]].
//
// It judges nobody: the rules are in package policy of check, whose plain values
// it fills. It knows the time zones, which a rule must not. Only package config
// may call it.
package policyform

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for machines without

	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// Read reads the policy out of the whole file; absent, everybody owes a second
// factor at once.
func Read(file *strict.Table) policy.Policy {
	file.Know("policy")
	if !file.Has("policy") {
		return policy.Policy{}
	}
	t := file.Sub("policy")
	defer t.Close()
	zone := readZone(t)
	p := policy.Policy{Everybody: policy.Line{From: day(t, "required_from", zone), Exempt: reason(t, "exempt"), Config: t.Where("")}}
	single(t, "required_from", "exempt")
	taken, owed := map[string]bool{}, false
	for _, g := range t.Subs("group") {
		l := line(g, zone, taken)
		p.Lines = append(p.Lines, l)
		owed = owed || l.Exempt == "" && l.Machine == ""
	}
	if t.Has("exempt") && !owed {
		t.Refuse("exempt", "exempts everybody: then nobody owes a second factor",
			"name in [[policy.group]] who does, above those that it is not for; or remove it")
	}
	return p
}

// single refuses a second one of keys that contradict each other.
func single(t *strict.Table, keys ...string) {
	var said []string
	for _, k := range keys {
		if t.Has(k) {
			said = append(said, k)
		}
	}
	if len(said) > 1 {
		t.Refuse(said[1], "contradicts "+said[0], "keep one of the two")
	}
}

func readZone(t *strict.Table) *time.Location {
	name := t.Text("timezone", "UTC")
	zone, err := time.LoadLocation(name)
	// "" would be UTC, and "Local" whatever this machine says.
	if err != nil || name == "" || name == "Local" {
		t.Refuse("timezone", fmt.Sprintf("%q is no time zone", name), `write for example: timezone = "Europe/Berlin"`)
		return time.UTC
	}
	return zone
}

// day reads a date; it begins at its first moment.
func day(t *strict.Table, k string, zone *time.Location) time.Time {
	v, ok := t.Value(k)
	if !ok {
		return time.Time{}
	}
	s, isText := v.(string)
	if !isText {
		t.WrongType(k, v, "a date in quotes", k+` = "2027-01-15"`)
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil || d.Year() < 2000 {
		t.Refuse(k, fmt.Sprintf("%q is no date", s), "write year, month and day, for example: "+k+` = "2027-01-15"`)
		return time.Time{}
	}
	return policy.Day(d, zone)
}

// line reads one group of a policy.
func line(t *strict.Table, zone *time.Location, taken map[string]bool) policy.Line {
	defer t.Close()
	l := policy.Line{Groups: Groups(t, taken), From: day(t, "required_from", zone), Config: t.Where("")}
	l.Exempt, l.Machine = reason(t, "exempt"), reason(t, "machine")
	single(t, "required_from", "exempt", "machine")
	return l
}

// reason reads why somebody is no ordinary case.
func reason(t *strict.Table, k string) string {
	why := t.Text(k, "")
	if _, isText := t.All()[k].(string); isText && strings.TrimSpace(why) == "" {
		t.Refuse(k, "gives no reason", "write in a sentence why")
	}
	return why
}

// Groups reads the groups that a table is for. Where all of them stand in a table
// before, the later one would never decide.
func Groups(t *strict.Table, taken map[string]bool) []string {
	groups := t.List("groups")
	if !t.Has("groups") || groups != nil && len(groups) == 0 {
		t.Refuse("groups", "is missing: this is for nobody", `write for example: groups = ["staff"]`)
		return groups
	}
	if len(groups) > 0 && !slices.ContainsFunc(groups, func(g string) bool { return !taken[strings.ToLower(g)] }) {
		t.Refuse("groups", "stand in a table before, and the first decides: this one never does", "remove it, or put it before that one")
	}
	for _, g := range groups {
		taken[strings.ToLower(g)] = true
	}
	return groups
}
