package pam

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// A packager's flags come on top of the module's own.
func TestTheModuleAsItIsBuilt(t *testing.T) {
	dir := folder(t)
	buildIn(t, dir, "CFLAGS=-O1", "LDFLAGS=-Wl,--as-needed")
	module := filepath.Join(dir, "build", "pam_sallyport.so")
	tool := func(path string, args ...string) string {
		out, err := run.Run(run.Command{Path: run.Need(t, path, "binutils"), Args: append(args, module)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(tool("nm", "-D", "--defined-only")), "\n") {
		f := strings.Fields(line)
		names = append(names, f[len(f)-1])
	}
	slices.Sort(names)
	want := []string{"pam_sm_acct_mgmt", "pam_sm_authenticate", "pam_sm_chauthtok", "pam_sm_close_session", "pam_sm_open_session", "pam_sm_setcred"}
	if !slices.Equal(names, want) {
		t.Errorf("shows %v, want %v", names, want)
	}
	head := tool("readelf", "-dlW")
	for _, text := range []string{"BIND_NOW", "GNU_RELRO", "[libpam.so.0]", "[libc.so.6]"} {
		if !strings.Contains(head, text) {
			t.Errorf("no %s in\n%s", text, head)
		}
	}
	if strings.Count(head, "(NEEDED)") != 2 || strings.Contains(head, "RPATH") || strings.Contains(head, "RUNPATH") || strings.Contains(head, "RWE") {
		t.Errorf("needs more than libpam and libc, or has a search path or a stack that runs:\n%s", head)
	}
	symbols := tool("nm", "-D", "--undefined-only")
	if !strings.Contains(symbols, "__stack_chk_fail") || !strings.Contains(symbols, "_chk@") || !strings.Contains(symbols, "explicit_bzero") {
		t.Errorf("built without guards:\n%s", symbols)
	}
	for _, never := range []string{"signal", "sigaction", "pthread_create", "fork", "printf", "puts", "perror", "exit", "abort", "system"} {
		for _, line := range strings.Split(symbols, "\n") {
			name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "U "), "@")
			if name == never || name == "__"+never+"_chk" {
				t.Errorf("calls %s, which is not a guest's to call", never)
			}
		}
	}
}

func TestInstall(t *testing.T) {
	dir, to := folder(t), folder(t)
	buildIn(t, dir)
	if _, err := run.Run(run.Command{Path: "make", Dir: dir, Args: []string{"install", "DESTDIR=" + to, "PREFIX=/usr"}}); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/lib/*/security/pam_sallyport.so", "/usr/share/man/man8/pam_sallyport.8"} {
		found, err := filepath.Glob(to + pattern)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %v, %v", pattern, found, err)
			continue
		}
		if st, err := os.Stat(found[0]); err != nil || st.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", found[0], st.Mode(), err)
		}
	}
	if _, err := run.Run(run.Command{Path: "make", Dir: dir, Args: []string{"clean"}}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "build", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The sentences are the daemon's, so that people read the same everywhere.
func TestSentencesAreTheDaemons(t *testing.T) {
	b, err := os.ReadFile("src/text.h")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(b), "sentences[] = {\n")
	if !found {
		t.Fatal("no table of sentences")
	}
	table, _, _ = strings.Cut(table, "\n};")
	sie, du := reasons(t, "sie"), reasons(t, "du")
	n := 0
	for _, entry := range strings.Split(table, "\n\t{")[0:] {
		part := strings.Split(entry, `"`)
		if len(part) < 9 {
			t.Fatalf("cannot read %q", entry)
		}
		r := account.Reason(part[1])
		if part[3] != sie(r).DE || part[5] != du(r).DE || part[7] != sie(r).EN {
			t.Errorf("%s: %q, %q, %q; the daemon says %q, %q", r, part[3], part[5], part[7], sie(r), du(r))
		}
		if r != account.BadCredentials && sie(r) == sie(account.BadCredentials) {
			t.Errorf("%s is no reason of the list", part[1])
		}
		n++
	}
	if n < 5 {
		t.Errorf("only %d sentences found", n)
	}
}

func reasons(t *testing.T, german string) func(account.Reason) account.Text {
	t.Helper()
	text, err := words.Reasons("", german)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The manual names every option that the module reads, and no other.
func TestTheManualKnowsEveryOption(t *testing.T) {
	b, err := os.ReadFile("src/options.c")
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]bool{}
	for _, call := range []string{`value_of(a, "`, `strcmp(a, "`} {
		for _, rest := range strings.Split(string(b), call)[1:] {
			name, _, _ := strings.Cut(rest, `"`)
			options[name] = true
		}
	}
	if len(options) != 11 {
		t.Errorf("found %d options: %v", len(options), options)
	}
	for file, form := range map[string][2]string{"pam_sallyport.8": {".It Cm ", ""}, "README.md": {"| `", "`"}} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		_, table, _ := strings.Cut(string(text), map[string]string{"pam_sallyport.8": ".Sh OPTIONS", "README.md": "| option |"}[file])
		table, _, _ = strings.Cut(table, map[string]string{"pam_sallyport.8": ".Sh", "README.md": "##"}[file])
		for _, line := range strings.Split(table, "\n") {
			if rest, ok := strings.CutPrefix(line, form[0]); ok {
				name := strings.FieldsFunc(rest, func(r rune) bool { return r == '=' || r == ' ' || r == '`' })[0]
				named[name] = true
			}
		}
		for o := range options {
			if !named[o] {
				t.Errorf("%s says nothing of %s", file, o)
			}
		}
		for o := range named {
			if !options[o] {
				t.Errorf("%s speaks of %s, which the module does not know", file, o)
			}
		}
	}
}

func TestTheManualIsWellFormed(t *testing.T) {
	out, err := run.Run(run.Command{Path: run.Need(t, "groff", "groff-base"), Args: []string{"-mandoc", "-Tutf8", "-ww", "-z", "pam_sallyport.8"}, Dir: here(t)})
	if err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
