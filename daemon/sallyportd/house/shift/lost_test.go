package shift

import (
	"testing"

	"github.com/sallyport/sallyport/daemon/config"
)

// The last phone may only be lost where an emergency code opens the page without
// it: at another service it helps nobody.
func TestEmergencyCodesOpenThePage(t *testing.T) {
	ways := func(w ...[]string) (all []config.Way) {
		for _, factors := range w {
			all = append(all, config.Way{Factors: factors})
		}
		return all
	}
	both, bare := [][]string{{"totp", "directory"}, {"recovery", "directory"}}, [][]string{{"totp", "directory"}}
	for name, c := range map[string]struct {
		page, other [][]string
		recovery    string
		want        bool
	}{
		"beside the password":     {both, bare, "recovery", true},
		"at another service only": {bare, both, "recovery", false},
		"with the phone only":     {[][]string{{"recovery", "totp", "directory"}}, both, "recovery", false},
		"none configured":         {bare, bare, "", false},
	} {
		s := &Shift{Config: &config.Config{Page: config.Page{Service: "page"},
			Services: []config.Service{{Name: "web", Accept: ways(c.other...)}, {Name: "page", Accept: ways(c.page...)}}}}
		if got := s.codesOpen(c.recovery, "totp"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
