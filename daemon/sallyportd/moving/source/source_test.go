package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const uri = "otpauth://totp/alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"

func write(t *testing.T, path, text string) string {
	t.Helper()
	path = filepath.Join(t.TempDir(), path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMistakes(t *testing.T) {
	list := write(t, "list", uri)
	for word, v := range map[string]struct {
		source Source
		path   string
	}{
		"say what it is":           {Source{}, list},
		"is not known":             {Source{Format: "yaml"}, list},
		"for --format pskc only":   {Source{Format: "csv", KeyFile: list}, list},
		"reading the key":          {Source{Format: "pskc", KeyFile: list + "x"}, list},
		"no such file":             {Source{Format: "csv"}, list + "x"},
		"is a folder":              {Source{Format: "csv"}, filepath.Dir(list)},
		"nothing to import":        {Source{Format: "otpauth"}, write(t, "empty", "# nobody\n")},
		"more than 200000 entries": {Source{Format: "otpauth"}, write(t, "long", strings.Repeat("x\n", mostEntries+1))},
		"is not UTF-8 from line 2": {Source{Format: "otpauth"}, write(t, "latin", "a\nm\xfcller\n")},
		"has no heading":           {Source{Format: "csv"}, write(t, "csv", "")},
		"is no PSKC":               {Source{Format: "pskc"}, write(t, "xml", "<a/>")},
	} {
		v.source.Warn = os.Stderr
		if all, err := v.source.Read([]string{v.path}); err == nil || !strings.Contains(err.Error(), word) || all != nil {
			t.Errorf("%d entries, %v; want %q", len(all), err, word)
		}
	}
}

func TestWhoCanReadItIsSaid(t *testing.T) {
	list := write(t, "list", uri)
	for mode, loud := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		var said strings.Builder
		if err := os.Chmod(list, mode); err != nil {
			t.Fatal(err)
		}
		all, err := Source{Format: "otpauth", Warn: &said}.Read([]string{list, list})
		if err != nil || len(all) != 2 || strings.Contains(said.String(), "others can read it") != loud {
			t.Errorf("mode %o: %d entries, %v, said %q", mode, len(all), err, said.String())
		}
	}
}

func TestAFolderOfHomes(t *testing.T) {
	secret := "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n"
	top := filepath.Dir(filepath.Dir(write(t, "alice/.google_authenticator", secret)))
	for path, text := range map[string]string{"bert": secret, "carla/notes": "x", "dora/.google_authenticator/x": "x"} {
		path = filepath.Join(top, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A link could lead to somebody else's.
	if err := os.Symlink(filepath.Join(top, "bert"), filepath.Join(top, "mallory")); err != nil {
		t.Fatal(err)
	}
	all, err := Source{Format: "google-authenticator", Warn: os.Stderr}.Read([]string{top})
	if err != nil || len(all) != 2 || all[0].Login != "alice" || all[1].Login != "bert" {
		t.Errorf("%v, %v", all, err)
	}
}
