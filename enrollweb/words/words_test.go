package words

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// load is every language of the page, German in both forms of address.
func load(t *testing.T) map[string]*Catalog {
	t.Helper()
	sie, err := Load("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	du, err := Load("", "", "du")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Catalog{"de": sie.byName("de"), "de-du": du.byName("de"), "en": sie.byName("en")}
}

func keys(c *Catalog) []string {
	var all []string
	for key, m := range c.msg {
		all = append(all, key+" ("+formNames(m)+")")
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

// starts are the fixed starts of keys, which the source puts a word after.
func starts(src string) []string {
	var all []string
	start := regexp.MustCompile(`(?:print |\+ ?)"([a-z]+\.[a-z_.]*)"|"([a-z]+\.[a-z_.]*)" ?\+`)
	for _, m := range start.FindAllStringSubmatch(src, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// composed tells whether the code makes the key of one of these starts and a word
// that it knows; or of a message and ".title".
func composed(src, key string, starts []string) bool {
	if slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(key, s) }) {
		return true
	}
	base, isTitle := strings.CutSuffix(key, ".title")
	return isTitle && strings.Contains(src, `"`+base+`"`)
}

func TestEveryMessageIsThereAndUsed(t *testing.T) {
	src := sources(t)
	all, begun := load(t), starts(src)
	de := strings.Join(keys(all["de"]), "\n")
	for lang, c := range all {
		if got := strings.Join(keys(c), "\n"); got != de {
			t.Fatalf("%s has other keys or plural forms than de:\n%s\n\n%s", lang, got, de)
		}
	}
	for key, m := range all["de"].msg {
		counted := strings.Contains(src, `Count("`+key+`"`) || strings.Contains(src, `Count "`+key+`"`) || strings.Contains(src, `key = "`+key+`"`) || strings.Contains(src, `key := "`+key+`"`)
		if named := strings.Contains(src, `T "`+key+`"`) || strings.Contains(src, `T("`+key+`"`); len(m) > 1 && (named || !counted) {
			t.Errorf("message %q has plural forms: it must be asked for with Count, and only so", key)
		}
		if !strings.Contains(src, `"`+key+`"`) && !composed(src, key, begun) && !strings.HasPrefix(key, ofChecks) {
			t.Errorf("message %q is used nowhere", key)
		}
	}
	for _, m := range regexp.MustCompile(`\.(?:T|Count) "([^"]+)"`).FindAllStringSubmatch(src, -1) {
		if _, ok := all["de"].msg[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("a page names message %q, which there is not", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?:\.T\(|\.Count\(|Title: |refused\([^"()]*, |[mM]essage\([^"()]*, )"([a-z_.]+)"`).FindAllStringSubmatch(src, -1) {
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
	alike := map[string]bool{"program.mac": true, "program.android": true, "program.thunderbird": true, "program.outlook": true, "begin.aegis_name": true, "begin.2fas_name": true}
	for key, de := range all["de"].msg {
		en := all["en"].msg[key]
		for form := range de {
			if de[form] == en[form] && !alike[key] {
				t.Errorf("%s is not translated: %q", key, de[form])
			}
		}
		for lang, c := range all {
			if err := replaces(key, de, c.msg[key]); err != nil {
				t.Errorf("%s: %v", lang, err)
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
	texts, err := Load(write("de.json", `{"signin.title": "Hereinspaziert"}`), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := texts.byName("de").T("signin.title"); got != "Hereinspaziert" {
		t.Errorf("override = %q", got)
	}
	if got := texts.byName("en").T("signin.title"); got != "Sign in" {
		t.Errorf("the other language says %q", got)
	}
	for what, text := range map[string]string{
		"places in another order, and one of them twice": "{\"used.at\": \"{time} on {day} ({day})\"} \n",
		"a number in every form":                         `{"home.codes_left": {"other": "{n} left", "one": "{n} left"}}`,
	} {
		if _, err := Load(write("en.json", text), "", ""); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if texts, err = Load(write("de.json", `{"service.wiki": "Das Wiki"}`), "", ""); err != nil {
		t.Fatal(err)
	}
	if de, en := texts.byName("de").ServiceName("wiki"), texts.byName("en").ServiceName("wiki"); de != "Das Wiki" || en != "wiki" {
		t.Errorf("a service of the operator's own is called %q and %q", de, en)
	}
	for name, tc := range map[string][3]string{
		"own place":    {"de.json", `{"service.wiki": "{name}"}`, "must have the places none"},
		"own plural":   {"de.json", `{"service.wiki": {"one": "x", "other": "y"}}`, "counts nothing"},
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
		"lost place":   {"en.json", `{"used.from": "some network"}`, `must have the places {net}, and has none`},
		"wrong place":  {"en.json", `{"used.from": "network {Net}"}`, `must have the places {net}, and has {Net}`},
		"new place":    {"en.json", `{"next": "On, {name}"}`, `must have the places none, and has {name}`},
		"lost number":  {"en.json", `{"home.codes_left": {"one": "One left.", "other": "Some left."}}`, `must have the places {n}, and has none`},
		"new in one":   {"en.json", `{"home.codes_left": {"one": "One left, {name}.", "other": "{n} left."}}`, `must have the places none, and has {name}`},
		"no plural":    {"en.json", `{"home.codes_left": "{n} left."}`, `for each of one, other`},
		"a plural":     {"en.json", `{"next": {"one": "x", "other": "y"}}`, `counts nothing`},
		"half":         {"en.json", `{"home.codes_left": {"other": "{n} left."}}`, `must have the forms one, other, and has other`},
		"third form":   {"en.json", `{"home.codes_left": {"one": "x", "few": "{n}", "other": "{n}"}}`, `must have the forms one, other, and has few, one, other`},
		"one twice":    {"en.json", `{"home.codes_left": {"one": "x", "one": "y", "other": "{n}"}}`, `message "home.codes_left" cannot be read: form "one" is given twice`},
		"one empty":    {"en.json", `{"home.codes_left": {"one": " ", "other": "{n}"}}`, `in its form "one" is empty`},
		"a list":       {"en.json", `{"next": ["x"]}`, `message "next" is no text`},
		"du, unknown":  {"de-du.json", `{"sign.title": "x"}`, `no message "sign.title"`},
		"du, places":   {"de-du.json", `{"used.from": "x"}`, `must have the places {net}`},
		"du of no one": {"en-du.json", `{}`, "only hold"},
		"other file":   {"fr.json", `{}`, "only hold"},
		"other mail":   {"mail.fr.json", `{}`, "only hold"},
		"other suffix": {"de.toml", ``, "only hold"},
	} {
		if _, err := Load(write(tc[0], tc[1]), "", ""); err == nil || !strings.Contains(err.Error(), tc[2]) {
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
		{de.Drift(time.Second), "Ihr Handy geht etwa eine Minute vor. Schalten Sie dort „Uhrzeit automatisch“ ein."},
		{en.Drift(-40 * time.Second), "Your phone is about one minute slow. Switch on “set time automatically” there."},
		{en.Wait(0), "Too many tries. Please wait a moment, then try again."},
		{en.Wait(900 * time.Millisecond), "Too many tries. Please wait one second, then try again."},
		{de.Wait(time.Second), "Zu viele Versuche. Bitte warten Sie eine Sekunde und versuchen Sie es dann noch einmal."},
		{en.Wait(89500 * time.Millisecond), "Too many tries. Please wait 2 minutes, then try again."},
		{en.Count("home.codes_few", 1), "You have only one emergency code left. Make new ones now."},
		{en.Count("home.codes_few", 2), "You have only 2 emergency codes left. Make new ones now."},
		{de.Count("home.codes_left", 0), "Sie haben noch 0 Notfallcodes."},
		{de.Count("home.title", 1), "Übersicht"},
		{en.Count("no.such.message", 1), "no.such.message"},
		{en.T("used.at", "day", "{time}", "time", "{day}"), "{time}, {day}"},
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

// The year as people write it, month by month.
func TestMonths(t *testing.T) {
	names := map[string]string{
		"de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
		"en": "January February March April May June July August September October November December",
	}
	between := map[string]string{"de": ". ", "en": " "}
	for lang, c := range map[string]*Catalog{"de": load(t)["de-du"], "en": load(t)["en"]} {
		for i, name := range strings.Fields(names[lang]) {
			want := fmt.Sprintf("%d%s%s 2026", i+1, between[lang], name)
			if got := c.Day(time.Date(2026, time.Month(i+1), i+1, 12, 0, 0, 0, time.UTC)); got != want {
				t.Errorf("%s: %q, want %q", lang, got, want)
			}
		}
	}
}

func FuzzPick(f *testing.F) {
	for _, seed := range []string{"de", "en-US,en;q=0.5", "*", ";;;", "x-klingon", strings.Repeat("de,", 500)} {
		f.Add(seed)
	}
	texts, err := Load("", "", "")
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
