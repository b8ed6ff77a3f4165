package config

import (
	"strings"
	"testing"
)

// A page that names nobody to ask is usable, and not well set up.
func TestAPageWithoutSupportIsAdvisedAgainst(t *testing.T) {
	for name, tc := range map[string]struct {
		config string
		advice int
	}{
		"mail":    {base, 0},
		"phone":   {strings.Replace(base, `mail = "a@example.org"`, `phone = "112"`, 1), 0},
		"hours":   {strings.Replace(base, `mail = "a@example.org"`, "hours = \"8-18\"\nhours_en = \"8 to 6\"", 1), 1},
		"nothing": {strings.Replace(base, "[page.support]\nmail = \"a@example.org\"\n", "", 1), 1},
	} {
		c, ps := parse(t, tc.config)
		if ps != nil {
			t.Fatalf("%s: %v", name, ps)
		}
		if got := c.Advice(); len(got) != tc.advice || tc.advice > 0 && !strings.Contains(got[0], "give phone or mail") {
			t.Errorf("%s: %q", name, got)
		}
		if want := map[string]string{"hours": "8 to 6"}[name]; c.Page.Support.HoursEN != want {
			t.Errorf("%s: English hours are %q", name, c.Page.Support.HoursEN)
		}
	}
	if got := (&Config{}).Advice(); len(got) != 0 {
		t.Errorf("where there is no page: %q", got)
	}
}
