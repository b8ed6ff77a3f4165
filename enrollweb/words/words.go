// Package words holds the messages of the page in every language, with the
// operator's own on top, and picks the language for a browser. Beside them are
// those that the answers of a check carry, so that people read the same
// everywhere, and operators have one folder for all their texts.
//
// It knows no page: keys and places to fill come from the callers, package
// enrollweb and its templates. Nothing else imports it, but the daemon's main,
// which hands the sentences of checks to the front ends, and reads the operator's
// texts once to tell of a mistake in them early.
//
// A message is added as a key in texts/de.json and texts/en.json, and in
// texts/de-du.json where the German one addresses the reader. One that counts
// something has a text for each plural form, "one" and "other", and is asked
// for with Count.
package words

import (
	"embed"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
	"golang.org/x/text/language"
)

//go:embed texts/*.json
var textFiles embed.FS

// Cookie is the name of the cookie that remembers a chosen language.
const Cookie = "lang"

// German that says "du" is a layer over the German that says "Sie": only what
// differs stands in it.
const formDu = "de-du"

// Texts are the messages of every language, the operator's changes included.
type Texts struct {
	catalogs []*Catalog
	matcher  language.Matcher
}

// Load reads the built-in messages and lays over them those of the files
// de.json, de-du.json and en.json in dir, if dir is not empty. With only, "de"
// or "en", everybody gets that language; without it each browser gets what it
// asks for, and German if it asks for none of ours. German addresses people as
// the operator wants it, "sie" or "du"; empty is "sie".
func Load(dir, only, german string) (*Texts, error) {
	if only != "" && only != "de" && only != "en" {
		return nil, fmt.Errorf("language %q is not one of de, en", only)
	}
	if german != "" && german != "sie" && german != "du" {
		return nil, fmt.Errorf("form of address %q is not one of sie, du", german)
	}
	built, err := builtIn()
	if err != nil {
		return nil, err
	}
	own, err := operators(dir, built)
	if err != nil {
		return nil, err
	}
	// Whatever the operator wrote lies over whatever we wrote. Both files of
	// the operator are read in either form, so that a mistake shows at once.
	germans := []map[string]message{built["de"], own["de"]}
	if german == "du" {
		germans = []map[string]message{built["de"], built[formDu], own["de"], own[formDu]}
	}
	all := []*Catalog{
		{Lang: "de", msg: layered(germans...), locale: localeOf("de")},
		{Lang: "en", msg: layered(built["en"], own["en"]), locale: localeOf("en")},
	}
	if at := slices.IndexFunc(all, func(c *Catalog) bool { return c.Lang == only }); at >= 0 {
		all = all[at : at+1]
		all[0].Only = true // the files of both may be there; the other's never show
	}
	var tags []language.Tag // the matcher falls back to the first
	for _, c := range all {
		tags = append(tags, language.Make(c.Lang))
	}
	return &Texts{catalogs: all, matcher: language.NewMatcher(tags)}, nil
}

// localeOf knows the plural forms and the dates of a language's texts. Our
// English is written as in Britain.
func localeOf(name string) locales.Translator {
	if name == "en" {
		return en_GB.New()
	}
	return de.New()
}

func (t *Texts) byName(lang string) *Catalog {
	for _, c := range t.catalogs {
		if c.Lang == lang {
			return c
		}
	}
	return nil
}

// Pick chooses the language: the switch on the page, then what its cookie has
// remembered, then what the browser asks for. Where the operator has fixed it, it is that one.
func (t *Texts) Pick(r *http.Request, remembered string) *Catalog {
	if c := t.byName(r.URL.Query().Get("lang")); c != nil {
		return c
	}
	if c := t.byName(remembered); c != nil {
		return c
	}
	_, at := language.MatchStrings(t.matcher, r.Header.Get("Accept-Language"))
	return t.catalogs[at]
}

// Chosen is the language that the switch on the page just asked for, or "".
func (t *Texts) Chosen(r *http.Request) string {
	if c := t.byName(r.URL.Query().Get("lang")); c != nil {
		return c.Lang
	}
	return ""
}

// formOf is the CLDR name of a plural form.
func formOf(rule locales.PluralRule) string { return strings.ToLower(rule.String()) }
