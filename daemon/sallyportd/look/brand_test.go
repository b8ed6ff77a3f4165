package look

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/enrollweb"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// drawn is a logo with what must not run: the config refuses it, and this is what
// stands behind the config.
const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 36" onload="document.documentElement.dataset.ran = 1">
<script>document.documentElement.dataset.ran = 1; fetch("/home")</script>
<rect width="36" height="36" rx="8" fill="#8a1253"/><path d="M9 27V9l9 9 9-9v18" fill="none" stroke="#fff" stroke-width="4"/>
<path d="M48 12h36M48 24h24" stroke="#8a1253" stroke-width="5"/></svg>`

// branded is the page of an operator with a colour and a logo.
func branded(c *enrollweb.Config) {
	c.Brand = look.Brand{Accent: "#8a1253", Logo: []byte(drawn)}
}

// TestBrand: in an operator's colour and with a logo the page can be used as well
// as in ours, and nothing in the logo runs, not in the page and not opened by
// itself.
func TestBrand(t *testing.T) {
	t.Parallel()
	st := newStage(t, branded)
	b := newTab(t, st)
	for _, s := range []screen{{lang: "de", width: 1280}, {lang: "en", width: 360, phone: true, dark: true}} {
		b.show(s)
		for _, name := range []string{"signin", "home-list", "wish", "confirm-refused", "remove"} {
			b.play(named(t, name))
			for _, v := range b.axe() {
				t.Errorf("%s, %s: %s", name, s, v)
			}
			if ask[bool](b, `document.documentElement.hasAttribute("data-ran")`) {
				t.Errorf("%s: the logo's script ran", name)
			}
		}
		if got := ask[bool](b, `(l => l.complete && l.naturalWidth > 0 && l.getBoundingClientRect().height >= 30)(document.querySelector("img.logo"))`); !got {
			t.Errorf("%s: the logo is not to be seen", s)
		}
	}
	logo := ask[string](b, `new URL(document.querySelector("img.logo").src).pathname`)
	b.be(st.cookie(t, guard.Full))
	b.requests()
	b.open(logo)
	if ask[bool](b, `document.documentElement.hasAttribute("data-ran")`) || ask[string](b, `self.origin`) != "null" {
		t.Error("the logo, opened by itself, runs its script or is of our origin")
	}
	for _, u := range b.requests() {
		if !strings.HasSuffix(u, logo) {
			t.Errorf("the logo, opened by itself, asks for %s", u)
		}
	}
}
