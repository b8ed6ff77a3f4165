package wire

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The committed code is what the contracts generate, byte for byte.
func TestGeneratedCodeIsFresh(t *testing.T) {
	if _, err := exec.LookPath("protoc"); err != nil {
		const missing = "protoc is missing: install the Debian package protobuf-compiler"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	if out, err := exec.Command("./generate.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("generate.sh: %v\n%s", err, out)
	}
	fresh, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(fresh) != 4 {
		t.Fatalf("generated %v, %v", fresh, err)
	}
	for _, path := range fresh {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("pb", filepath.Base(path)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(withoutVersion(got), withoutVersion(want)) {
			t.Errorf("pb/%s is stale: run `make proto`", filepath.Base(path))
		}
	}
}

// withoutVersion drops the lines that name the protoc of this machine, the one
// part of the output that no contract decides.
func withoutVersion(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if !bytes.Contains(line, []byte("protoc        v")) && !bytes.Contains(line, []byte("- protoc             v")) {
			out = append(out, line...)
		}
	}
	return out
}
