// Package tone is arithmetic with colours: how well one can be read on another,
// as WCAG 2.2 computes it, and what has to be made of an operator's colour so
// that the page can be read in it, by day and by night.
//
// It draws nothing and reads no config. The config asks it whether a colour is
// fit, the page what to draw with; only those two use it.
package tone

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Colour is red, green and blue, each from 0 to 255.
type Colour struct{ R, G, B uint8 }

// Parse reads a colour as the web writes it: #rrggbb.
func Parse(text string) (Colour, error) {
	digits, ok := strings.CutPrefix(text, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !ok || err != nil || len(digits) != 6 {
		return Colour{}, errors.New("not a colour of the form #rrggbb")
	}
	return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

// String is the colour as the web writes it.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is the relative luminance of WCAG 2.2.
func (c Colour) luminance() float64 {
	part := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

// Contrast is from 1 for the same colour to 21 for black and white.
func Contrast(a, b Colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// toward mixes a share of another colour in.
func (c Colour) toward(o Colour, share float64) Colour {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*share)) }
	return Colour{mix(c.R, o.R), mix(c.G, o.G), mix(c.B, o.B)}
}

// Accent is a colour with its kin, for one scheme.
type Accent struct {
	// Base is for links, edges and the main button, Deep for those under the
	// pointer, On for what is written on either, Tint for quiet surfaces.
	Base, Deep, On, Tint Colour
}

// The surfaces of the page. A test of the page holds its stylesheet to them.
const (
	lightCard, lightPaper = "#ffffff", "#f4f2ed"
	darkCard, darkPaper   = "#19211f", "#101615"
)

// readable is the least contrast of text (WCAG 2.2, 1.4.3), calm what light words
// on a dark page should have: less tires, though more than needed.
const (
	readable = 4.5
	calm     = 7
)

// Light makes the accent of the light scheme, and tells whether it can be read
// wherever the page writes with it.
func Light(c Colour) (Accent, bool) {
	a := Accent{Base: c, Deep: c.toward(black(), .3), On: white(), Tint: white().toward(c, .1)}
	return a, a.least(fixed(lightCard), fixed(lightPaper)) >= readable
}

// Least is the lowest contrast that words in this colour have on the light page.
func Least(c Colour) float64 {
	a, _ := Light(c)
	return a.least(fixed(lightCard), fixed(lightPaper))
}

// Fit is the nearest darker colour of which Light is fit.
func Fit(c Colour) Colour {
	for share := 0.0; share < 1; share += .01 {
		if darker := c.toward(black(), share); fits(darker) {
			return darker
		}
	}
	return black()
}

func fits(c Colour) bool {
	_, ok := Light(c)
	return ok
}

// Dark makes the accent of the dark scheme out of that of the light one: as much
// lighter as it takes to be read at night.
func Dark(c Colour) Accent {
	tint := fixed(darkCard).toward(c, .16)
	a := Accent{Base: white(), Tint: tint}
	for share := 0.0; share < 1; share += .01 {
		if a.Base = c.toward(white(), share); a.least(fixed(darkCard), fixed(darkPaper)) >= calm {
			break
		}
	}
	a.Deep = a.Base.toward(white(), .35)
	a.On = c.toward(black(), .75)
	if Contrast(a.On, a.Base) < readable {
		a.On = black()
	}
	return a
}

// Paper is what the light page is written on.
func Paper() Colour { return fixed(lightPaper) }

// least is the lowest contrast of the base on what it is written on.
func (a Accent) least(surfaces ...Colour) float64 {
	least := Contrast(a.Base, a.Tint)
	for _, s := range surfaces {
		least = min(least, Contrast(a.Base, s))
	}
	return least
}

func black() Colour { return Colour{} }
func white() Colour { return Colour{255, 255, 255} }

// fixed reads one of the constants above.
func fixed(text string) Colour {
	c, err := Parse(text)
	if err != nil {
		panic(err) // a test reads each of them
	}
	return c
}
