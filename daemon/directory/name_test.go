package directory

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEnforceName(t *testing.T) {
	for _, tt := range []struct{ typed, want string }{
		{"alice", "alice"}, {"ALICE", "alice"}, {"ａlice", "alice"}, {"mu\u0308ller", "müller"},
		{"anna maria", "anna maria"}, {"a.b_c-d@e+f", "a.b_c-d@e+f"}, {"4711", "4711"},
		{"", ""}, {" a", ""}, {"a ", ""}, {"a  b", ""}, {"a\tb", ""}, {"a\u00a0b", ""}, {"a\u200bb", ""}, {"ⓐ", ""},
		{"İ", ""}, {"-a", ""}, {".a", ""}, {"a*", ""}, {"a)(b", ""}, {"a/b", ""}, {`a\b`, ""}, {"a\x00", ""}, {"a:b", ""},
		{strings.Repeat("a", 256), strings.Repeat("a", 256)}, {strings.Repeat("a", 257), ""}, {"\xff", ""},
	} {
		if got, ok := enforceName(tt.typed, ""); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.typed, got, ok, tt.want)
		}
	}
	if _, ok := enforceName("a/b", "/"); !ok {
		t.Error("an allowed character was refused")
	}
}

// FuzzName: what is let through is stable, bounded and harmless.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"alice", "MÜLLER", "a b", "İ", "*", "ａ", "ß", "\u0660"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, ok := enforceName(typed, "")
		if !ok {
			return
		}
		if again, ok := enforceName(name, ""); !ok || again != name {
			t.Errorf("%q became %q, which becomes %q", typed, name, again)
		}
		if !utf8.ValidString(name) || len(name) > maxName || strings.ContainsAny(name, "*()\\\x00/=,") {
			t.Errorf("%q became %q", typed, name)
		}
	})
}
