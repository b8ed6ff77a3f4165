package look

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "take the pictures in testdata anew")
	flag.Parse()
	os.Exit(m.Run())
}

// picture is what the browser drew.
type picture struct{ image.Image }

func decode(raw []byte) (picture, error) {
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return picture{}, fmt.Errorf("reading a picture: %w", err)
	}
	return picture{img}, nil
}

// Letters have soft edges, which another build of the browser draws a little
// differently. So not pixels are compared but the mean colour of little squares.
const (
	square = 4
	// step is from which difference of a mean on somebody would see it, of 255.
	step = 24
)

// differ is the share of this picture's squares that look different in another,
// and this picture with those marked. One that is wider or higher differs there.
func (p picture) differ(o picture) (float64, picture) {
	area, both := p.Bounds().Union(o.Bounds()), p.Bounds().Intersect(o.Bounds())
	if area.Dx()-both.Dx() < square && area.Dy()-both.Dy() < square {
		area = both // heights of half pixels are rounded, now up, now down
	}
	marked := image.NewRGBA(area)
	draw.Draw(marked, area, p, image.Point{}, draw.Src)
	bad, all := 0, 0
	for y := area.Min.Y; y+square <= area.Max.Y; y += square {
		for x := area.Min.X; x+square <= area.Max.X; x += square {
			all++
			a, b := p.mean(x, y), o.mean(x, y)
			if far(a.R, b.R) || far(a.G, b.G) || far(a.B, b.B) {
				bad++
				draw.Draw(marked, image.Rect(x, y, x+square, y+square), image.NewUniform(color.RGBA{255, 0, 200, 255}), image.Point{}, draw.Src)
			}
		}
	}
	return float64(bad) / float64(all), picture{marked}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > step }

// mean is the mean colour of the square at a place.
func (p picture) mean(x, y int) color.RGBA {
	var r, g, b uint32
	for dy := range square {
		for dx := range square {
			cr, cg, cb, _ := p.At(x+dx, y+dy).RGBA()
			r, g, b = r+cr>>8, g+cg>>8, b+cb>>8
		}
	}
	const n = square * square
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}

// small is the picture with at most 256 colours, which is enough for a page of a
// few colours and the edges of its letters, and takes a third of the bytes.
func (p picture) small() picture {
	for shift := range 8 {
		round := func(c color.Color) color.RGBA {
			r, g, b, _ := c.RGBA()
			cut := func(v uint32) uint8 {
				v >>= 8
				if shift == 0 {
					return uint8(v)
				}
				return uint8(min(255, (v>>shift)<<shift+1<<(shift-1)))
			}
			return color.RGBA{cut(r), cut(g), cut(b), 255}
		}
		if out := p.paletted(round); out != nil {
			return picture{out}
		}
	}
	return p
}

// paletted is the picture in the colours that round makes, or nil where those are
// too many. The most frequent colours stay as they are.
func (p picture) paletted(round func(color.Color) color.RGBA) *image.Paletted {
	count := map[color.RGBA]int{}
	area := p.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			r, g, b, _ := p.At(x, y).RGBA()
			count[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
		}
	}
	exact := func(c color.RGBA) bool { return count[c] > area.Dx()*area.Dy()/500 }
	index := map[color.RGBA]uint8{}
	var colours color.Palette
	out := image.NewPaletted(area, nil)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			r, g, b, _ := p.At(x, y).RGBA()
			c := color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
			if !exact(c) {
				c = round(c)
			}
			at, ok := index[c]
			if !ok {
				if len(colours) == 256 {
					return nil
				}
				at = uint8(len(colours))
				index[c], colours = at, append(colours, c)
			}
			out.SetColorIndex(x, y, at)
		}
	}
	out.Palette = colours
	return out
}

// A picture is itself; a word that moved, a colour that changed, and a page that
// grew are seen, an edge that is a little softer is not.
func TestDiffer(t *testing.T) {
	page := func(edit func(*image.RGBA)) picture {
		img := image.NewRGBA(image.Rect(0, 0, 200, 200))
		draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
		for x := range 100 {
			for y := range 40 {
				img.Set(20+x, 20+y, color.RGBA{13, 92, 85, 255})
			}
		}
		if edit != nil {
			edit(img)
		}
		return picture{img}
	}
	base := page(nil)
	for name, c := range map[string]struct {
		other picture
		seen  bool
	}{
		"itself": {page(nil), false},
		"in 256": {page(nil).small(), false},
		"softer edges": {page(func(i *image.RGBA) {
			draw.Draw(i, image.Rect(20, 20, 120, 21), image.NewUniform(color.RGBA{60, 120, 115, 255}), image.Point{}, draw.Src)
		}), false},
		"moved": {page(func(i *image.RGBA) { draw.Draw(i, i.Bounds(), base, image.Point{-8, 0}, draw.Src) }), true},
		"other colour": {page(func(i *image.RGBA) {
			draw.Draw(i, image.Rect(20, 20, 120, 60), image.NewUniform(color.RGBA{60, 92, 85, 255}), image.Point{}, draw.Src)
		}), true},
		"a pixel": {picture{base.Image.(*image.RGBA).SubImage(image.Rect(0, 0, 200, 199))}, false},
		"higher": {picture{func() image.Image {
			i := image.NewRGBA(image.Rect(0, 0, 200, 240))
			draw.Draw(i, i.Bounds(), image.White, image.Point{}, draw.Src)
			draw.Draw(i, base.Bounds(), base, image.Point{}, draw.Src)
			return i
		}()}, true},
	} {
		if share, _ := base.differ(c.other); share > maxShare != c.seen {
			t.Errorf("%s: %.3f differs", name, share)
		}
	}
}
