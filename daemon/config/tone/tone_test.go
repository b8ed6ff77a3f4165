package tone

import (
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]bool{"#0d5c55": true, "#FFFFFF": true, "0d5c55": false, "#fff": false, "#0d5c5": false, "#0d5c555": false,
		"#0d5c5g": false, "#+d5c55": false, "": false, "red": false, "#0d5c55;}": false} {
		c, err := Parse(text)
		if (err == nil) != want {
			t.Errorf("%q: %v, %v", text, c, err)
		}
		if again, err := Parse(c.String()); err != nil || again != c {
			t.Errorf("%v is written %s", c, c)
		}
	}
}

// The figures are those that WCAG's own examples and other tools give.
func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#767676", "#ffffff", 4.54}, {"#0000ff", "#ffffff", 8.59}, {"#ff0000", "#ffffff", 4.00}, {"#123456", "#123456", 1}} {
		if got := Contrast(fixed(c.a), fixed(c.b)); math.Abs(got-c.want) > .005 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

// every calls do with colours from everywhere.
func every(do func(Colour)) {
	for n := range 16 * 16 * 16 {
		do(Colour{uint8(n >> 8 * 17), uint8(n >> 4 % 16 * 17), uint8(n % 16 * 17)})
	}
}

// Whatever colour an operator has: once it is fit, everything that is written in
// it or on it can be read, in both schemes.
func TestEveryColourCanBeMadeFit(t *testing.T) {
	taken := 0
	every(func(c Colour) {
		light, ok := Light(c)
		if ok {
			taken++
			if Fit(c) != c {
				t.Errorf("%s is fit, and made %s", c, Fit(c))
			}
		} else {
			c = Fit(c)
			light, ok = Light(c)
			if !ok {
				t.Fatalf("%s was made fit, and is not", c)
			}
		}
		dark := Dark(c)
		for _, p := range []struct {
			what     string
			on, word Colour
		}{
			{"light card", fixed(lightCard), light.Base}, {"light paper", fixed(lightPaper), light.Base}, {"light tint", light.Tint, light.Base},
			{"light button", light.Base, light.On}, {"light button under the pointer", light.Deep, light.On}, {"light link under the pointer", fixed(lightCard), light.Deep},
			{"light words on the tint", light.Tint, fixed("#1b2221")}, {"light soft words on the tint", light.Tint, fixed("#545e5b")},
			{"dark card", fixed(darkCard), dark.Base}, {"dark paper", fixed(darkPaper), dark.Base}, {"dark tint", dark.Tint, dark.Base},
			{"dark button", dark.Base, dark.On}, {"dark button under the pointer", dark.Deep, dark.On}, {"dark link under the pointer", fixed(darkCard), dark.Deep},
			{"dark words on the tint", dark.Tint, fixed("#e9edeb")}, {"dark soft words on the tint", dark.Tint, fixed("#abb6b2")},
		} {
			if got := Contrast(p.on, p.word); got < readable {
				t.Errorf("%s: %s is %.2f", c, p.what, got)
			}
		}
	})
	if taken < 500 || taken > 2500 {
		t.Errorf("%d of 4096 colours are taken", taken)
	}
}
