package endtoend

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// make fuzz runs each fuzz target that there is, in its package: it is asked with
// a Go that only says what it is called with.
func TestMakeFuzzRunsEachTarget(t *testing.T) {
	cmd := exec.Command("make", "-s", "-C", root, "fuzz", "GO=echo", "FUZZTIME=7s")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var runs, want []string
	for _, m := range regexp.MustCompile(`(?m)^test -run \^\$ -fuzz \^(\w+)\$ -fuzztime 7s .* \./(\S+)$`).FindAllStringSubmatch(string(out), -1) {
		runs = append(runs, m[2]+" "+m[1])
	}
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "var"}, rel):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range target.FindAllSubmatch(text, -1) {
			want = append(want, filepath.Dir(rel)+" "+string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(runs)
	slices.Sort(want)
	if !slices.Equal(runs, want) || len(want) < 20 {
		t.Errorf("make fuzz runs\n%s\nthere are\n%s", strings.Join(runs, "\n"), strings.Join(want, "\n"))
	}
}
