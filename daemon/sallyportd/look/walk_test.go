package look

import (
	"testing"
)

// TestScenes plays every scene once in each language and looks at it in every way
// that leaves it standing: a page costs more to load than to look at. The German
// ones are loaded on a large screen, the English ones on a phone at night.
// "-run TestScenes/de/wish" is one of them.
func TestScenes(t *testing.T) {
	t.Parallel()
	t.Run("de", func(t *testing.T) {
		t.Parallel()
		desk, night := screen{lang: "de", width: 1280}, screen{lang: "de", width: 360, phone: true, dark: true}
		small, phone, tablet := screen{lang: "de", width: 320, phone: true}, screen{lang: "de", width: 360, phone: true}, screen{lang: "de", width: 768, phone: true}
		huge, wide := screen{lang: "de", width: 360, scale: 200, phone: true}, screen{lang: "de", width: 768, scale: 200}
		walk(t, desk, func(b *tab, sc scene) {
			b.loads(sc)
			b.named(sc)
			b.still(sc)
			b.reaches(sc)
			b.grows(sc, phone, huge)
			b.unfold()
			b.fits(sc, huge, wide, small)
			b.rules(sc, night, desk)
			b.age()
			b.fits(sc, desk, tablet, small)
		})
	})
	t.Run("en", func(t *testing.T) {
		t.Parallel()
		night, desk := screen{lang: "en", width: 360, phone: true, dark: true}, screen{lang: "en", width: 1280}
		small, dark, large := screen{lang: "en", width: 320}, screen{lang: "en", width: 320, dark: true}, screen{lang: "en", width: 1280, scale: 200}
		walk(t, night, func(b *tab, sc scene) {
			b.loads(sc)
			b.show(desk)
			b.named(sc)
			b.show(dark)
			b.reaches(sc)
			b.unfold()
			b.fits(sc, small, large)
			b.rules(sc, night)
		})
	})
}

// walk plays all scenes on one screen, each in a test of its own.
func walk(t *testing.T, on screen, see func(*tab, scene)) {
	b := newTab(t, newStage(t, nil))
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			defer func(was *testing.T) { b.t = was }(b.t)
			b.t = t
			b.show(on)
			b.play(sc)
			see(b, sc)
		})
	}
}

// unfold opens all that can be opened.
func (b *tab) unfold() {
	b.t.Helper()
	ask[bool](b, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
}
