package ledger

import (
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// tireless is after how many tries in a row that differ in nothing it looks like a
// program that nobody sits at.
const tireless = 200

// machineLike says why an account may be no person's. It is a guess, for somebody
// to look at: nothing hangs on it.
func machineLike(f account.Facts, tries []account.Event) []string {
	why := []string{}
	if namedLikeMachine(f.Name) {
		why = append(why, "the login reads like one")
	}
	if f.Mail == "" && (f.DisplayName == "" || strings.EqualFold(f.DisplayName, f.Name)) {
		why = append(why, "no name of a person and no mail address")
	}
	for _, e := range tries {
		if e.Count >= tireless && e.Address != "" {
			why = append(why, "one program from one address, over and over")
			break
		}
	}
	return why
}

// namedLikeMachine looks for one of the usual words at the begin or the end of a
// login, set off by a dash, a dot, a line below or digits.
func namedLikeMachine(login string) bool {
	login = strings.ToLower(login)
	if strings.HasSuffix(login, "$") {
		return true
	}
	parts := strings.FieldsFunc(login, func(r rune) bool { return r < 'a' || r > 'z' && r < 0x80 })
	if len(parts) == 0 {
		return false
	}
	for _, part := range []string{parts[0], parts[len(parts)-1]} {
		switch part {
		case "svc", "service", "srv", "scan", "scanner", "printer", "copier", "fax", "backup", "cron", "monitor", "monitoring", "bot",
			"daemon", "robot", "sync", "noreply", "nagios", "icinga", "zabbix", "prometheus", "jenkins", "ci", "ldap", "bind", "kiosk", "iot":
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
