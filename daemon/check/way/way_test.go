package way

import (
	"errors"
	"strings"
	"testing"
)

// Whatever is refused is told with its place, a reason and what mends it: the daemon
// does not start with it, and check-config shows the line.
func TestEachFaultHasItsPlace(t *testing.T) {
	kinds := map[string]Kind{"totp": {}, "recovery": {}, "app-password": {Claims: true, Standalone: true}, "key": {Standalone: true}}
	way := func(place string, factors ...string) Way { return Way{Factors: factors, Config: place} }
	good := way("good", "totp", Directory)
	app := way("app", "app-password")
	for name, c := range map[string]struct {
		service Service
		want    string
	}{
		"nothing":              {Service{Config: "c.toml:7 service[0]"}, "c.toml:7 service[0]: there is no way in; list"},
		"empty":                {Service{Ways: []Way{good, way("c.toml:9 a[1]")}}, "c.toml:9 a[1]: is empty"},
		"unknown":              {Service{Ways: []Way{way("w", "sms", Directory)}}, `w: unknown factor "sms"; write`},
		"twice":                {Service{Ways: []Way{way("w", "totp", "totp")}}, `w: names "totp" twice; name`},
		"combined":             {Service{Ways: []Way{good, way("w", "app-password", Directory)}}, "w: an app password cannot be combined"},
		"codes before":         {Service{Ways: []Way{good, way("w", "totp", "recovery")}}, `w: ["totp" "recovery"] asks for no password, and another way does: codes are only looked at after it; add "directory"`},
		"one":                  {Service{Ways: []Way{way("w", "totp")}}, `w: "totp" alone is one factor; add`},
		"password":             {Service{Ways: []Way{way("w", Directory)}}, `w: "directory" alone is one factor`},
		"bridge at a password": {Service{Ways: []Way{good}, Bridge: way("b", Directory)}, "b: is for services that take app passwords"},
		"bridge of codes":      {Service{Ways: []Way{app}, Bridge: way("b", "totp")}, "b: is for services that take app passwords"},
		"of a group":           {Service{Ways: []Way{good}, Groups: []Group{{Ways: []Way{way("g", "totp")}}}}, `g: "totp" alone is one factor`},
		"group of nothing":     {Service{Ways: []Way{good}, Config: "s", Groups: []Group{{Config: "g"}}}, "g: there is no way in"},
		"door of a group":      {Service{Ways: []Way{app}, Groups: []Group{{Groups: []string{"x"}, Ways: []Way{good}, Config: "g"}}}, "g: the first door of groups [x] is another"},
		"no place":             {Service{Ways: []Way{way("")}}, "is empty: it would let everybody in; name"},
		"good":                 {Service{Ways: []Way{good, app}}, ""},
		"a good bridge":        {Service{Ways: []Way{app}, Bridge: way("b", Directory)}, ""},
		"a reason":             {Service{Ways: []Way{way("w", Directory)}, SingleFactor: "an old printer"}, ""},
		"a strong one":         {Service{Ways: []Way{way("w", "key")}}, ""},
	} {
		err := c.service.Admit(kinds)
		var fault *Fault
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &fault) || !strings.HasPrefix(err.Error(), c.want) || fault.Reason == "" || fault.Fix == ""):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
