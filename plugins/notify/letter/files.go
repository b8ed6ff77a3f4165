package letter

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport/sallyport/plugins/hook/wording"
)

//go:embed texts/*.json
var textFiles embed.FS

// Words are the texts of letters in every language, the operator's changes
// included.
type Words struct {
	by map[Language]map[string]string
}

// Load reads our texts and lays over them those of mail.de.json, mail.de-du.json
// and mail.en.json in dir, if dir is not empty. With du, German calls people "du"
// and not "Sie"; mail.de.json is read in either case, and mail.de-du.json lies over
// it. An error names the file of the operator, and what is wrong there.
func Load(dir string, du bool) (Words, error) {
	files, err := wording.Folder(dir, wording.Mail)
	if err != nil {
		return Words{}, err
	}
	ours, theirs := map[string]map[string]string{}, map[string]map[string]string{}
	for _, name := range []string{"de", "de-du", "en"} {
		data, err := textFiles.ReadFile(path.Join("texts", name+".json"))
		if err == nil {
			ours[name], err = decode(data)
		}
		if err != nil {
			return Words{}, fmt.Errorf("reading the %s texts of letters: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		if theirs[name], err = decode(file.Data); err == nil {
			err = replace(ours[strings.TrimSuffix(name, "-du")], theirs[name])
		}
		if err != nil {
			return Words{}, fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	german := []map[string]string{ours["de"], theirs["de"]}
	if du {
		german = []map[string]string{ours["de"], ours["de-du"], theirs["de"], theirs["de-du"]}
	}
	return Words{map[Language]map[string]string{German: layered(german...), English: layered(ours["en"], theirs["en"])}}, nil
}

// layered lays texts over each other; the later wins.
func layered(layers ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, l := range layers {
		maps.Copy(all, l)
	}
	return all
}

func decode(data []byte) (map[string]string, error) {
	entries, err := wording.Object(data, "text")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for key, value := range entries {
		if all[key], err = wording.Text(value); err != nil {
			return nil, fmt.Errorf("text %q %w", key, err)
		}
	}
	return all, nil
}

// replace tells whether the operator's texts can stand for ours.
func replace(ours, theirs map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		sure, known := ours[key]
		if !known {
			return fmt.Errorf("there is no text %q", key)
		}
		err := wording.Fits(sure, theirs[key], "")
		if err == nil {
			err = oneLine(theirs[key])
		}
		if err != nil {
			return fmt.Errorf("text %q %w", key, err)
		}
	}
	return nil
}

// oneLine refuses what would change the lines of a letter, and what its last but
// one promises not to be there.
func oneLine(text string) error {
	small := strings.ToLower(text)
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return errors.New("holds a line break or another control character, and stands in one line")
	case strings.Contains(small, "://") || strings.Contains(small, "www."):
		return errors.New("holds a link: no mail has one, so that people trust none that has")
	default:
		return nil
	}
}
