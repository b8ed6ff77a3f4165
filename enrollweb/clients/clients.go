// Package clients knows the programs that sync calendars and contacts by what
// they call themselves, the User-Agent of their requests.
//
// It is the one table of them. It proves nothing: anybody can send any
// User-Agent. So it hands on no sentence of a stranger's, only a kind of its own
// or one plain word. It decides nothing and asks nobody. Only package enrollweb
// and the packages under it use it.
package clients

import "strings"

// Other is the kind of a program that there is no recipe of its own for.
const Other = "other"

// Kinds are the kinds of program that the page has a recipe for, in the order in
// which they are offered.
func Kinds() []string {
	return []string{"iphone", "mac", "android", "thunderbird", "outlook", Other}
}

// known is a program by a mark in its User-Agent, in small letters. A name is
// given where the kind does not say enough.
type known struct{ mark, kind, name string }

// table is looked through from its beginning: the first mark that fits counts.
// What is more telling comes first. Some programs send a browser's words along,
// Apple's the same word from a phone and from a Mac.
func table() []known {
	return []known{
		{mark: "davx5", kind: "android"},
		{mark: "davdroid", kind: "android"}, // its name of old
		{mark: "thunderbird", kind: "thunderbird"},
		{mark: "lightning/", kind: "thunderbird"}, // its calendar of old
		{mark: "caldavsynchronizer", kind: "outlook"},
		{mark: "outlook", kind: "outlook"},
		{mark: "evolution", kind: Other, name: "Evolution"},
		{mark: "vdirsyncer", kind: Other, name: "vdirsyncer"},
		{mark: "akonadi", kind: Other, name: "KDE"},
		{mark: "kontact", kind: Other, name: "KDE"},
		{mark: "korganizer", kind: Other, name: "KDE"},
		{mark: "merkuro", kind: Other, name: "KDE"},
		{mark: "kde dav", kind: Other, name: "KDE"},
		{mark: "ios/", kind: "iphone"},
		{mark: "ipados/", kind: "iphone"},
		{mark: "macos/", kind: "mac"},
		{mark: "mac os x/", kind: "mac"},
		{mark: "mac_os_x/", kind: "mac"},
		{mark: "mac+os+x/", kind: "mac"},
		// Without the system's name only the part that asks is known.
		{mark: "calendaragent", kind: "mac"},
		{mark: "accountsd", kind: "mac"},
		{mark: "addressbook", kind: "mac"},
		{mark: "dataaccessd", kind: "iphone"},
	}
}

// Of tells the kind of a program, and, of Other, what it may be called: a known
// name, one plain word of its own, or "" where there is none.
func Of(agent string) (kind, name string) {
	small := strings.ToLower(agent)
	for _, k := range table() {
		if strings.Contains(small, k.mark) {
			return k.kind, k.name
		}
	}
	word, _, _ := strings.Cut(agent, "/")
	if word == "Mozilla" || !Plain(word) {
		return Other, ""
	}
	return Other, word
}

// Carried tells whether a program of that kind is one for phones and tablets.
func Carried(kind string) bool { return kind == "iphone" || kind == "android" }

// maxName is the longest word that counts as a name, in bytes.
const maxName = 24

// Plain tells whether a word can be shown as a program's name: letters of the
// alphabet, digits and dashes, and not many of them.
func Plain(word string) bool {
	return word != "" && len(word) <= maxName && !strings.ContainsFunc(word, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}
