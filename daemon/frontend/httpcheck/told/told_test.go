package told

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzGroupList(f *testing.F) {
	f.Add("a,b", "c%2C")
	f.Add("\r\n", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return
		}
		got := List([]string{a, b})
		if len(got) > maxList || strings.ContainsFunc(got, isControl) || !utf8.ValidString(got) || strings.Count(got, ",") > 1 {
			t.Errorf("%q and %q gave %q", a, b, got)
		}
	})
}
