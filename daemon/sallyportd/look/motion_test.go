package look

import (
	"context"

	"github.com/chromedp/chromedp"
)

// still wants nothing on the page to move for people who have asked their system
// for less motion; for others a button changes its colour softly.
func (b *tab) still(sc scene) {
	b.t.Helper()
	reduce, soft := b.moving("reduce"), b.moving("no-preference")
	b.wish("reduce")
	if len(reduce.Moving) > 0 {
		b.t.Errorf("%s: these move: %q", sc.name, reduce.Moving)
	}
	if len(soft.Moving) < soft.Buttons {
		b.t.Errorf("%s: of %d buttons only %q are soft", sc.name, soft.Buttons, soft.Moving)
	}
}

// wish is how much motion the system asks for.
func (b *tab) wish(motion string) {
	b.t.Helper()
	run(b, "motion", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		return chromedp.Void{}, b.on.wishes(ctx, target, motion)
	})
}

// moves is what moves on a page, and how many buttons it has.
type moves struct {
	Moving  []string
	Buttons int
}

func (b *tab) moving(wish string) moves {
	b.t.Helper()
	b.wish(wish)
	return ask[moves](b, `({Buttons: document.querySelectorAll("main button, main .button").length, Moving: [...document.querySelectorAll("*")].filter(e => ["", "::before", "::after"].some(p => {
		const s = getComputedStyle(e, p || null);
		return [s.transitionDuration, s.animationDuration].some(d => d.split(", ").some(d => parseFloat(d) > 0)) || s.scrollBehavior == "smooth";
	})).map(e => e.tagName + "." + e.className)})`)
}
