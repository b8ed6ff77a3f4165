package letter

import (
	"slices"
	"strconv"
	"strings"
)

// Wanted is the one of our languages that a person likes best, or all of them
// where they want none, or nobody knows. What they want is a list as browsers send
// it, in which directories have "_" for "-", too.
func Wanted(list string, ours []Language) []Language {
	var best Language
	most := 0.0
	for item := range strings.SplitSeq(list, ",") {
		tag, weight, weighted := strings.Cut(strings.TrimSpace(item), ";")
		primary, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"), "-")
		lang, much := Language(strings.ToLower(primary)), 1.0
		if weighted {
			number, _ := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			var err error
			if much, err = strconv.ParseFloat(number, 64); err != nil || much > 1 {
				much = 0 // not a weight: the language is not known to be wanted
			}
		}
		if slices.Contains(ours, lang) && much > most {
			best, most = lang, much
		}
	}
	if best == "" {
		return ours
	}
	return []Language{best}
}
