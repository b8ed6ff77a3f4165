package look

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the named colours of a scheme out of the stylesheet.
func palette(css string) map[string]string {
	colours := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
		colours[m[1]] = m[2]
	}
	return colours
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	part := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n>>16) + 0.7152*part(n>>8) + 0.0722*part(n)
}

// WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for edges of fields and focus (1.4.11).
func TestContrast(t *testing.T) {
	css := string(styleFile)
	lightPart, darkPart, ok := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	light, dark := palette(lightPart), palette(darkPart)
	if len(light) != len(dark) || len(light) < 15 {
		t.Fatalf("%d light and %d dark colours", len(light), len(dark))
	}
	pairs := []struct {
		on, what string
		least    float64
	}{
		{"paper", "ink", 7}, {"card", "ink", 7}, {"tint", "ink", 7}, {"paper", "soft", 4.5}, {"card", "soft", 4.5}, {"tint", "soft", 4.5},
		{"card", "accent", 4.5}, {"paper", "accent", 4.5}, {"tint", "accent", 4.5}, {"card", "accent-deep", 4.5},
		{"accent", "on-accent", 4.5}, {"accent-deep", "on-accent", 4.5}, {"bad", "on-bad", 4.5}, {"bad-deep", "on-bad", 4.5},
		{"bad-tint", "bad", 4.5}, {"warn-tint", "warn", 4.5},
		{"card", "edge", 3}, {"card", "focus", 3}, {"paper", "focus", 3}, {"card", "bad", 3},
	}
	for scheme, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			a, b := luminance(t, colours[p.on]), luminance(t, colours[p.what])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < p.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", scheme, p.what, p.on, ratio, p.least)
			}
		}
	}
}

// Colours have names, so that the test above sees all of them, and nothing is
// loaded from anywhere.
func TestStylesheetIsClosed(t *testing.T) {
	rules := regexp.MustCompile(`(?m)^\s*--.*$`).ReplaceAllString(string(styleFile), "")
	for _, m := range regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b[^{]*[;}]`).FindAllString(rules, -1) {
		if !strings.HasPrefix(m, "#fff;") && !strings.HasPrefix(m, "#000;") { // the QR code's paper, and print
			t.Errorf("a colour without a name: %s", m)
		}
	}
	for _, never := range []string{"@import", "url(", "expression", "outline: none"} {
		if strings.Contains(rules, never) {
			t.Errorf("the stylesheet holds %q", never)
		}
	}
}

func TestSupportAndSwitch(t *testing.T) {
	if got := (Support{Phone: `+49 (30) 12/34"><script>`}).TelLink(); got != "tel:+49301234" {
		t.Errorf("tel link = %q", got)
	}
	for here, want := range map[string]string{"/": "/?lang=en", "/code?emergency=1": "/code?emergency=1&lang=en"} {
		if got := (Page{Here: here}).Switch("en"); got != want {
			t.Errorf("switch = %q, want %q", got, want)
		}
	}
}
