package daemon_test

import (
	"fmt"
	"go/ast"
	"go/token"
)

const (
	maxFile       = 400
	maxPackage    = 1000
	maxFunction   = 60
	maxParameters = 4
	maxExported   = 20
	maxMethods    = 6
)

// exportedLimit is maxExported, but for the one package that is nothing but
// the shared nouns of the house.
func exportedLimit(dir string) int {
	if dir == "daemon/account" {
		return 28
	}
	return maxExported
}

// methodLimit is maxMethods, but for the store, which has eight.
func methodLimit(dir string) int {
	if dir == "daemon/store" {
		return 8
	}
	return maxMethods
}

func checkLines(h *house) []string {
	var out []string
	sum := map[string]int{}
	for _, f := range h.files {
		if !f.code() {
			continue
		}
		if n := f.lines(); n > maxFile {
			out = append(out, fmt.Sprintf("%s: has %d lines, allowed are %d: split it by idea", f.path, n, maxFile))
		}
		if !f.test {
			sum[f.dir()] += f.lines()
		}
	}
	for dir, n := range sum {
		if n > maxPackage {
			out = append(out, fmt.Sprintf("%s: has %d lines, allowed are %d: give the separate idea in it a package of its own", dir, n, maxPackage))
		}
	}
	return out
}

func checkFunctions(h *house) []string {
	var out []string
	for _, f := range h.files {
		if !f.code() || f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := h.fset.Position(fn.Pos()).Line, h.fset.Position(fn.End()).Line
			if n := to - from + 1; n > maxFunction {
				out = append(out, fmt.Sprintf("%s: %s has %d lines, allowed are %d: name its steps", h.at(f, fn), fn.Name.Name, n, maxFunction))
			}
			if n := fn.Type.Params.NumFields(); n > maxParameters {
				out = append(out, fmt.Sprintf("%s: %s has %d parameters, allowed are %d: pass a struct", h.at(f, fn), fn.Name.Name, n, maxParameters))
			}
		}
	}
	return out
}

func checkInterfaces(h *house) []string {
	var out []string
	for _, f := range h.files {
		if !f.code() || f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if ok && i.Methods.NumFields() > methodLimit(f.dir()) {
				out = append(out, fmt.Sprintf("%s: an interface has %d methods, allowed are %d: let each consumer declare the few it needs", h.at(f, i), i.Methods.NumFields(), methodLimit(f.dir())))
			}
			return true
		})
	}
	return out
}

func checkExportedNames(h *house) []string {
	var out []string
	for dir, files := range h.packages() {
		n := 0
		for _, f := range files {
			if !f.code() {
				continue
			}
			for _, d := range f.ast.Decls {
				n += exportedIn(d)
			}
		}
		if n > exportedLimit(dir) {
			out = append(out, fmt.Sprintf("%s: exports %d names, allowed are %d: hide what only this package uses, or split it", dir, n, exportedLimit(dir)))
		}
	}
	return out
}

// exportedIn counts the exported names that a declaration adds to its package;
// the constants of one enumeration count once, methods not at all.
func exportedIn(d ast.Decl) int {
	if fn, ok := d.(*ast.FuncDecl); ok {
		if fn.Recv == nil && fn.Name.IsExported() {
			return 1
		}
		return 0
	}
	gen, ok := d.(*ast.GenDecl)
	if !ok {
		return 0
	}
	n := 0
	for _, s := range gen.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				n++
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					n++
				}
			}
		}
	}
	if n > 1 && gen.Tok == token.CONST && isEnum(gen) {
		return 1
	}
	return n
}

// isEnum tells whether a const block holds values of one named type.
func isEnum(gen *ast.GenDecl) bool {
	typ := ""
	for i, s := range gen.Specs {
		id, ok := s.(*ast.ValueSpec).Type.(*ast.Ident)
		switch {
		case ok && (typ == "" || typ == id.Name):
			typ = id.Name
		case i == 0 || ok || s.(*ast.ValueSpec).Values != nil:
			return false
		}
	}
	return ast.IsExported(typ)
}
