// Package words holds the messages of the page in every language, with the
// operator's own on top, and picks the language for a browser.
//
// It knows no page: keys and places to fill come from the callers, package
// enrollweb and its templates. Nothing else imports it, but the daemon's main,
// which reads the operator's texts once to tell of a mistake in them early.
package words

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed texts/*.json
var textFiles embed.FS

// Cookie is the name of the cookie that remembers a chosen language.
const Cookie = "lang"

// Texts are the messages of every language, the operator's changes included.
type Texts struct {
	catalogs []*Catalog
	matcher  language.Matcher
}

// Catalog is one language.
type Catalog struct {
	// Lang is the BCP 47 tag, for the lang attribute.
	Lang string
	// Only means that there is no other to switch to.
	Only bool
	msg  map[string]string
}

// Load reads the built-in messages and lays over them those of the files
// de.json and en.json in dir, if dir is not empty. With only, "de" or "en",
// everybody gets that language; without it each browser gets what it asks for,
// and German if it asks for none of ours.
func Load(dir, only string) (*Texts, error) {
	langs := []string{"de", "en"}
	if only != "" && !slices.Contains(langs, only) {
		return nil, fmt.Errorf("language %q is not one of %s", only, strings.Join(langs, ", "))
	}
	t := &Texts{}
	var tags []language.Tag // the matcher falls back to the first
	for _, lang := range langs {
		data, err := textFiles.ReadFile(path.Join("texts", lang+".json"))
		if err != nil {
			return nil, fmt.Errorf("reading the %s messages: %w", lang, err)
		}
		c := &Catalog{Lang: lang}
		if c.msg, err = decodeMessages(data); err != nil {
			return nil, fmt.Errorf("reading the %s messages: %w", lang, err)
		}
		t.catalogs, tags = append(t.catalogs, c), append(tags, language.Make(lang))
	}
	t.matcher = language.NewMatcher(tags)
	if err := t.override(dir); err != nil {
		return nil, err
	}
	if c := t.byName(only); c != nil {
		// The files of both may be there; the other one's never show.
		c.Only = true
		t.catalogs, t.matcher = []*Catalog{c}, language.NewMatcher([]language.Tag{language.Make(only)})
	}
	return t, nil
}

// override reads the operator's files. A file or key that we do not know is an
// error: it would be a text that silently never shows.
func (t *Texts) override(dir string) error {
	if dir == "" {
		return nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the folder of texts: %w", err)
	}
	for _, f := range files {
		file := filepath.Join(dir, f.Name())
		c := t.byName(strings.TrimSuffix(f.Name(), ".json"))
		if c == nil || !strings.HasSuffix(f.Name(), ".json") {
			return fmt.Errorf("%s: the folder of texts may only hold de.json and en.json", file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading texts: %w", err)
		}
		own, err := decodeMessages(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for key, text := range own {
			was, known := c.msg[key]
			if !known {
				return fmt.Errorf("%s: there is no message %q", file, key)
			}
			if want, got := places(was), places(text); want != got {
				return fmt.Errorf("%s: message %q must have the places %s, and has %s: what stands in braces is filled by the page, and has to be there unchanged", file, key, want, got)
			}
			c.msg[key] = text
		}
	}
	return nil
}

// places are the {name} places of a text, each once and sorted, or "none".
func places(text string) string {
	found := regexp.MustCompile(`\{[^{}]*\}`).FindAllString(text, -1)
	if len(found) == 0 {
		return "none"
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

// decodeMessages reads one flat JSON object of texts and nothing after it. A key
// given twice is an error, because one of the two would never show; so is an
// empty text, because a button without a word helps nobody.
func decodeMessages(data []byte) (map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object of messages")
	}
	msg := make(map[string]string)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var text *string // null would leave a string as it was: empty
		if err := dec.Decode(&text); err != nil {
			return nil, fmt.Errorf("message %q: %w", key, err)
		}
		if text == nil || strings.TrimSpace(*text) == "" {
			return nil, fmt.Errorf("message %q is empty: leave it out to keep the built-in text", key)
		}
		name, _ := key.(string)
		if _, twice := msg[name]; twice {
			return nil, fmt.Errorf("message %q is given twice", name)
		}
		msg[name] = *text
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the closing brace: one JSON object is wanted, and nothing after it")
	}
	return msg, nil
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

// T is a message; pairs of name and value fill its {name} places.
func (c *Catalog) T(key string, pairs ...any) string {
	text, ok := c.msg[key]
	if !ok {
		return key
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%s}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return text
}

// ServiceName is the word for a service, or its name where we have none.
func (c *Catalog) ServiceName(name string) string {
	if text, ok := c.msg["service."+name]; ok {
		return text
	}
	return name
}

// Day is a date as people say it.
func (c *Catalog) Day(t time.Time) string {
	month := strconv.Itoa(int(t.Month()))
	if names := strings.Fields(c.msg["date.months"]); len(names) == 12 {
		month = names[t.Month()-1]
	}
	return c.T("date.day", "d", t.Day(), "month", month, "y", t.Year())
}

// Drift tells how far the phone's clock is off, or "" where it is not.
func (c *Catalog) Drift(d time.Duration) string {
	key := "drift.slow"
	if d > 0 {
		key = "drift.fast"
	}
	n := int(d.Abs().Round(time.Minute) / time.Minute)
	switch {
	case d == 0:
		return ""
	case n <= 1:
		return c.T(key + "_one")
	default:
		return c.T(key, "n", n)
	}
}

// Wait says how long to wait, rounded up so that nobody comes too early.
func (c *Catalog) Wait(d time.Duration) string {
	switch s := seconds(d); {
	case s <= 0:
		return c.T("throttled")
	case s < 90:
		return c.T("throttled.seconds", "n", s)
	default:
		return c.T("throttled.minutes", "n", (s+59)/60)
	}
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
