package words

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T) map[string]*Catalog {
	t.Helper()
	texts, err := Load("", "")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Catalog{"de": texts.byName("de"), "en": texts.byName("en")}
}

func keys(c *Catalog) []string {
	var all []string
	for key := range c.msg {
		all = append(all, key)
	}
	sort.Strings(all)
	return all
}

// sources is everything that can name a message: templates and handlers.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../look/templates/*.html", "../*.go", "../*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
	}
	return all.String()
}

// composed are keys made of a fixed start and a word that the code knows.
func composed(key string) bool {
	for _, start := range []string{"program.", "recipe.", "service.", "note.", "drift."} {
		if strings.HasPrefix(key, start) {
			return true
		}
	}
	return strings.HasSuffix(key, ".title") || strings.HasSuffix(key, "_one")
}

func TestEveryMessageIsThereAndUsed(t *testing.T) {
	src := sources(t)
	all := load(t)
	if de, en := keys(all["de"]), keys(all["en"]); strings.Join(de, "\n") != strings.Join(en, "\n") {
		t.Fatalf("the languages have different keys:\n%v\n%v", de, en)
	}
	for key := range all["de"].msg {
		if !strings.Contains(src, `"`+key+`"`) && !composed(key) {
			t.Errorf("message %q is used nowhere", key)
		}
	}
	for _, m := range regexp.MustCompile(`\.T "([^"]+)"`).FindAllStringSubmatch(src, -1) {
		if _, ok := all["de"].msg[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("a page names message %q, which there is not", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?:\.T\(|Title: |refused\([^"()]*, |[mM]essage\([^"()]*, )"([a-z_.]+)"`).FindAllStringSubmatch(src, -1) {
		_, ok := all["de"].msg[m[1]]
		_, titled := all["de"].msg[m[1]+".title"]
		if !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("a handler names message %q, which there is not", m[1])
		}
		if strings.Contains(strings.ToLower(m[0]), "message(") && !titled {
			t.Errorf("the page %q has no title", m[1])
		}
	}
}

func TestEveryMessageIsTranslatedWithTheSamePlaces(t *testing.T) {
	all := load(t)
	alike := map[string]bool{"program.mac": true, "program.android": true, "program.thunderbird": true, "program.outlook": true}
	place := regexp.MustCompile(`\{[a-z]+\}`)
	places := func(s string) string {
		found := place.FindAllString(s, -1)
		sort.Strings(found)
		return strings.Join(found, "")
	}
	for key, de := range all["de"].msg {
		en := all["en"].msg[key]
		if de == "" || en == "" || (de == en && !alike[key]) {
			t.Errorf("%s is not translated: %q, %q", key, de, en)
		}
		if places(de) != places(en) {
			t.Errorf("%s has different places: %q, %q", key, de, en)
		}
	}
}

// One word for one thing, and none of the words that people stumble over.
func TestWords(t *testing.T) {
	never := regexp.MustCompile(`(?i)\b(totp|otp|tokens?|secrets?|seeds?|kennw(o|ö)rt\w*|einmal-?pass\w*|backup-?codes?|scratch-?codes?|master-?pass\w*|2fa-?apps?|google authenticator|admin-?codes?|geräteschlüssel|16-stellig\w*|administrator\w*|zwei-faktor\w*|two-factor|verification code)\b`)
	single := map[string]*regexp.Regexp{
		"de": regexp.MustCompile(`(?i)(\bschlüssel\b(?: eingeben)?|passwörter und codes|sicherheitscode|anwendungspasswort|wiederherstellung)`),
		"en": regexp.MustCompile(`(?i)(\brecovery|application password|app-specific|security code|\bpasscode)`),
	}
	for lang, c := range load(t) {
		for key, text := range c.msg {
			if bad := never.FindString(text); bad != "" {
				t.Errorf("%s %s says %q", lang, key, bad)
			}
			// What other people's apps call their menus is theirs to name.
			if bad := single[lang].FindString(text); bad != "" && bad != "Schlüssel eingeben" {
				t.Errorf("%s %s says %q, a second word for one thing", lang, key, bad)
			}
			if strings.Contains(text, "...") || strings.Contains(text, `"`) || strings.Contains(text, "  ") {
				t.Errorf("%s %s is badly typeset: %s", lang, key, text)
			}
		}
	}
}

func TestOverride(t *testing.T) {
	write := func(name, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	texts, err := Load(write("de.json", `{"signin.title": "Hereinspaziert"}`), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := texts.byName("de").T("signin.title"); got != "Hereinspaziert" {
		t.Errorf("override = %q", got)
	}
	if got := texts.byName("en").T("signin.title"); got != "Sign in" {
		t.Errorf("the other language says %q", got)
	}
	if _, err := Load(write("en.json", "{\"date.day\": \"{month} {d}, {y} ({y})\"} \n"), ""); err != nil {
		t.Errorf("places in another order, and one of them twice: %v", err)
	}
	for name, tc := range map[string][3]string{
		"unknown key":  {"de.json", `{"sign.title": "x"}`, `no message "sign.title"`},
		"twice":        {"de.json", `{"next": "x", "next": "y"}`, "given twice"},
		"no text":      {"de.json", `{"next": 7}`, `message "next"`},
		"not JSON":     {"en.json", `next = "x"`, "not a JSON object"},
		"cut off":      {"en.json", `{"next": "x"`, "en.json"},
		"two objects":  {"en.json", `{"next": "x"} {"back_home": "y"}`, "something follows"},
		"a tail":       {"en.json", `{"next": "x"}}`, "something follows"},
		"null":         {"en.json", `{"next": null}`, `message "next" is empty`},
		"empty":        {"en.json", `{"next": ""}`, `message "next" is empty`},
		"blank":        {"en.json", `{"next": " "}`, `message "next" is empty`},
		"lost place":   {"en.json", `{"home.codes_left": "You have some left."}`, `must have the places {n}, and has none`},
		"wrong place":  {"en.json", `{"home.codes_left": "You have {N} left."}`, `must have the places {n}, and has {N}`},
		"new place":    {"en.json", `{"next": "On, {name}"}`, `must have the places none, and has {name}`},
		"other file":   {"fr.json", `{}`, "only hold"},
		"other suffix": {"de.toml", ``, "only hold"},
	} {
		if _, err := Load(write(tc[0], tc[1]), ""); err == nil || !strings.Contains(err.Error(), tc[2]) {
			t.Errorf("%s: error %v, want one about %q", name, err, tc[2])
		}
	}
}

func TestSentencesOfTime(t *testing.T) {
	en, de := load(t)["en"], load(t)["de"]
	for _, tc := range []struct{ got, want string }{
		{en.Drift(0), ""},
		{de.Drift(-3 * time.Minute), "Ihr Handy geht etwa 3 Minuten nach. Schalten Sie dort „Uhrzeit automatisch“ ein."},
		{en.Drift(170 * time.Second), "Your phone is about 3 minutes fast. Switch on “set time automatically” there."},
		{en.Drift(-40 * time.Second), "Your phone is about one minute slow. Switch on “set time automatically” there."},
		{en.Wait(0), "Too many tries. Please wait a moment, then try again."},
		{en.Wait(29500 * time.Millisecond), "Too many tries. Please wait 30 seconds, then try again."},
		{en.Wait(61 * time.Minute), "Too many tries. Please wait 61 minutes, then try again."},
		{de.Day(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)), "5. März 2026"},
		{en.Day(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)), "31 December 2026"},
		{en.ServiceName("dav"), "Calendar and contacts"},
		{en.ServiceName("wiki"), "wiki"},
		{en.T("no.such.message"), "no.such.message"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func FuzzPick(f *testing.F) {
	for _, seed := range []string{"de", "en-US,en;q=0.5", "*", ";;;", "x-klingon", strings.Repeat("de,", 500)} {
		f.Add(seed)
	}
	texts, err := Load("", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Accept-Language"] = []string{accept}
		if c := texts.Pick(r, accept); c == nil {
			t.Fatal("no language")
		}
	})
}
