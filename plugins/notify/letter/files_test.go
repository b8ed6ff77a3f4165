package letter

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/plugins/hook/wording"
)

// own makes a folder with one file of an operator.
func own(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Both languages have the same texts with the same places, and "du" says only what
// differs from "Sie".
func TestEveryTextIsThere(t *testing.T) {
	sie, du := words(t, "", false), words(t, "", true)
	keys := slices.Sorted(maps.Keys(sie.by[German]))
	if got := slices.Sorted(maps.Keys(sie.by[English])); !slices.Equal(got, keys) {
		t.Fatalf("English has %v, German %v", got, keys)
	}
	for _, k := range keys {
		for name, other := range map[string]string{"English": sie.by[English][k], "du": du.by[German][k]} {
			if err := wording.Fits(sie.by[German][k], other, ""); err != nil {
				t.Errorf("%s: text %q %v", name, k, err)
			}
		}
	}
	data, err := textFiles.ReadFile("texts/de-du.json")
	if err != nil {
		t.Fatal(err)
	}
	differs, err := decode(data)
	if err != nil || len(differs) == 0 {
		t.Fatal(differs, err)
	}
	for k, text := range differs {
		if sie.by[German][k] == text || sie.by[German][k] == "" {
			t.Errorf("%q says nothing else to friends: %q", k, text)
		}
	}
}

// Every text of every letter can be replaced: whoever replaces all of them sends
// no word of ours.
func TestEveryTextCanBeReplaced(t *testing.T) {
	for name, d := range map[string]Desk{"de": desk(t, German), "de-du": desk(t, German), "en": desk(t, English)} {
		lang := d.Languages[0]
		var file []string
		for key, text := range words(t, "", false).by[lang] {
			marked := "X " + strings.Join(placesIn(text), " ")
			file = append(file, `"`+key+`": "`+strings.TrimSpace(marked)+`"`)
		}
		d.Words = words(t, own(t, "mail."+name+".json", "{"+strings.Join(file, ",")+"}"), name == "de-du")
		for _, k := range kinds() {
			for _, change := range []func(*Desk){func(*Desk) {}, func(d *Desk) { d.Hours = "" }, func(d *Desk) { d.Phone = "" }} {
				e := d
				change(&e)
				l, err := Write(e, news(k))
				if err != nil {
					t.Fatal(err)
				}
				rest := l.Subject + " " + l.Text
				for _, filled := range []string{"Universität Beispiel", "Jörg Müller", "mueller", "iPhone von Jörg", "+49 30 1234567", "Mo-Fr 9-17", "hilfe@example.org",
					"4. Juli 2026", "4 July 2026", "00:05", "CEST", "192.0.2.7", "2001:db8:1:2::/64"} {
					rest = strings.ReplaceAll(rest, filled, "")
				}
				if left := strings.Trim(rest, "X ."+"\n"); strings.Trim(strings.Join(strings.Fields(left), ""), "X.") != "" {
					t.Errorf("%s, kind %d: of ours is left %q", name, k, left)
				}
			}
		}
	}
}

func placesIn(text string) (all []string) {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return all
		}
		name, tail, _ := strings.Cut(after, "}")
		all, rest = append(all, "{"+name+"}"), tail
	}
}

// The file of the form of address lies over that of the language; the other
// language stays as it is.
func TestWhoseTextsShow(t *testing.T) {
	dir := own(t, "mail.de.json", `{"set_up.subject": "Fertig", "greeting": "Moin {who},"}`)
	if err := os.WriteFile(filepath.Join(dir, "mail.de-du.json"), []byte(`{"greeting": "Na, {who}?"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		du                bool
		greeting, subject string
	}{{false, "Moin Jörg Müller,", "Fertig / Authenticator app set up"}, {true, "Na, Jörg Müller?", "Fertig / Authenticator app set up"}} {
		d := desk(t, German, English)
		d.Words = words(t, dir, c.du)
		l, err := Write(d, news(SetUp))
		if err != nil || l.Subject != c.subject || !strings.Contains(l.Text, c.greeting) || !strings.Contains(l.HTML, c.greeting) || !strings.Contains(l.Text, "Hello Jörg Müller,") {
			t.Errorf("du %t: %v, %q\n%s", c.du, err, l.Subject, l.Text)
		}
	}
	d := desk(t, English)
	d.Words = words(t, own(t, "mail.en.json", `{"reset.what": "<b>{login}</b>, {when}"}`), false)
	if l, err := Write(d, news(Reset)); err != nil || strings.Contains(l.HTML, "<b>mueller") || !strings.Contains(l.HTML, "&lt;b&gt;mueller") {
		t.Errorf("%v; an operator's text became markup:\n%s", err, l.HTML)
	}
}

// Each fault names the file and what is wrong in it.
func TestFaultsOfTexts(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"mail.de.json", `{"set_up.title": "x"}`, `there is no text "set_up.title"`},
		{"mail.de-du.json", `{"setup.subject": "x"}`, `there is no text "setup.subject"`},
		{"mail.en.json", `{"set_up.what": "It was set up on {when}."}`, `text "set_up.what" must have the places {login} {when}, and has {when}`},
		{"mail.en.json", `{"greeting": "Hi {name},"}`, `text "greeting" must have the places {who}, and has {name}`},
		{"mail.en.json", `{"greeting": "Hi {who"}`, `text "greeting" must have the places {who}, and has none`},
		{"mail.en.json", `{"greeting": "Hi {who} {"}`, `text "greeting" has a brace that stands alone`},
		{"mail.en.json", `{"greeting": "Hi {{who}}"}`, `text "greeting" has a brace that stands alone`},
		{"mail.en.json", `{"set_up.subject": "a\r\nBcc: x@example.org"}`, `text "set_up.subject" holds a line break`},
		{"mail.en.json", `{"set_up.meaning": "see https://evil.example/"}`, `text "set_up.meaning" holds a link`},
		{"mail.en.json", `{"set_up.meaning": "see WWW.example.org"}`, `text "set_up.meaning" holds a link`},
		{"mail.en.json", `{"promise": ""}`, `text "promise" is empty`},
		{"mail.en.json", `{"promise": null}`, `text "promise" is empty`},
		{"mail.en.json", `{"promise": 7}`, `text "promise" is no text`},
		{"mail.en.json", `{"promise": "x", "promise": "y"}`, `text "promise" is given twice`},
		{"mail.en.json", `{"promise": "x"`, "mail.en.json: "},
		{"mail.en.json", `promise = "x"`, "not a JSON object of texts"},
		{"mail.en.json", `{} {}`, "something follows"},
	} {
		if _, err := Load(own(t, c.name, c.text), false); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want it to name the file and say %q", c.text, err, c.says)
		}
	}
	// What the page reads is not ours.
	if _, err := Load(own(t, "de.json", `{"signin.title": "x"}`), false); err != nil {
		t.Error(err)
	}
}
