package look

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is one of the stylesheet's, wherever it stands.
type rule struct {
	selector string
	// says are its declarations, each a property and a value.
	says [][2]string
}

func rules(css string) []rule {
	css = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(css, "")
	var all []rule
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(css, -1) {
		r := rule{selector: strings.TrimSpace(m[1])}
		for part := range strings.SplitSeq(m[2], ";") {
			if name, value, ok := strings.Cut(strings.TrimSpace(part), ":"); ok {
				r.says = append(r.says, [2]string{name, strings.TrimSpace(value)})
			}
		}
		all = append(all, r)
	}
	return all
}

// tooNew says what of a stylesheet a browser of 2018 cannot do without harm to the
// layout. Colours and outlines may be better in a newer one.
func tooNew(css string) []string {
	all := rules(css)
	var grids, bad []string
	for _, r := range all {
		if slices.Contains(r.says, [2]string{"display", "grid"}) {
			grids = append(grids, r.selector)
		}
	}
	selectors := regexp.MustCompile(`:(has|is|where)\(|:focus-visible`)
	harmless := regexp.MustCompile(`^(outline|border-(color|width|radius)$|background$|color$|font-weight$)`)
	flow := regexp.MustCompile(`^(margin|padding|border|inset)-(inline|block)|^inset`)
	sums := regexp.MustCompile(`\b(clamp|min|max)\(`)
	for _, r := range all {
		parts := regexp.MustCompile(`,\s*`).Split(regexp.MustCompile(`\([^()]*(\([^()]*\)[^()]*)*\)`).ReplaceAllStringFunc(r.selector, func(s string) string { return strings.ReplaceAll(s, ",", " ") }), -1)
		young := slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return !selectors.MatchString(s) })
		if len(young) > 0 && len(young) < len(parts) {
			bad = append(bad, r.selector+": an old browser drops the rule for all of these")
		}
		had := map[string]bool{}
		for _, d := range r.says {
			switch name, value := d[0], d[1]; {
			// Without :has() somebody is asked a question more, and that is all.
			case len(young) > 0 && !harmless.MatchString(name) && !(strings.HasSuffix(r.selector, ".which-phone") && name == "display"):
				bad = append(bad, r.selector+": "+name+" stands on a new selector")
			case flow.MatchString(name):
				bad = append(bad, r.selector+": "+name+" is new, left and right are old")
			case name == "gap" && !slices.Contains(grids, r.selector):
				bad = append(bad, r.selector+": a gap in what is no grid")
			case sums.MatchString(value) && !had[name]:
				bad = append(bad, r.selector+": "+name+" has no plain value before "+value)
			case name == "overflow-wrap" && value == "anywhere":
				bad = append(bad, r.selector+": anywhere is new, word-break is old")
			}
			had[d[0]] = true
		}
	}
	return bad
}

// An old tablet gets the same page, if not as fine: the layout stands on what its
// browser knows. A real one is asked beside the daemon's own tests.
func TestOldBrowsers(t *testing.T) {
	for _, what := range tooNew(string(styleFile)) {
		t.Error(what)
	}
	for _, css := range []string{
		"body:has(.wide) main { max-width: 47rem; }", ":is(.a, .b) > .icon { position: absolute; }", "a { margin-inline: auto; }", "a { inset-inline-start: 1rem; }",
		"a { display: flex; gap: 1rem; }", "a { width: clamp(1rem, 2vw, 3rem); }", ":root { --size: clamp(1rem, 2vw, 3rem); }", "a { overflow-wrap: anywhere; }",
		"a, b:has(c) { color: red; }", "a { margin-block: 1rem; }",
	} {
		if len(tooNew(css)) != 1 {
			t.Errorf("%s: %q", css, tooNew(css))
		}
	}
	for _, css := range []string{
		"a { display: grid; gap: 1rem; } @media print { a { gap: 2rem; } }", "a { width: 9rem; width: clamp(1rem, 2vw, 3rem); }",
		".choice:has(:checked), .tick:has(:checked) { border-color: red; }", "a { grid-template-columns: minmax(min-content, 1fr); }", "/* b:has(c) { gap: */ a { color: red; }",
	} {
		if got := tooNew(css); len(got) > 0 {
			t.Errorf("%s: %q", css, got)
		}
	}
}

// A box with an icon keeps room for it, so there is no such box without one.
func TestBoxesHaveAnIcon(t *testing.T) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	boxes := 0
	for _, f := range files {
		text, err := templateFiles.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`class="(notice|problem|cost)"[^>]*>(.{0,70})`).FindAllStringSubmatch(string(text), -1) {
			boxes++
			if !strings.Contains(m[2], `{{template "icon-`) {
				t.Errorf("%s: a box without an icon: %s", f.Name(), m[0])
			}
		}
	}
	if boxes < 12 {
		t.Errorf("only %d boxes were found", boxes)
	}
}
