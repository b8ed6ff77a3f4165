package look

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/config/tone"
)

const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>`

// The arithmetic of package tone is about the surfaces that the stylesheet has.
func TestToneKnowsTheSurfaces(t *testing.T) {
	lightPart, darkPart, _ := strings.Cut(string(styleFile), "@media (prefers-color-scheme: dark)")
	if got := palette(lightPart)["paper"]; got != tone.Paper().String() {
		t.Errorf("the light page is %s", got)
	}
	for want, got := range map[string]string{"#ffffff": palette(lightPart)["card"], "#19211f": palette(darkPart)["card"], "#101615": palette(darkPart)["paper"],
		"#1b2221": palette(lightPart)["ink"], "#545e5b": palette(lightPart)["soft"], "#e9edeb": palette(darkPart)["ink"], "#abb6b2": palette(darkPart)["soft"], ours: palette(lightPart)["accent"]} {
		if got != want {
			t.Errorf("%s in the stylesheet, %s in package tone", got, want)
		}
	}
}

// An operator's colour takes the place of ours in both schemes, and on the tab.
func TestAccent(t *testing.T) {
	l, err := New(Brand{Accent: "#8a1253"})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := New(Brand{})
	if err != nil {
		t.Fatal(err)
	}
	if l.CSS == plain.CSS {
		t.Error("a browser would keep the stylesheet of before")
	}
	css := string(l.assets[l.CSS].content)
	added, ok := strings.CutPrefix(css, string(styleFile))
	day, night, two := strings.Cut(added, "@media (prefers-color-scheme: dark){")
	if !ok || !two || !strings.Contains(day, "--accent:#8a1253;") || strings.Contains(night, "#8a1253") || strings.Count(added, "--on-accent:") != 2 {
		t.Errorf("added is %s", added)
	}
	p := page(t, "en")
	p.Title = "code.title"
	out, err := l.Draw("code", p)
	if err != nil || !strings.Contains(string(out), "%238a1253") || strings.Contains(string(out), "ZgotmplZ") {
		t.Errorf("%v: %s", err, out)
	}
	for _, bad := range []string{"#ffcc00", "red", "#8a1253;}body{"} {
		if _, err := New(Brand{Accent: bad}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// A logo is served as what it is, for ever, and so that an SVG which is opened by
// itself can do nothing.
func TestLogo(t *testing.T) {
	for content, want := range map[string]string{drawing: "image/svg+xml", "\x89PNG\r\n\x1a\nrest": "image/png"} {
		l, err := New(Brand{Logo: []byte(content)})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if !l.Serve(w, httptest.NewRequest("GET", l.Logo, nil)) || w.Body.String() != content {
			t.Fatalf("%s is not served", l.Logo)
		}
		csp := w.Header().Get("Content-Security-Policy")
		if got := w.Header().Get("Content-Type"); got != want || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "sandbox") ||
			strings.Contains(csp, "script") || strings.Contains(csp, "allow-") || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s, %s", got, csp)
		}
		p := page(t, "en")
		p.Title = "code.title"
		out, err := l.Draw("code", p)
		if err != nil || strings.Count(string(out), l.Logo) != 2 || strings.Contains(string(out), `class="m1"`) {
			t.Errorf("%v: %s", err, out)
		}
	}
	if _, err := New(Brand{Logo: []byte("GIF89a")}); err == nil {
		t.Error("a GIF is taken")
	}
	plain, err := New(Brand{})
	if err != nil || plain.Logo != "" || plain.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/logo-.svg", nil)) {
		t.Errorf("%v: there is a logo %q", err, plain.Logo)
	}
}
