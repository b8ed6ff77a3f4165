package look

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a browser of 2018 does not know, as that of a tablet which gets no new one:
// selectors, properties and functions. It drops the whole rule, or the declaration.
var (
	newSelectors = regexp.MustCompile(`:(has|is|where)\(|:focus-visible`)
	newProperty  = regexp.MustCompile(`^(margin|padding|border|inset)-(inline|block)|^inset|^text-wrap|^accent-color|^aspect-ratio`)
	newValue     = regexp.MustCompile(`\b(clamp|min|max)\(|\banywhere\b|:\s*(start|end)\b`)
	remark       = regexp.MustCompile(`(?s)/\*.*?\*/`)
	leaf         = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)
	asksFor      = regexp.MustCompile(`@supports[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}`)
)

// aged is the stylesheet as far as such a browser understands it. It knows a gap
// in a grid, and none between what flexes.
func aged(css string) string {
	css = asksFor.ReplaceAllString(remark.ReplaceAllString(css, ""), "")
	var grids []string
	for _, m := range leaf.FindAllStringSubmatch(css, -1) {
		if strings.Contains(m[2], "display: grid") {
			grids = append(grids, strings.TrimSpace(m[1]))
		}
	}
	return leaf.ReplaceAllStringFunc(css, func(rule string) string {
		m := leaf.FindStringSubmatch(rule)
		selector := strings.TrimSpace(m[1])
		if newSelectors.MatchString(selector) {
			return ""
		}
		var known []string
		for part := range strings.SplitSeq(m[2], ";") {
			part = strings.TrimSpace(part)
			if newProperty.MatchString(part) || newValue.MatchString(part) || strings.HasPrefix(part, "gap:") && !slices.Contains(grids, selector) {
				continue
			}
			known = append(known, part)
		}
		return selector + " { " + strings.Join(known, "; ") + " }\n"
	})
}

// TestAged: what is new is gone, and what is old stays.
func TestAged(t *testing.T) {
	for css, want := range map[string]string{
		"a:has(b) { margin: 0; }":                               "",
		":is(a, b) > i { left: 0; }":                            "",
		"a { margin-inline: auto; color: red; }":                "a { color: red;  }\n",
		"a { display: flex; gap: 1rem; }":                       "a { display: flex;  }\n",
		"a { display: grid; gap: 1rem; }":                       "a { display: grid; gap: 1rem;  }\n",
		"a { width: 1rem; width: clamp(1rem, 2vw, 3rem); }":     "a { width: 1rem;  }\n",
		"a { --title: clamp(1rem, 2vw, 3rem); }":                "a {  }\n",
		"a { grid-template-columns: minmax(min-content, 1fr) }": "a { grid-template-columns: minmax(min-content, 1fr) }\n",
		"/* a-* :has(b)\n */ a { b: c }":                        "a { b: c }\n",
		"@supports selector(:has(*)) { a { b: c; } }":           "",
	} {
		if got := aged(css); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", css, got, want)
		}
	}
}

// dress puts rules after those of the page, or in their place.
func (b *tab) dress(css string, instead bool) {
	b.t.Helper()
	text, err := json.Marshal(css)
	if err != nil {
		b.t.Fatal(err)
	}
	if got := ask[int](b, fmt.Sprintf(`(() => {
		const rules = new CSSStyleSheet();
		rules.replaceSync(%s);
		document.adoptedStyleSheets = [rules];
		for (const s of document.styleSheets) s.disabled = %t;
		return rules.cssRules.length })()`, text, instead)); got == 0 {
		b.t.Fatalf("the browser understands nothing of %.100q", css)
	}
}

// age puts the page into a browser of 2018. There nothing lies on anything else,
// nothing sticks out, the page stands in the middle, and a title is larger than
// its text: what fits sees.
func (b *tab) age() {
	b.t.Helper()
	if b.old == "" {
		b.old = aged(ask[string](b, `fetch(document.querySelector("link[rel=stylesheet]").href).then(r => r.text())`))
	}
	b.dress(b.old, true)
	if !ask[bool](b, `(all => all.length === 1 && all[0].cssRules.length > 50 && [...all[0].cssRules].every(r => !r.cssText.includes(":has(")))([...document.styleSheets, ...document.adoptedStyleSheets].filter(s => !s.disabled))`) {
		b.t.Fatal("the stylesheet is not that of an old browser")
	}
}

