// Package spell says a code letter by letter, as it is read out on the phone, in
// German and in English.
//
// It makes and judges no code, and knows only the letters and digits that codes
// are made of; whatever else it is given it says as it stands. contrib/sallyport
// and its screens use it.
package spell

import "strings"

// German says each character as the German spelling alphabet has it: the words of
// DIN 5009 in its edition of 1996, which people know by heart, and not the names of
// towns of the edition of 2022.
func German(code string) []string { return say(code, german) }

// English says each character as the alphabet of ICAO and NATO has it.
func English(code string) []string { return say(code, english) }

// say says letters and digits, whatever their case, and passes over the rest of
// what codes are grouped with.
func say(code string, word func(rune) string) []string {
	var words []string
	for _, r := range strings.ToLower(code) {
		switch w := word(r); {
		case r == '-' || r == ' ':
		case w == "":
			words = append(words, string(r))
		default:
			words = append(words, w)
		}
	}
	return words
}

func pick(r rune, letters, digits string) string {
	switch {
	case r >= 'a' && r <= 'z':
		return strings.Fields(letters)[r-'a']
	case r >= '0' && r <= '9':
		return strings.Fields(digits)[r-'0']
	default:
		return ""
	}
}

// Small letters are written large to tell them from digits, which are not.
func german(r rune) string {
	return pick(r, "Anton Berta Cäsar Dora Emil Friedrich Gustav Heinrich Ida Julius Kaufmann Ludwig Martha "+
		"Nordpol Otto Paula Quelle Richard Samuel Theodor Ulrich Viktor Wilhelm Xanthippe Ypsilon Zacharias",
		"null eins zwei drei vier fünf sechs sieben acht neun")
}

func english(r rune) string {
	return pick(r, "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike "+
		"November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu",
		"zero one two three four five six seven eight nine")
}
