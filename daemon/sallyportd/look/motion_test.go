package look

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestMotion: nothing on the page moves for people who have asked their system
// for less motion; for others a button changes its colour softly.
func TestMotion(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	b.show(screen{lang: "de", width: 1280})
	for _, sc := range scenes() {
		b.play(sc)
		for _, wish := range []string{"reduce", "no-preference"} {
			run(b, "motion", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
				_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
					{Name: "prefers-reduced-motion", Value: wish}}})
				return chromedp.Void{}, err
			})
			moving := ask[[]string](b, `[...document.querySelectorAll("*")].filter(e => ["", "::before", "::after"].some(p => {
				const s = getComputedStyle(e, p || null);
				return [s.transitionDuration, s.animationDuration].some(d => d.split(", ").some(d => parseFloat(d) > 0)) || s.scrollBehavior == "smooth";
			})).map(e => e.tagName + "." + e.className)`)
			buttons := ask[int](b, `document.querySelectorAll("main button, main .button").length`)
			if wish == "reduce" && len(moving) > 0 {
				t.Errorf("%s: these move: %q", sc.name, moving)
			}
			if wish == "no-preference" && len(moving) < buttons {
				t.Errorf("%s: of %d buttons only %q are soft", sc.name, buttons, moving)
			}
		}
	}
}
