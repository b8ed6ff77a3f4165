package spell

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// Every character that a code can have has a word of its own in both languages,
// which begins with the letter it stands for.
func TestEveryCharacterHasAWord(t *testing.T) {
	for name, say := range map[string]func(string) []string{"German": German, "English": English} {
		seen := map[string]bool{}
		for _, c := range crockford.Alphabet {
			words := say(string(c))
			if len(words) != 1 || seen[words[0]] || len(words[0]) < 3 {
				t.Fatalf("%s: %q is said as %q", name, c, words)
			}
			first := []rune(words[0])[0]
			if unicode.IsLetter(c) && unicode.ToLower(first) != c || unicode.IsDigit(c) && !unicode.IsLower(first) {
				t.Errorf("%s: %q is said as %q", name, c, words)
			}
			seen[words[0]] = true
		}
	}
}

func TestACodeIsSaid(t *testing.T) {
	for code, want := range map[string][2]string{
		"k7m3p-9x2qr": {"Kaufmann sieben Martha drei Paula neun Xanthippe zwei Quelle Richard", "Kilo seven Mike three Papa nine X-ray two Quebec Romeo"},
		"Z0 ?":        {"Zacharias null ?", "Zulu zero ?"},
	} {
		if got := German(code); !slices.Equal(got, strings.Fields(want[0])) {
			t.Errorf("%s: %q", code, got)
		}
		if got := English(code); !slices.Equal(got, strings.Fields(want[1])) {
			t.Errorf("%s: %q", code, got)
		}
	}
}
