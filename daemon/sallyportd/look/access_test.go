package look

import (
	"context"
	"crypto/sha512"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe []byte

// axeSum is the SHA-512 of the file as the package axe-core 4.14.1 has it.
const axeSum = "e63e659f9806d7ae5bd40899043b0871a5062c5442b01b3f1a3edf5eaf50bf5c3a7104a72463293b4ad1b77c661a0d4e40e850dec89de9d6ece70a8c13a9af17"

// TestAxeIsItself: the file is the one that its makers gave out.
func TestAxeIsItself(t *testing.T) {
	sum := sha512.Sum512(axe)
	if got := hex.EncodeToString(sum[:]); got != axeSum {
		t.Fatalf("testdata/axe.min.js is another one: its SHA-512 is %s", got)
	}
}

// rules lets axe-core look at a scene with all that can be opened open: all of
// WCAG 2.0 to 2.2, A and AA, and what it calls best practice.
func (b *tab) rules(sc scene, screens ...screen) {
	b.t.Helper()
	for _, s := range screens {
		b.show(s)
		for _, v := range b.axe() {
			b.t.Errorf("%s, %s: %s", sc.name, s, v)
		}
	}
}

// TestAxeSees shows that what axe-core looks for can be found.
func TestAxeSees(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	b.show(screen{lang: "de", width: 1280})
	b.play(scenes()[0])
	ask[bool](b, `(document.querySelector("h1").style.color = "#ddd", document.querySelector("label").remove(), true)`)
	got := strings.Join(b.axe(), "\n")
	for _, want := range []string{"color-contrast", "label"} {
		if !strings.Contains(got, want) {
			t.Errorf("axe-core does not see %s:\n%s", want, got)
		}
	}
}

// axe is what axe-core finds on the page. The browser fetches it, and has it from
// its cache: to send it there each time takes longer than to run it.
func (b *tab) axe() []string {
	b.t.Helper()
	if !ask[bool](b, `!!window.axe`) {
		ask[bool](b, fmt.Sprintf(`fetch(%q).then(r => r.text()).then(t => (window.text = t).length > 0)`, axePath))
		ask[bool](b, `((0, eval)(window.text), !!window.axe)`)
	}
	return ask[[]string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]})
		.then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary + " " + n.html)))`)
}

// axePath is where the stage has axe-core beside the page.
const axePath = "/axe.min.js"

// withAxe is the page with axe-core beside it.
func withAxe(page http.Handler) http.Handler {
	all := http.NewServeMux()
	all.Handle("/", page)
	all.HandleFunc("GET "+axePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=3600, immutable")
		_, _ = w.Write(axe)
	})
	return all
}

// named is what a screen reader is told: every control has a name, the page its
// language, the title the state, an error is announced and stands beside its
// field.
func (b *tab) named(sc scene) {
	b.t.Helper()
	for _, what := range b.unnamed() {
		b.t.Errorf("%s, %s: %s", sc.name, b.on, what)
	}
	if strings.HasSuffix(sc.name, "refused") { // a browser moves the focus when it draws, which may be a moment later
		b.wait(sc.name+": the focus comes to the field", `[...document.querySelectorAll("[aria-invalid=true]")].includes(document.activeElement)`)
	}
	got := ask[struct {
		Lang, Title, Problem string
		Wrong                bool
	}](b, `(() => {
		const bad = [...document.querySelectorAll("[aria-invalid=true]")], said = document.querySelector("#problem[role=alert]");
		const problem = () => {
			if (bad.length === 0) return said ? "an error belongs to no field" : "";
			if (!said || !said.innerText.trim()) return "an error is not announced";
			if (!bad.every(f => (f.getAttribute("aria-describedby") || "").split(" ").includes("problem"))) return "a field does not say what is wrong";
			return bad.includes(document.activeElement) ? "" : "the focus is not on the field";
		};
		return {Lang: document.documentElement.lang, Title: document.title, Problem: problem(), Wrong: bad.length > 0} })()`)
	if got.Lang != b.on.lang {
		b.t.Errorf("%s: lang is %q, want %q", sc.name, got.Lang, b.on.lang)
	}
	want := sc.title[slices.Index([]string{"de", "en"}, b.on.lang)]
	if !strings.HasPrefix(got.Title, want) || !strings.HasSuffix(got.Title, " · Uni Musterstadt") {
		b.t.Errorf("%s: title is %q, want %q", sc.name, got.Title, want)
	}
	if got.Problem != "" {
		b.t.Errorf("%s, %s: %s", sc.name, b.on, got.Problem)
	}
	if strings.HasSuffix(sc.name, "refused") != got.Wrong {
		b.t.Errorf("%s, %s: a field is wrong, or is not, against the name of the scene", sc.name, b.on)
	}
}

// unnamed lists controls and pictures without a name in the accessibility tree.
func (b *tab) unnamed() []string {
	b.t.Helper()
	tree := run(b, "reading the accessibility tree", func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	named := []string{"button", "link", "textbox", "checkbox", "radio", "radiogroup", "image", "img", "heading", "DisclosureTriangle", "navigation", "RootWebArea"}
	var out []string
	controls := 0
	for _, n := range tree.Nodes {
		role := value(n.Role)
		if n.Ignored || !slices.Contains(named, role) {
			continue
		}
		controls++
		if value(n.Name) == "" {
			out = append(out, fmt.Sprintf("%s %s has no name", role, n.NodeID))
		}
	}
	if controls < 4 {
		out = append(out, fmt.Sprintf("only %d things to name", controls))
	}
	return out
}

func value(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `" `)
}

