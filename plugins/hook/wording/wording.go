// Package wording reads the files in which an operator replaces texts that people
// read, of the page and of mails: flat JSON objects, one a language, all in one
// folder. It is strict, because a text with a mistake would never show, or show
// without what belongs into it.
//
// It knows no text and no key, and writes nothing. It imports the standard library
// only. The page and hooks that write to people may call it.
package wording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Mail is how the names of the files begin that replace texts of mails.
const Mail = "mail."

// File is one of the operator's files.
type File struct {
	Path string
	Data []byte
}

// Folder reads the files of the texts whose names begin with prefix, which is
// empty for the page: de.json, de-du.json and en.json, by "de", "de-du" and "en".
// No folder holds none. A file that is none of those, with whatever prefix, is an
// error for the page, which is there wherever the folder is; hooks pass it over, so
// that it is told once.
func Folder(dir, prefix string) (map[string]File, error) {
	all := make(map[string]File)
	if dir == "" {
		return all, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of texts: %w", err)
	}
	for _, f := range files {
		own, ofMail := strings.CutPrefix(f.Name(), Mail)
		file := File{Path: filepath.Join(dir, f.Name())}
		name, isJSON := strings.CutSuffix(own, ".json")
		known := isJSON && slices.Contains([]string{"de", "de-du", "en"}, name)
		if !known && prefix == "" {
			return nil, fmt.Errorf("%s: the folder of texts may only hold de.json, de-du.json and en.json, and for mails the same with %q before them", file.Path, Mail)
		}
		if !known || ofMail != (prefix == Mail) {
			continue
		}
		if file.Data, err = os.ReadFile(file.Path); err != nil {
			return nil, fmt.Errorf("reading texts: %w", err)
		}
		all[name] = file
	}
	return all, nil
}

// Object reads one flat JSON object and nothing after it; what is the word for an
// entry. A key given twice is an error, because one of the two would never show.
func Object(data []byte, what string) (map[string]json.RawMessage, error) {
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

// Text reads one text. An empty one is refused: a button without a word helps
// nobody.
func Text(value json.RawMessage) (string, error) {
	var text *string // null would leave a string as it was: empty
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("is no text: %w", err)
	}
	if text == nil || strings.TrimSpace(*text) == "" {
		return "", errors.New("is empty: leave it out to keep the built-in text")
	}
	return *text, nil
}

// Fits tells whether own can stand for ours: it needs the same {name} places, in
// any order and as often as it likes. The place spare, if not empty, may be there
// or not.
func Fits(ours, own, spare string) error {
	if want, got := places(ours, spare), places(own, spare); want != got {
		return fmt.Errorf("must have the places %s, and has %s: what stands in braces is filled by the program, and has to be there unchanged", want, got)
	}
	if rest := place().ReplaceAllString(own, ""); strings.ContainsAny(rest, "{}") {
		return errors.New("has a brace that stands alone: write {name} for a place, and no brace else")
	}
	return nil
}

// Fill puts all values into their places at once; pairs are name and value. What
// looks like a place in a value, the name of a device perhaps, stays as it is.
func Fill(text string, pairs ...any) string {
	var swap []string
	for i := 0; i+1 < len(pairs); i += 2 {
		swap = append(swap, fmt.Sprintf("{%s}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(swap...).Replace(text)
}

func place() *regexp.Regexp { return regexp.MustCompile(`\{[^{}]*\}`) }

// places are the {name} places of a text but spare, each once and sorted, or
// "none".
func places(text, spare string) string {
	found := place().FindAllString(text, -1)
	found = slices.DeleteFunc(found, func(p string) bool { return p == spare })
	if len(found) == 0 {
		return "none"
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}
