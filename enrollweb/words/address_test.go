package words

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// In our texts a capital Sie or Ihr always speaks to the reader; "they" at the
// start of a sentence is said with another word.
var (
	saysSie = regexp.MustCompile(`(^|[^\pL])(Sie|Ihnen|Ihr|Ihre[mnrs]?)($|[^\pL])`)
	saysDu  = regexp.MustCompile(`(?i)(^|[^\pL])(du|dich|dir|dein|deine[mnrs]?)($|[^\pL])`)
)

// The operator's choice reaches every German message, and no other.
func TestFormOfAddress(t *testing.T) {
	built, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for key, m := range built[formDu] {
		sie := built["de"][key]
		if err := replaces(key, sie, m); err != nil {
			t.Errorf("de-du: %v", err)
		}
		if maps.Equal(sie, m) {
			t.Errorf("de-du says %s as de does: leave it out", key)
		}
	}
	all := load(t)
	for key := range all["de"].msg {
		for form, text := range all["de"].msg[key] {
			if saysDu.MatchString(text) {
				t.Errorf("de %s says du: %s", key, text)
			}
			if text := all["de-du"].msg[key][form]; saysSie.MatchString(text) {
				t.Errorf("%s has no text in de-du, or one that says Sie: %s", key, text)
			}
		}
	}
	if got := all["de-du"].Lang; got != "de" {
		t.Errorf("the lang attribute is %q", got)
	}
	if got, want := all["de-du"].T("signin.password"), "Dein normales Passwort"; got != want {
		t.Errorf("du says %q", got)
	}
	texts, err := Load("", "", "sie")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts.byName("de").T("signin.password"), "Ihr normales Passwort"; got != want {
		t.Errorf("sie says %q", got)
	}
	if _, err := Load("", "", "Du"); err == nil || !strings.Contains(err.Error(), `"Du" is not one of sie, du`) {
		t.Errorf("a third form: %v", err)
	}
}

// What the operator wrote lies over what we wrote; de-du.json is for "du" only
// and goes before de.json.
func TestOverrideOfDu(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"de.json":    `{"signin.title": "Eintritt", "signin.password": "Uni-Passwort", "bye": "Tschüs"}`,
		"de-du.json": `{"signin.title": "Komm rein", "signin.name": "Wie heißt du?"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for german, want := range map[string][]string{
		"sie": {"Eintritt", "Anmeldename", "Uni-Passwort", "Tschüs", "Ihre Notfallcodes"},
		"du":  {"Komm rein", "Wie heißt du?", "Uni-Passwort", "Tschüs", "Deine Notfallcodes"},
	} {
		texts, err := Load(dir, "", german)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{"signin.title", "signin.name", "signin.password", "bye", "codes.title"} {
			if got := texts.byName("de").T(key); got != want[i] {
				t.Errorf("%s: %s is %q, want %q", german, key, got, want[i])
			}
		}
		if got := texts.byName("en").T("signin.title"); got != "Sign in" {
			t.Errorf("%s: English says %q", german, got)
		}
	}
}