// reaches goes through a scene with Tab: wherever the focus is, an outline of two
// pixels or more says so, and nothing lies outside of the screen. In the end the
// focus is where it was.
func (b *tab) reaches(sc scene) {
	b.t.Helper()
	want := ask[int](b, `(() => {
		const was = document.activeElement, marks = new Map(), look = ev => {
			const e = ev.target, box = e.matches(".choice input, .tick input") ? e.parentElement : e, s = getComputedStyle(box), r = box.getBoundingClientRect();
			const ok = s.outlineStyle === "solid" && parseFloat(s.outlineWidth) >= 2 && r.left >= 0 && r.right <= innerWidth && r.width > 0;
			marks.set(e, ok && marks.get(e) !== false);
		};
		was.blur();
		document.addEventListener("focusin", look);
		window.reached = () => {
			document.removeEventListener("focusin", look);
			was.focus();
			return {Seen: marks.size, Unseen: [...marks].filter(m => !m[1]).map(m => m[0].outerHTML.slice(0, 120))};
		};
		return [...document.querySelectorAll("a[href], button, input, summary")].filter(e => e.checkVisibility() && e.type !== "hidden" && (e.type !== "radio" || e === ([...e.form.elements[e.name]].find(r => r.checked) || e.form.elements[e.name][0]))).length })()`)
	run(b, "pressing Tab", chromedp.KeyEvent(strings.Repeat("\t", want+3)))
	got := ask[struct {
		Seen   int
		Unseen []string
	}](b, `window.reached()`)
	for _, what := range got.Unseen {
		b.t.Errorf("%s, %s: the focus cannot be seen: %s", sc.name, b.on, what)
	}
	if got.Seen != want {
		b.t.Errorf("%s, %s: Tab reaches %d of %d controls", sc.name, b.on, got.Seen, want)
	}
}

// fits wants a scene not to be scrolled sideways on any of the screens, whatever
// the size of the letters, no words to stick out of what they are in, and nothing
// to lie on anything else.
func (b *tab) fits(sc scene, screens ...screen) {
	b.t.Helper()
	for _, s := range screens {
		b.show(s)
		got := ask[struct {
			Wide, Size float64
			Askew      []string
		}](b, `({Wide: document.scrollingElement.scrollWidth, Size: parseFloat(getComputedStyle(document.documentElement).fontSize), Askew: `+askew+`})`)
		if got.Wide > float64(s.width) {
			b.t.Errorf("%s, %s: the page is %v wide", sc.name, s, got.Wide)
		}
		if got.Size != float64(max(s.scale, 100)*16/100) {
			b.t.Fatalf("letters of %v pixels", got.Size)
		}
		for _, what := range got.Askew {
			b.t.Errorf("%s, %s: %s", sc.name, s, what)
		}
	}
}

// TestForcedColours: where the system allows only its own few colours, buttons and
// fields still have edges, and the step that somebody is in is told from the others.
func TestForcedColours(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	for _, name := range []string{"confirm", "wish", "home-list"} {
		b.show(screen{lang: "en", width: 1280, forced: true})
		b.play(named(t, name))
		if !ask[bool](b, `matchMedia("(forced-colors: active)").matches`) {
			t.Fatal("the browser does not force colours")
		}
		for _, what := range ask[[]string](b, `[...document.querySelectorAll("button:not(.quiet), .button, input[type=text], .choice")].filter(e => {
			const s = getComputedStyle(e);
			return e.checkVisibility() && (s.borderTopStyle !== "solid" || parseFloat(s.borderTopWidth) < 1 || s.borderTopColor === s.backgroundColor);
		}).map(e => e.outerHTML.slice(0, 100))`) {
			t.Errorf("%s: no edge: %s", name, what)
		}
		if !ask[bool](b, `[...document.querySelectorAll(".steps")].every(s => { const c = sel => getComputedStyle(s.querySelector(sel)).borderTopColor;
			return c(".now") !== c("li:not(.now)") })`) {
			t.Errorf("%s: the step cannot be told from the others", name)
		}
		if !ask[bool](b, `[...document.querySelectorAll(".choices")].every(s => { const c = sel => { const e = s.querySelector(sel); return e && getComputedStyle(e).borderTopColor };
			return c(".choice:has(:checked)") !== c(".choice:not(:has(:checked))") })`) {
			t.Errorf("%s: a choice cannot be told from the others", name)
		}
	}
}

// TestPrint: the sheet of emergency codes prints with the number to call, and
// without what is only for the screen, on one page.
func TestPrint(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	b.show(screen{lang: "de", width: 1280, dark: true})
	for _, sc := range scenes() {
		if !strings.HasPrefix(sc.name, "codes") {
			continue
		}
		b.play(sc)
		run(b, "printing", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			return chromedp.Void{}, err
		})
		text := ask[string](b, `document.body.innerText`)
		for _, want := range []string{"t8z2f-r5bp9-j3m4w", "+49 30 123 456", "Uni Musterstadt"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the sheet does not say %q:\n%s", sc.name, want, text)
			}
		}
		for _, never := range []string{"Weiter", "Kopieren", "Drucken", "Datei", "alice", "Abmelden"} {
			if strings.Contains(text, never) {
				t.Errorf("%s: the sheet says %q:\n%s", sc.name, never, text)
			}
		}
		if ink := ask[string](b, `getComputedStyle(document.querySelector("#codes li")).color`); ink != "rgb(0, 0, 0)" {
			t.Errorf("%s: the codes are printed in %s", sc.name, ink)
		}
		pdf := run(b, "printing", chromedp.PrintToPDF())
		if n := strings.Count(string(pdf), "/Type /Page\n"); n != 1 {
			t.Errorf("%s: %d pages", sc.name, n)
		}
	}
}
