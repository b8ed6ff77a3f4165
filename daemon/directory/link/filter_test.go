package link

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// FuzzFilter: whatever the value, the filter keeps its shape, and the value
// comes out of it as it went in.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"alice", "*", "a)(uid=*", `\2a`, "\x00", "müller", "\xff", "{name}", ""} {
		f.Add(seed)
	}
	template, err := ParseTemplate("(uid={name})", "name")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := ldap.CompileFilter(template.Fill(map[string]string{"name": value}).text)
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if p.Tag != ldap.FilterEqualityMatch || len(p.Children) != 2 || p.Children[1].Data.String() != value {
			t.Errorf("%q came out as something else", value)
		}
	})
}

// TestOneDoorForFilters: searches are made in one place, from a Filter, and a
// Filter in one file.
func TestOneDoorForFilters(t *testing.T) {
	for _, pattern := range []string{"*.go", "../*.go", "../bergate/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for word, only := range map[string]string{"NewSearchRequest(": "conn.go", "ldap.SearchRequest{": "", "Filter{\"": "filter.go", "return Filter{": "filter.go", "q.Filter.text, ": "conn.go"} {
				if strings.Contains(string(text), word) != (file == only) && (file != only || word != "Filter{\"") {
					t.Errorf("%s: %q belongs in %q only", file, word, only)
				}
			}
		}
	}
}
