package daemon_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

func checkTop(h *house) []string {
	fixed := strings.Fields("daemon plugins enrollweb contrib configs go.mod go.sum Makefile README.md LICENSE .ci")
	var out []string
	for _, t := range h.top {
		if !slices.Contains(fixed, t) && !strings.HasPrefix(t, ".git") && t != ".editorconfig" && t != ".dockerignore" {
			out = append(out, fmt.Sprintf("%s: the top level is fixed (%s): put it below one of these", t, strings.Join(fixed, " ")))
		}
	}
	return out
}

func checkState(h *house) []string {
	var out []string
	for _, f := range h.files {
		if !f.code() {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				out = append(out, h.at(f, fn)+": has an init: do it where it can be read, in the main's list")
			}
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR || strings.HasSuffix(f.path, "_test.go") {
				continue
			}
			for _, s := range gen.Specs {
				v := s.(*ast.ValueSpec)
				if !allowedVar(f, gen, v) {
					out = append(out, fmt.Sprintf("%s: %s is a package variable: only errors, metrics, embedded files and interface checks may be; make it a constant, a field or a function", h.at(f, v), v.Names[0].Name))
				}
			}
		}
	}
	return out
}

func allowedVar(f *file, gen *ast.GenDecl, v *ast.ValueSpec) bool {
	if v.Names[0].Name == "_" || f.dir() == "daemon/metrics" {
		return true
	}
	for _, doc := range []*ast.CommentGroup{gen.Doc, v.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	for _, val := range v.Values {
		call, ok := val.(*ast.CallExpr)
		if !ok {
			return false
		}
		if pkg, name := selector(call.Fun); pkg+"."+name != "errors.New" && pkg+"."+name != "fmt.Errorf" {
			return false
		}
	}
	return len(v.Values) > 0
}

// selector splits x.Name; it returns empty strings for anything else.
func selector(e ast.Expr) (pkg, name string) {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if id, ok := s.X.(*ast.Ident); ok {
			return id.Name, s.Sel.Name
		}
	}
	return "", ""
}

func checkClock(h *house) []string {
	read := []string{"Now", "Since", "Until", "After", "Tick"}
	var out []string
	for _, f := range h.files {
		if !f.code() || !slices.Contains(f.imports(), "time") {
			continue
		}
		u, err := unitOf(f.dir())
		free := f.test || err == nil && (u.floor == roof || u.dir == "daemon/pluginhost" || u.dir == "daemon/listen")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			switch pkg, name := selector(e); {
			case pkg != "time":
			case name == "Sleep" && f.test:
				out = append(out, h.at(f, n)+": time.Sleep in a test: wait for what you are waiting for, with a channel and a deadline, or use testing/synctest")
			case slices.Contains(read, name) && !free:
				out = append(out, h.at(f, n)+": time."+name+" reads the clock: take the time as an argument (a field Now func() time.Time)")
			}
			return true
		})
	}
	return out
}

// checkSkips lets a test skip only in a function that fails instead where
// CI=true.
func checkSkips(h *house) []string {
	var out []string
	for _, f := range h.files {
		if !f.code() || !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			skips, asks := false, false
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				pkg, name := selector(call.Fun)
				skips = skips || name == "Skip" && len(pkg) <= 2 || name == "Skipf" || name == "SkipNow"
				if pkg == "os" && name == "Getenv" && len(call.Args) == 1 {
					lit, ok := call.Args[0].(*ast.BasicLit)
					asks = asks || ok && lit.Value == `"CI"`
				}
				return true
			})
			if skips && !asks {
				out = append(out, h.at(f, fn)+": skips without a look at CI: where CI=true the missing program must fail the test, otherwise name the Debian package in the message")
			}
		}
	}
	return out
}
