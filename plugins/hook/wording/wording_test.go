package wording

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder holds these files; a name and its text follow each other.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// One folder serves the page and the mails, and each reads its own files.
func TestFolder(t *testing.T) {
	dir := folder(t, "de.json", "page", "mail.de.json", "mail", "mail.de-du.json", "du", "en.json", "seite")
	for prefix, want := range map[string]map[string]string{
		"": {"de": "page", "en": "seite"}, Mail: {"de": "mail", "de-du": "du"},
	} {
		got, err := Folder(dir, prefix)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%q: %v, %v", prefix, got, err)
		}
		for name, data := range want {
			if string(got[name].Data) != data || got[name].Path != filepath.Join(dir, prefix+name+".json") {
				t.Errorf("%q: %s is %v", prefix, name, got[name])
			}
		}
	}
	if got, err := Folder(folder(t, "mail.fr.json", "{}", "fr.json", "{}"), Mail); err != nil || len(got) != 0 {
		t.Errorf("a hook reads %v, %v", got, err)
	}
	if got, err := Folder("", Mail); err != nil || len(got) != 0 {
		t.Errorf("no folder holds %v, %v", got, err)
	}
	for name, c := range map[string]struct{ dir, prefix, says string }{
		"of no language":        {folder(t, "fr.json", "{}"), "", "fr.json: the folder of texts may only hold"},
		"mail of no language":   {folder(t, "mail.fr.json", "{}"), "", "mail.fr.json: the folder of texts may only hold"},
		"of no form of address": {folder(t, "mail.en-du.json", "{}"), "", "may only hold"},
		"of another kind":       {folder(t, "mail.de.toml", "{}"), "", "may only hold"},
		"an editor's":           {folder(t, "de.json~", "{}"), "", "may only hold"},
		"no folder":             {filepath.Join(t.TempDir(), "away"), Mail, "reading the folder of texts"},
	} {
		if got, err := Folder(c.dir, c.prefix); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mail.de.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := Folder(dir, Mail); err == nil || !strings.Contains(err.Error(), "reading texts") {
		t.Errorf("a folder for a file: %v, %v", got, err)
	}
	if got, err := Folder(dir, ""); err != nil || len(got) != 0 {
		t.Errorf("what is not ours: %v, %v", got, err)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct{ ours, own, spare, says string }{
		{"On {when} for {login}", "{login}: {when}, {when}", "", ""},
		{"none", "none either", "", ""},
		{"{n} left", "one left", "{n}", ""},
		{"{n} left", "{n} left", "{n}", ""},
		{"On {when}", "today", "", "must have the places {when}, and has none"},
		{"On {when}", "On {When}", "", "must have the places {when}, and has {When}"},
		{"On {when}", "On { when }", "", "has { when }"},
		{"Hello", "Hello {who}", "", "must have the places none, and has {who}"},
		{"On {when}", "On {when} {", "", "a brace that stands alone"},
		{"On {when}", "On {when}}", "", "a brace that stands alone"},
		{"On {when}", "On {{when}", "", "a brace that stands alone"},
	} {
		err := Fits(c.ours, c.own, c.spare)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q for %q: %v, want %q", c.own, c.ours, err, c.says)
		}
	}
}

// What somebody has typed fills no place by itself.
func TestFill(t *testing.T) {
	if got := Fill("{a} and {b}, {c}", "a", "{b}", "b", 2); got != "{b} and 2, {c}" {
		t.Errorf("%q", got)
	}
}

func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{"a": "b"}`, `{"a": "b"} {}`, `{`, `{"a": {"b": "c"}}`, "{\"\xff\": null}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := Object(data, "text")
		if err != nil {
			return
		}
		for key, value := range all {
			if text, err := Text(value); err == nil && strings.TrimSpace(text) == "" {
				t.Errorf("%q is empty and taken", key)
			}
		}
	})
}
