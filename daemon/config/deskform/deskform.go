// Package deskform reads what binds operators: the rest of [admin], beside who they
// are.
//
// It applies nothing: the rules are in package support of enroll, and their plain
// values in bylaws, which it fills. Only package config may call it.
package deskform

import (
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
)

const (
	usually    = 20
	most       = 1000
	maxPattern = 200
)

// Read reads the rules out of [admin].
func Read(t *strict.Table) bylaws.Rules {
	r := bylaws.Rules{
		TicketRequired: t.Flag("ticket_required", false),
		TicketPattern:  pattern(t, "ticket_pattern"),
		Protected:      t.List("protected_groups"),
		OperatorsOwn:   t.Flag("operators_own", false),
		ResetsPerHour:  t.Number("resets_per_hour", usually, 1, most),
		CodesPerHour:   t.Number("codes_per_hour", usually, 1, most),
	}
	for _, g := range r.Protected {
		if strings.TrimSpace(g) != g || g == "" {
			// Nobody would be in it, and so nobody protected.
			t.Refuse("protected_groups", "names a group that is empty or has blanks around it", `write for example: protected_groups = ["board"]`)
		}
	}
	return r
}

// pattern reads a regular expression, which will have to match the whole.
func pattern(t *strict.Table, k string) *regexp.Regexp {
	text := t.Text(k, "")
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil || len(text) > maxPattern {
		t.Refuse(k, "is no regular expression, or too long", `write for example: ticket_pattern = "INC[0-9]{5}"`)
		return nil
	}
	re.Longest()
	return re
}
