package words

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-playground/locales"
)

// layered lays messages over each other; the later wins.
func layered(layers ...map[string]message) map[string]message {
	all := make(map[string]message)
	for _, l := range layers {
		maps.Copy(all, l)
	}
	return all
}

// builtIn reads our own messages: those of each language, and what the German
// that says "du" says differently.
func builtIn() (map[string]map[string]message, error) {
	all := make(map[string]map[string]message)
	for _, name := range []string{"de", formDu, "en"} {
		data, err := textFiles.ReadFile(path.Join("texts", name+".json"))
		if err == nil {
			all[name], err = decodeMessages(data, localeOf(name))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the %s messages: %w", name, err)
		}
	}
	return all, nil
}

// operators reads the operator's files. A file or key that we do not know is an
// error: it would be a text that silently never shows.
func operators(dir string, built map[string]map[string]message) (map[string]map[string]message, error) {
	all := make(map[string]map[string]message)
	if dir == "" {
		return all, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of texts: %w", err)
	}
	for _, f := range files {
		file := filepath.Join(dir, f.Name())
		name, isJSON := strings.CutSuffix(f.Name(), ".json")
		if built[name] == nil || !isJSON {
			return nil, fmt.Errorf("%s: the folder of texts may only hold de.json, de-du.json and en.json", file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading texts: %w", err)
		}
		if all[name], err = decodeMessages(data, localeOf(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		ours := built[strings.TrimSuffix(name, "-du")] // "du" may replace any German text
		for key, m := range all[name] {
			sure := ours[key]
			if sure == nil && strings.HasPrefix(key, "service.") {
				sure = message{plain: ""} // a service that only the operator knows
			}
			if err := replaces(key, sure, m); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return all, nil
}

// replaces tells whether the operator's message can stand for ours.
func replaces(key string, ours, own message) error {
	switch {
	case ours == nil:
		return fmt.Errorf("there is no message %q", key)
	case len(ours) == 1 && len(own) > 1:
		return fmt.Errorf("message %q counts nothing: give one text for it, in quotes", key)
	case len(ours) > 1 && len(own) == 1:
		return fmt.Errorf("message %q tells how many: give it a text for each of %s", key, formNames(ours))
	}
	for form, text := range own {
		// "one" may say it in a word, so that the number needs no place.
		spare := "{n}"
		if form == plain {
			spare = ""
		}
		if err := travels(key, text); err != nil {
			return fmt.Errorf("message %q %w", key, err)
		}
		if want, got := places(ours[plain], spare), places(text, spare); want != got {
			return fmt.Errorf("message %q must have the places %s, and has %s: what stands in braces is filled by the page, and has to be there unchanged", key, want, got)
		}
	}
	return nil
}

// places are the {name} places of a text but spare, each once and sorted, or
// "none".
func places(text, spare string) string {
	found := regexp.MustCompile(`\{[^{}]*\}`).FindAllString(text, -1)
	found = slices.DeleteFunc(found, func(p string) bool { return p == spare })
	if len(found) == 0 {
		return "none"
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

func formNames(m message) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// decodeMessages reads one JSON object of messages and nothing after it. Each is
// a text or, where it counts, an object with a text for each plural form of the
// language.
func decodeMessages(data []byte, locale locales.Translator) (map[string]message, error) {
	entries, err := object(data, "message")
	if err != nil {
		return nil, err
	}
	all := make(map[string]message)
	for key, value := range entries {
		if all[key], err = decodeMessage(value, locale); err != nil {
			return nil, fmt.Errorf("message %q %w", key, err)
		}
	}
	return all, nil
}

func decodeMessage(value json.RawMessage, locale locales.Translator) (message, error) {
	if value[0] != '{' {
		text, err := decodeText(value)
		return message{plain: text}, err
	}
	forms, err := object(value, "form")
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	want, got := make(message), make(message)
	for _, rule := range locale.PluralsCardinal() {
		want[formOf(rule)] = ""
	}
	for form, value := range forms {
		if got[form], err = decodeText(value); err != nil {
			return nil, fmt.Errorf("in its form %q %w", form, err)
		}
	}
	if formNames(want) != formNames(got) {
		return nil, fmt.Errorf("must have the forms %s, and has %s", formNames(want), formNames(got))
	}
	return got, nil
}

// decodeText refuses an empty text, because a button without a word helps
// nobody.
func decodeText(value json.RawMessage) (string, error) {
	var text *string // null would leave a string as it was: empty
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("is no text: %w", err)
	}
	if text == nil || strings.TrimSpace(*text) == "" {
		return "", errors.New("is empty: leave it out to keep the built-in text")
	}
	return *text, nil
}

// object reads one flat JSON object and nothing after it. A key given twice is
// an error, because one of the two would never show.
func object(data []byte, what string) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object of %ss", what)
	}
	all := make(map[string]json.RawMessage)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%s %q: %w", what, key, err)
		}
		name, _ := key.(string)
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%s %q is given twice", what, name)
		}
		all[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the closing brace: one JSON object is wanted, and nothing after it")
	}
	return all, nil
}
