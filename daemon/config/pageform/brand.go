package pageform

import (
	"fmt"

	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/daemon/config/tone"
)

// Brand is by what people know the operator, beside the name.
type Brand struct {
	// Accent is the colour of links and main buttons, as #rrggbb; empty is ours.
	Accent string
	// Logo is the path of an SVG or PNG file; empty is our mark.
	Logo string
}

// ReadBrand reads it, and refuses a colour in which nobody could read.
func ReadBrand(t *strict.Table) Brand {
	b := Brand{Accent: t.Text("accent", ""), Logo: t.File("logo", "")}
	if b.Accent == "" {
		return b
	}
	c, err := tone.Parse(b.Accent)
	if err != nil {
		t.Refuse("accent", fmt.Sprintf("%q is not a colour", b.Accent), `write for example: accent = "#0d5c55"`)
		return b
	}
	if _, ok := tone.Light(c); !ok {
		t.Refuse("accent", fmt.Sprintf("%s is too light to be read: words in it have a contrast of %.2f where it is worst, and 4.50 is the least", b.Accent, tone.Least(c)),
			fmt.Sprintf("the nearest that can be read: accent = %q", tone.Fit(c)))
	}
	return b
}
