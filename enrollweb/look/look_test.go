package look

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
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

// contrast is from 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// Each rule of the stylesheet is held to what it says itself: words against the
// background of the same rule, or else against both surfaces that they may stand
// on; fields, buttons and outlines against what is around them.
func TestContrastOfEveryRule(t *testing.T) {
	lightPart, darkPart, _ := strings.Cut(string(styleFile), "@media (prefers-color-scheme: dark)")
	schemes := map[string]map[string]string{"light": palette(lightPart), "dark": palette(darkPart)}
	value := func(rule, property string) string {
		m := regexp.MustCompile(`(?:^|[;{\s])` + property + `:[^;]*var\(--([a-z-]+)\)`).FindStringSubmatch(rule)
		if m == nil {
			return ""
		}
		return m[1]
	}
	used, rules := map[string]bool{}, 0
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(string(styleFile), -1) {
		selector, rule := strings.TrimSpace(m[1]), m[2]
		surface := value(rule, "background")
		around := []string{"paper", "card"}
		if surface != "" {
			around = []string{surface}
		}
		type check struct {
			what  string
			least float64
			on    []string
		}
		checks := []check{{value(rule, "color"), 4.5, around}, {value(rule, "outline"), 3, []string{"paper", "card", "tint"}}, {value(rule, "fill"), 3, []string{"paper"}}}
		if strings.HasPrefix(selector, "input") || strings.HasPrefix(selector, "button") {
			checks = append(checks, check{value(rule, "border"), 3, []string{"paper", "card"}}, check{value(rule, "border-color"), 3, []string{"paper", "card"}})
		}
		for _, c := range checks {
			if c.what == "" || selector == ".m2" {
				continue
			}
			rules++
			used[c.what] = true
			for scheme, colours := range schemes {
				for _, on := range c.on {
					if got := contrast(t, colours[c.what], colours[on]); got < c.least {
						t.Errorf("%s: %s: %s on %s is %.2f, want %.1f", scheme, selector, c.what, on, got, c.least)
					}
				}
			}
		}
	}
	if rules < 40 {
		t.Errorf("only %d pairs were found", rules)
	}
	for name := range schemes["light"] {
		if surface := strings.Contains(name, "tint") || name == "paper" || name == "card" || name == "line"; !surface && !used[name] {
			t.Errorf("no rule uses --%s as words, edge or outline", name)
		}
	}
}

// The focus is never taken away without another mark for it, and the mark has two
// pixels or more.
func TestFocusHasAnOutline(t *testing.T) {
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*outline[^{}]*)\}`).FindAllStringSubmatch(string(styleFile), -1) {
		selector := strings.TrimSpace(m[1])
		width := regexp.MustCompile(`outline: (\d)px solid`).FindStringSubmatch(m[2])
		switch {
		case strings.Contains(m[2], "outline: 0"):
			if selector != "main:focus" && selector != ".choice input:focus-visible, .tick input:focus-visible" {
				t.Errorf("%s has no outline", selector)
			}
		case width == nil && !strings.Contains(m[2], "outline-offset"), width != nil && width[1] < "2":
			t.Errorf("%s: %s", selector, m[2])
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

// An independent reader finds in the QR code what the tap link says, and the
// quiet zone around it.
func TestQRCodeSaysWhatTheLinkSays(t *testing.T) {
	uri := "otpauth://totp/Uni%20Musterstadt:m%C3%BCller?secret=JBSWY3DPEHPK3PXP&issuer=Uni%20Musterstadt"
	key, err := NewKey(enroll.Setup{Secret: "JBSWY3DPEHPK3PXP", URI: account.Secret(uri)})
	if err != nil {
		t.Fatal(err)
	}
	if string(key.Tap) != uri || !slices.Equal(key.Typed, []string{"JBSW", "Y3DP", "EHPK", "3PXP"}) {
		t.Errorf("tap link %q, typed key %q", key.Tap, key.Typed)
	}
	data, ok := strings.CutPrefix(string(key.QR), "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(data)
	if !ok || err != nil {
		t.Fatalf("QR address: %v", err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	size := img.Bounds().Dx()
	if size < 240 {
		t.Errorf("the QR code is %d pixels wide", size)
	}
	for i := range size {
		for quiet := range 4 * 6 {
			if r, _, _, _ := img.At(i, quiet).RGBA(); r != 0xffff {
				t.Fatalf("the quiet zone is dark at %d,%d", i, quiet)
			}
		}
	}
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bits, nil)
	if err != nil || read.GetText() != uri {
		t.Errorf("the QR code says %q (%v)", read, err)
	}
}

func TestKeysThatCannotBeShown(t *testing.T) {
	for _, uri := range []string{"", "javascript:alert(1)", "https://evil.example/", "otpauth://totp/" + strings.Repeat("x", 4000)} {
		if _, err := NewKey(enroll.Setup{Secret: "AAAA", URI: account.Secret(uri)}); err == nil || strings.Contains(err.Error(), "xxx") {
			t.Errorf("%.30q: error %v", uri, err)
		}
	}
}

func TestGroups(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd", "abcd-ef gh": "abcd efgh", "abcdefghi": "abcd efgh i"} {
		if got := strings.Join(Groups(in, 4), " "); got != want {
			t.Errorf("Groups(%q) = %q, want %q", in, got, want)
		}
	}
}
