package daemon_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/sallyport/sallyport"

// house is the whole tree as the rules see it: every text file by its path
// from the top, and the parsed form of those that are Go.
type house struct {
	fset  *token.FileSet
	files []*file
	top   []string
}

type file struct {
	path string
	src  string
	ast  *ast.File // nil where the file is not Go
	test bool      // _test.go, or part of a package that only tests import
	gen  bool
}

func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) lines() int { return strings.Count(f.src, "\n") }

// code tells whether the file is Go that the budgets count.
func (f *file) code() bool { return f.ast != nil && !f.gen }

func (f *file) imports() []string {
	var out []string
	for _, i := range f.ast.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

// at names a place in the tree.
func (h *house) at(f *file, n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, h.fset.Position(n.Pos()).Line)
}

// newHouse parses sources, given by their path from the top of the tree.
func newHouse(sources map[string]string) (*house, error) {
	h := &house{fset: token.NewFileSet()}
	seen := map[string]bool{}
	for p, src := range sources {
		f := &file{path: p, src: src}
		if strings.HasSuffix(p, ".go") {
			parsed, err := parser.ParseFile(h.fset, p, src, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("parsing %s: %w", p, err)
			}
			f.ast, f.gen = parsed, ast.IsGenerated(parsed)
			f.test = strings.HasSuffix(p, "_test.go") || isTestSupport(path.Dir(p))
		}
		h.files = append(h.files, f)
		if t, _, _ := strings.Cut(p, "/"); !seen[t] {
			seen[t] = true
			h.top = append(h.top, t)
		}
	}
	sort.Slice(h.files, func(i, j int) bool { return h.files[i].path < h.files[j].path })
	sort.Strings(h.top)
	return h, nil
}

// packages groups the Go files that are not tests by folder.
func (h *house) packages() map[string][]*file {
	out := map[string][]*file{}
	for _, f := range h.files {
		if f.ast != nil && !strings.HasSuffix(f.path, "_test.go") {
			out[f.dir()] = append(out[f.dir()], f)
		}
	}
	return out
}

// readTree reads every text file of the working tree that is not built, kept
// or fetched by a tool.
func readTree(top string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == ".git" || rel == "bin" || rel == "var" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || rel == "go.sum" {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if !strings.ContainsRune(string(src), 0) {
			out[filepath.ToSlash(rel)] = string(src)
		}
		return nil
	})
	return out, err
}

// rule is one law of the house. It returns one line for each breach, which
// says where it is and what to do.
type rule struct {
	name  string
	check func(*house) []string
}

func rules() []rule {
	return []rule{
		{"top level", checkTop},
		{"floors", checkFloors},
		{"doors", checkDoors},
		{"modules", checkModules},
		{"package docs", checkPackageDocs},
		{"exported docs", checkExportedDocs},
		{"budget of lines", checkLines},
		{"budget of functions", checkFunctions},
		{"budget of interfaces", checkInterfaces},
		{"budget of exported names", checkExportedNames},
		{"no init, no package variables", checkState},
		{"clock", checkClock},
		{"skips", checkSkips},
		{"words", checkWords},
		{"named tests", checkNamedTests},
	}
}

func TestHouse(t *testing.T) {
	sources, err := readTree("..")
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHouse(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, breach := range r.check(h) {
				t.Error(breach)
			}
		})
	}
}