// TestApart shows that what fits measures can be wrong.
func TestApart(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	b.show(screen{lang: "de", width: 1280})
	b.play(named(t, "issued-android"))
	if got := ask[[]string](b, askew); len(got) > 0 {
		t.Errorf("before anything is wrong: %q", got)
	}
	for what, css := range map[string]string{
		"lies on":    ".notice { padding-left: 0 !important; }",
		"is close":   ".row > * { margin-left: 0 !important; }",
		"middle":     "main { margin-left: 0 !important; }",
		"title":      "h1 { font-size: 1rem !important; }",
		"sticks out": ".give .secret { white-space: nowrap; display: block; min-width: 60rem; }",
	} {
		b.dress(css, false)
		if got := strings.Join(ask[[]string](b, askew), "\n"); !strings.Contains(got, what) {
			t.Errorf("%s: seen is only %q", what, got)
		}
	}
}

// askew lists what is wrong with where things are.
const askew = `(() => {
	const bad = [], boxes = [];
	const add = (at, r, what) => { if (r.width > 1 && r.height > 1) boxes.push({at, l: r.left, r: r.right, t: r.top, b: r.bottom, what}) };
	for (const e of document.querySelectorAll(".top *, main *, footer *")) {
		if (!e.checkVisibility() || e.closest(".unseen, .icon *")) continue;
		if (e.matches("button, .button, input:not([type=hidden]), svg, img")) add(e, e.getBoundingClientRect(), e.outerHTML.slice(0, 60));
		for (const n of e.childNodes) {
			if (n.nodeType !== Node.TEXT_NODE || !n.data.trim()) continue;
			const all = document.createRange();
			all.selectNodeContents(n);
			for (const r of all.getClientRects()) add(n, r, n.data.trim().slice(0, 40));
		}
		const r = e.getBoundingClientRect();
		if (r.right > innerWidth + 1 || r.left < -1 || e.scrollWidth > e.clientWidth + 2 && e.clientWidth > 0 && !e.matches("input")) bad.push("sticks out: " + e.outerHTML.slice(0, 100));
	}
	const button = box => box.at.matches && box.at.matches("main button, main .button");
	boxes.forEach((x, i) => boxes.slice(i + 1).forEach(y => {
		const across = Math.min(x.r, y.r) - Math.max(x.l, y.l), down = Math.min(x.b, y.b) - Math.max(x.t, y.t);
		if (across <= -6 || down <= -6 || x.at === y.at || x.at.contains(y.at) || y.at.contains(x.at)) return;
		if (across > 2 && down > 3) bad.push(x.what + " lies on " + y.what);
		else if (button(x) && button(y) && across > -6 && down > -6) bad.push(x.what + " is close to " + y.what);
	}));
	const main = document.querySelector("main").getBoundingClientRect();
	if (Math.abs(main.left + main.right - document.documentElement.clientWidth) > 2) bad.push("the page is not in the middle: " + main.left + " to " + main.right);
	for (const c of document.querySelectorAll(".card")) if (c.getBoundingClientRect().left < 8) bad.push("a card sticks to the edge");
	const size = e => parseFloat(getComputedStyle(e).fontSize);
	if (size(document.querySelector("h1")) < 1.4 * size(document.body)) bad.push("the title is small");
	return bad })()`

// grows: somebody who has their letters twice as large gets all of them twice as
// large, those of codes and app passwords too.
func (b *tab) grows(sc scene, plain, large screen) {
	b.t.Helper()
	const small = `[...document.querySelectorAll("body *")].filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()) || e.matches("input"))
		.map(e => (e.dataset.size ? (parseFloat(getComputedStyle(e).fontSize) / e.dataset.size) : (e.dataset.size = parseFloat(getComputedStyle(e).fontSize), 2)) < 1.99 ? e.outerHTML.slice(0, 100) : "").filter(s => s)`
	b.show(plain)
	ask[[]string](b, small)
	b.show(large)
	for _, what := range ask[[]string](b, small) {
		b.t.Errorf("%s: does not grow: %s", sc.name, what)
	}
}
