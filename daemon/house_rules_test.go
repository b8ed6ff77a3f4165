package daemon_test

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// rulesOfAVerdict is how many there are in contrib/docs/rules.md.
const rulesOfAVerdict = 12

// nevers are what the house must never do, each with a test that names it.
func nevers() map[string]string {
	return map[string]string{
		"fail open": "TestNeverTellsAnOutageAsAWrongPassword",
		"accept the directory password alone on an app-password service": "TestNeverAcceptsThePasswordOnAnAppPasswordService",
		"accept a code twice": "TestNeverAcceptsACodeTwice",
		"lose an acknowledged enrollment, revocation or reset": "TestNeverLosesWhatWasAcknowledged",
		"log a password, code, seed, app password or cookie":   "TestNeverLogsASecret",
		"leave one on disk": "TestNoSecretIsLeft",
		"let a reset alone give the account to whoever holds the password":     "TestNeverLetsAResetGiveTheAccountToThePassword",
		"delete anything because of an error or an outage":                     "TestNeverDeletesBecauseOfAnErrorOrAnOutage",
		"start weaker than the config asks":                                    "TestNeverStartsWeakerThanTheConfigAsks",
		"bind an empty password, which many directories take for an anonymous": "TestNeverBindsAnEmptyPassword",
	}
}

// checkNamedTests wants a test that names it for each rule of a verdict, and for
// each thing that must never happen.
func checkNamedTests(h *house) []string {
	var names, out []string
	for _, f := range h.files {
		if f.ast == nil || !strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names = append(names, fn.Name.Name)
			}
		}
	}
	for n := range rulesOfAVerdict {
		prefix := fmt.Sprintf("TestRule%02d", n+1)
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			out = append(out, fmt.Sprintf("contrib/docs/rules.md: rule %d has no test that names it: write a %s...", n+1, prefix))
		}
	}
	for never, test := range nevers() {
		if !slices.Contains(names, test) {
			out = append(out, fmt.Sprintf("nothing shows that the house does never %s: %s is gone", never, test))
		}
	}
	return out
}
