package screen

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Every reason that there is has plain words of its own on the support screen, which
// say what was wrong, and not what the log calls it.
func TestEveryReasonIsSaidInPlainWords(t *testing.T) {
	words := map[string]string{
		"ok": "let in", "bad_credentials": "wrong normal password", "unknown_user": "no such login", "account_disabled": "switched off",
		"account_locked_by_directory": "locked by the directory", "code_required": "code missing", "code_wrong": "code wrong", "code_used": "code used before",
		"enroll_required": "not set up yet", "app_password_required": "not an app password", "app_password_typo": "mistyped", "app_password_revoked": "was revoked",
		"app_password_expired": "has expired", "wrong_service": "for another service", "wrong_spelling": "the spelling of the login", "throttled": "has to wait",
		"vetoed": "a hook said no", "directory_unavailable": "the directory did not answer", "store_unavailable": "the store did not answer",
		"plugin_unavailable": "plugin did not answer", "clock_unsafe": "clock cannot be trusted", "malformed": "could not be read", "not_allowed": "may not ask for this service",
	}
	source, err := os.ReadFile("../../../daemon/account/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(` Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(all) != len(words) {
		t.Errorf("there are %d reasons, and %d have words here", len(all), len(words))
	}
	said := map[string]string{}
	for _, r := range all {
		got := what(api.Event{Act: account.ActCheck, Service: "web", Reason: account.Reason(r[1]), Count: 3, Address: "192.0.2.1", Agent: "DAVx5"})
		if !strings.Contains(got, words[r[1]]) || words[r[1]] == "" || strings.Contains(got, "_") || !strings.HasSuffix(got, " (3 times), from 192.0.2.1 (DAVx5)") {
			t.Errorf("%s is said as %q", r[1], got)
		}
		if other, twice := said[got]; twice {
			t.Errorf("%s and %s are both said as %q", r[1], other, got)
		}
		said[got] = r[1]
	}
}
