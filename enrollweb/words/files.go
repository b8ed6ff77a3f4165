package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-playground/locales"

	"github.com/sallyport/sallyport/plugins/hook/wording"
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
	files, err := wording.Folder(dir, "")
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[string]message)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		if all[name], err = decodeMessages(file.Data, localeOf(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
		ours := built[strings.TrimSuffix(name, "-du")] // "du" may replace any German text
		for key, m := range all[name] {
			sure := ours[key]
			if sure == nil && strings.HasPrefix(key, "service.") {
				sure = message{plain: ""} // a service that only the operator knows
			}
			if err := replaces(key, sure, m); err != nil {
				return nil, fmt.Errorf("%s: %w", file.Path, err)
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
		if err := wording.Fits(ours[plain], text, spare); err != nil {
			return fmt.Errorf("message %q %w", key, err)
		}
	}
	return nil
}

func formNames(m message) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// decodeMessages reads one JSON object of messages and nothing after it. Each is
// a text or, where it counts, an object with a text for each plural form of the
// language.
func decodeMessages(data []byte, locale locales.Translator) (map[string]message, error) {
	entries, err := wording.Object(data, "message")
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
		text, err := wording.Text(value)
		return message{plain: text}, err
	}
	forms, err := wording.Object(value, "form")
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	want, got := make(message), make(message)
	for _, rule := range locale.PluralsCardinal() {
		want[formOf(rule)] = ""
	}
	for form, value := range forms {
		if got[form], err = wording.Text(value); err != nil {
			return nil, fmt.Errorf("in its form %q %w", form, err)
		}
	}
	if formNames(want) != formNames(got) {
		return nil, fmt.Errorf("must have the forms %s, and has %s", formNames(want), formNames(got))
	}
	return got, nil
}
