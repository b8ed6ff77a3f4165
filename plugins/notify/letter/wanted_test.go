package letter

import (
	"slices"
	"testing"
)

// People are written to in the language that they like best of ours.
func TestWanted(t *testing.T) {
	both := []Language{German, English}
	for list, want := range map[string][]Language{
		"": both, "de": {German}, "en": {English}, "de-AT": {German}, "en_GB": {English}, "DE": {German}, "EN-us": {English},
		"fr": both, "fr, en;q=0.5": {English}, "de;q=0.4, en;q=0.8": {English}, "de, en": {German}, "en, de": {English},
		"de;q=0.5,en;q=0.5": {German}, " de ; q = 0.3 , en ; q=0.7 ": {English}, "en;q=0": both, "en;q=0, de;q=0.1": {German},
		"*": both, "den": both, "german": both, "de;q=much, en;q=0.1": {English}, "de;q=NaN, en;q=0.1": {English}, "de;q=7, en;q=0.1": {English}, "de;q=-1": both,
		"de;": both, ";;,,-_": both, "\x00\xff": both,
	} {
		if got := Wanted(list, both); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", list, got, want)
		}
	}
	// Where the operator has chosen one, everybody gets that.
	if got := Wanted("en", []Language{German}); !slices.Equal(got, []Language{German}) {
		t.Errorf("%v", got)
	}
}

func FuzzWanted(f *testing.F) {
	for _, seed := range []string{"de-AT, en;q=0.5", "*", ";q=1", "de;q=1e300", "de;q=0x1p-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got := Wanted(list, []Language{German, English})
		if len(got) == 0 || len(got) == 2 && (got[0] != German || got[1] != English) || len(got) == 1 && got[0] != German && got[0] != English {
			t.Errorf("%q: %v", list, got)
		}
	})
}
