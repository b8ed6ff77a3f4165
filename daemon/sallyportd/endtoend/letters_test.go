package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// letter is what has to stand in the letter to the people who log in, in a language.
type letter struct {
	// parts are how its parts begin, in their order.
	parts []string
	// quote finds what stands in quotation marks.
	quote *regexp.Regexp
	// said are quotations of people, and words that are explained there; all others
	// are what the page says, whole.
	said []string
}

// The letters say the same in both languages, part by part: what changes, three
// steps, what becomes of calendars, a new or lost phone, and whom to call who
// understands nothing of it. What they quote stands on the page.
func TestLetters(t *testing.T) {
	t.Parallel()
	holes := map[string][]int{}
	for lang, l := range map[string]letter{
		"de": {[]string{
			"**Betreff: Ab dem <Datum> ", "\nAb dem **<Datum>** brauchen Sie ", "**Was Sie tun**", "\n1. ", "\n2. ", "\n3. ", "**Kalender, Adressbuch, Dateien**",
			"Danach funktioniert Ihr normales Passwort in diesen Programmen nicht mehr.", "**Neues oder verlorenes Handy**", "- Neues Handy", "- Handy verloren",
			"**„Ich verstehe davon nichts.“**", "**Niemand von uns fragt Sie je nach Ihrem Passwort oder nach einem Code.**", "## Erinnerung, eine Woche vorher",
		}, regexp.MustCompile(`„([^“]*)“`), []string{"Ich verstehe davon nichts.", "App-Passwort"}},
		"en": {[]string{
			"**Subject: From <date> ", "\nFrom **<date>** you need ", "**What you do**", "\n1. ", "\n2. ", "\n3. ", "**Calendar, contacts, files**",
			"After that your normal password no longer works in these programs.", "**New or lost phone**", "- New phone", "- Phone lost",
			"**“I understand nothing of this.”**", "**Nobody from us will ever ask you for your password or a code.**", "## Reminder, a week before",
		}, regexp.MustCompile(`“([^”]*)”`), []string{"I understand nothing of this.", "app password"}},
	} {
		b, err := os.ReadFile(filepath.Join(root, "contrib/docs/letters/notice."+lang+".md"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		rest := text
		for _, part := range l.parts {
			_, after, there := strings.Cut(rest, part)
			if !there {
				t.Errorf("%s: %q is missing, or stands elsewhere", lang, part)
				continue
			}
			rest = after
		}
		for _, part := range strings.Split(text, "\n\n") {
			holes[lang] = append(holes[lang], strings.Count(part, "<"))
		}
		page, err := os.ReadFile(filepath.Join(root, "enrollweb/words/texts/"+lang+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var says map[string]any
		if err := json.Unmarshal(page, &says); err != nil {
			t.Fatal(err)
		}
		for _, m := range l.quote.FindAllStringSubmatch(text, -1) {
			quoted := strings.Join(strings.Fields(m[1]), " ")
			if slices.Contains(l.said, quoted) {
				continue
			}
			there := false
			for _, v := range says {
				s, isText := v.(string)
				there = there || isText && s == quoted
			}
			if !there {
				t.Errorf("%s: the letter quotes %q, which the page does not say", lang, quoted)
			}
		}
		if word := regexp.MustCompile(`(?i)\b(token|totp|2fa|mfa|faktor|factor)\b`).FindString(text); word != "" {
			t.Errorf("%s: the letter says %q, which the page does not", lang, word)
		}
	}
	if !slices.Equal(holes["de"], holes["en"]) {
		t.Errorf("the letters do not leave the same to fill in, paragraph by paragraph: %v and %v", holes["de"], holes["en"])
	}
}
