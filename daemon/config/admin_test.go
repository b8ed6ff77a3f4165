package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
)

// Who may do what, and how much, is taken as it is written; without a word the
// operators are root alone, nobody is of the desk, and each may do twenty in an hour.
func TestAdminIsRead(t *testing.T) {
	pattern := regexp.MustCompile("INC[0-9]{5}")
	pattern.Longest()
	for text, want := range map[string]Admin{
		"[log]": {Operators: []string{"root"}, Rules: bylaws.Rules{ResetsPerHour: 20, CodesPerHour: 20}},
		`[admin]
support = ["@helpdesk", "1234"]
operators = ["root", "@wheel"]
ticket_required = true
ticket_pattern = "INC[0-9]{5}"
protected_groups = ["board", "Domain Admins"]
operators_own = true
resets_per_hour = 3
codes_per_hour = 5
[log]`: {Support: []string{"@helpdesk", "1234"}, Operators: []string{"root", "@wheel"}, Rules: bylaws.Rules{TicketRequired: true, TicketPattern: pattern,
			Protected: []string{"board", "Domain Admins"}, OperatorsOwn: true, ResetsPerHour: 3, CodesPerHour: 5}},
	} {
		from := strings.Replace(base, "[admin]\noperators = [\"root\"]\n", "", 1)
		c, ps := parse(t, strings.Replace(from, "[log]", text, 1))
		if ps != nil || !reflect.DeepEqual(c.Admin, want) {
			t.Errorf("%s:\n%+v, %v, want\n%+v", text, c.Admin, ps, want)
		}
	}
}
