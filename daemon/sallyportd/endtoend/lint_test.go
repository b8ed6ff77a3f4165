package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lint looks at the files that are there, with or without git, and never calls
// what it has not seen formatted.
func TestLintLooksAtFiles(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(root, ".ci/lint"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, text, want string }{
		"nothing there":      {"README.md", "", "no Go files here"},
		"unformatted":        {"a/b.go", "package  b\n", "not formatted, run gofmt -w on:\n./a/b.go"},
		"not Go at all":      {"a/b.go", "pakage b\n", "expected 'package'"},
		"in a tool's folder": {".ci/tool/b.go", "package  b\n", "./.ci/tool/b.go"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{".ci/lint": string(script), c.file: c.text} {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command("/bin/sh", filepath.Join(dir, ".ci/lint")).CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) || strings.Contains(string(out), "gofmt: ok") {
				t.Errorf("want a failure with %q, got %v and:\n%s", c.want, err, out)
			}
		})
	}
}
