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
	if n, ok := img.(*image.NRGBA); ok && n.Opaque() { // the same bytes, and sooner drawn
		img = &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect}
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
// and where that is more than may be, this picture with those marked. One that is
// wider or higher differs there.
func (p picture) differ(o picture) (float64, picture) {
	area, both := p.Bounds().Union(o.Bounds()), p.Bounds().Intersect(o.Bounds())
	if area.Dx()-both.Dx() < square && area.Dy()-both.Dy() < square {
		area = both // heights of half pixels are rounded, now up, now down
	}
	ours, theirs := p.plain(area), o.plain(area)
	there := both.Sub(area.Min)
	var bad []image.Rectangle
	for y := 0; y+square <= area.Dy(); y += square {
		if row := image.Rect(0, y, area.Dx(), y+square); row.In(there) && same(ours, theirs, row) {
			continue
		}
		for x := 0; x+square <= area.Dx(); x += square {
			r := image.Rect(x, y, x+square, y+square)
			if !r.In(there) {
				bad = append(bad, r)
				continue
			}
			if same(ours, theirs, r) {
				continue
			}
			a, b := mean(ours, r), mean(theirs, r)
			if far(a.R, b.R) || far(a.G, b.G) || far(a.B, b.B) {
				bad = append(bad, r)
			}
		}
	}
	share := float64(len(bad)) / float64(area.Dx()/square*(area.Dy()/square))
	if share <= maxShare {
		return share, picture{}
	}
	for _, r := range bad {
		draw.Draw(ours, r, image.NewUniform(color.RGBA{255, 0, 200, 255}), image.Point{}, draw.Src)
	}
	return share, picture{ours}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > step }

// plain is what lies in an area, as a picture that begins at zero. Where there is
// nothing of this one, it is clear.
func (p picture) plain(area image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: area.Size()})
	from, ok := p.Image.(*image.Paletted)
	if !ok {
		draw.Draw(out, out.Rect, p.Image, area.Min, draw.Src)
		return out
	}
	var colours [256][4]uint8
	for i, c := range from.Palette {
		r, g, b, a := c.RGBA()
		colours[i] = [4]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)}
	}
	there := area.Intersect(from.Rect)
	for y := there.Min.Y; y < there.Max.Y; y++ {
		at := out.PixOffset(there.Min.X-area.Min.X, y-area.Min.Y)
		for i, c := range from.Pix[from.PixOffset(there.Min.X, y):from.PixOffset(there.Max.X, y)] {
			copy(out.Pix[at+4*i:], colours[c][:])
		}
	}
	return out
}

// same says whether a part of two pictures of one size has the same bytes, which is
// soon seen, and so for most of a page.
func same(a, b *image.RGBA, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from, to := a.PixOffset(r.Min.X, y), a.PixOffset(r.Max.X, y)
		if !bytes.Equal(a.Pix[from:to], b.Pix[from:to]) {
			return false
		}
	}
	return true
}

// mean is the mean colour of a square.
func mean(p *image.RGBA, at image.Rectangle) color.RGBA {
	var r, g, b uint32
	for y := at.Min.Y; y < at.Max.Y; y++ {
		row := p.Pix[p.PixOffset(at.Min.X, y):p.PixOffset(at.Max.X, y)]
		for i := 0; i+3 < len(row); i += 4 {
			r, g, b = r+uint32(row[i]), g+uint32(row[i+1]), b+uint32(row[i+2])
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
