package check_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// verifiers may ask a factor whether an input is right: the engine, the set-up
// for the record that it confirms, and what carries the question to a plugin.
var verifiers = []string{"daemon/check", "daemon/enroll", "daemon/pluginhost", "plugins/wire"}

// binders may ask the directory whether a password is right.
var binders = []string{"daemon/check", "daemon/directory"}

// questions are the places in a file that ask a factor (Verify with a context
// and a request) or the directory (Bind with a context, somebody and their
// password), or that take such a method along as a value.
func questions(fset *token.FileSet, f *ast.File) (verify, bind []string) {
	called := map[ast.Expr]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			called[c.Fun] = len(c.Args)
			if c.Ellipsis.IsValid() { // neither takes any number of things
				called[c.Fun] = -1
			}
		}
		return true
	})
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		args, isCall := called[s]
		at := fset.Position(s.Pos()).String()
		if s.Sel.Name == "Verify" && (!isCall || args == 2) {
			verify = append(verify, at)
		}
		if s.Sel.Name == "Bind" && (!isCall || args == 3) {
			bind = append(bind, at)
		}
		return true
	})
	return verify, bind
}

// Rule 1, in the source: nobody else asks what a verdict is made of, so nobody
// else can say yes.
func TestRule01NobodyElseAsksForAProof(t *testing.T) {
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	fset, asked := token.NewFileSet(), map[string]int{}
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(top, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == ".git" || rel == "bin" || rel == "var"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go"):
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		if dir == "plugins/factor/factortest" { // part of tests
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		verify, bind := questions(fset, f)
		for _, c := range []struct {
			what    string
			at, may []string
		}{{"a factor's Verify", verify, verifiers}, {"the directory's Bind", bind, binders}} {
			for _, at := range c.at {
				if !slices.ContainsFunc(c.may, func(may string) bool { return dir == may || strings.HasPrefix(dir, may+"/") }) {
					t.Errorf("%s uses %s: let it ask check.Engine", at, c.what)
				}
				asked[c.what]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if asked["a factor's Verify"] < len(verifiers) || asked["the directory's Bind"] < len(binders) {
		t.Errorf("found only %v: this test does not see them any more", asked)
	}
}

// The test above must see what it looks for.
func TestRule01SeesAQuestion(t *testing.T) {
	for src, want := range map[string]string{
		"p.Verify(ctx, r)":            "1 0",
		"ask := p.Verify; _ = ask":    "1 0",
		"d.cfg.Bind(ctx, f, secret)":  "0 1",
		"go run(d.Bind)":              "0 1",
		"store.Verify(ctx)":           "0 0",
		"conn.Bind(name, password)":   "0 0",
		"e.Check(ctx, a); w.verify()": "0 0",
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "a.go", "package a\nfunc f() { "+src+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		verify, bind := questions(fset, f)
		if got := fmt.Sprint(len(verify), len(bind)); got != want {
			t.Errorf("%s: found %s, want %s", src, got, want)
		}
	}
}
