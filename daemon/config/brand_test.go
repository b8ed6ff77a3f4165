package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An operator's colour and logo are looked at before anybody sees the page: what
// is wrong is told with its line, and what would do.
func TestBrand(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"good.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`, "bad.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "c.toml")
	for lines, want := range map[string][]string{
		"accent = \"#0d5c55\"\nlogo = \"good.svg\"": nil,
		"accent = \"#ffcc00\"":                      {"page.accent", "too light", "contrast of 1.3", `accent = "#856a00"`},
		"accent = \"#0066ee\"":                      {"page.accent", "contrast of 4.41", `accent = "#`},
		"accent = \"teal\"":                         {"page.accent", `"teal" is not a colour`, `accent = "#0d5c55"`},
		"accent = \"#0d5c55;}\"":                    {"page.accent", "is not a colour"},
		"logo = \"bad.svg\"":                        {"page.logo", "<script>", "plain SVG"},
		"logo = \"none.svg\"":                       {"page.logo", "no such file"},
	} {
		text := strings.Replace(base, "[page]\n", "[page]\n"+lines+"\n", 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path, Machine{})
		var got string
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if strings.Contains(line, "page.") {
					got += line + "\n"
				}
			}
		}
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: got %q, want %q", lines, got, w)
			}
		}
		if want == nil && (err != nil || (cfg.Page.Brand.Accent != "#0d5c55" || cfg.Page.Brand.Logo != filepath.Join(dir, "good.svg"))) {
			t.Errorf("%s: got %v, %+v", lines, err, cfg)
		}
	}
}
