package endtoend

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// drawn is what every page says of itself.
type drawn struct {
	Ready             bool
	Lang              string
	Headings, Scripts int
	Width             int64
}

// look checks what holds for every page, and keeps a picture if asked to.
func (c *chromium) look(name string) {
	c.t.Helper()
	var page drawn
	c.must("waiting for the page", within(patience, func() error {
		if page = ask[drawn](c, `({ready: !!document.documentElement && document.readyState === "complete", lang: document.documentElement?.lang,
			headings: document.querySelectorAll("h1").length, width: document.scrollingElement?.scrollWidth,
			scripts: [...document.scripts].filter(s => s.text || new URL(s.src).origin !== location.origin).length})`); !page.Ready {
			return errors.New("it is not there yet")
		}
		return nil
	}))
	if page.Lang != c.dev.lang {
		c.t.Errorf("%s: %s is in %q", c.dev.name, name, page.Lang)
	}
	if page.Headings != 1 {
		c.t.Errorf("%s: %s has %d headings", c.dev.name, name, page.Headings)
	}
	if page.Scripts != 0 {
		c.t.Errorf("%s: %s has %d scripts that are not our own file", c.dev.name, name, page.Scripts)
	}
	if page.Width > c.dev.width {
		c.t.Errorf("%s: %s is %d wide on a screen of %d", c.dev.name, name, page.Width, c.dev.width)
	}
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	c.shot++
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	c.must("taking a picture", err)
	c.must("keeping a picture", os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%02d-%s.png", c.dev.name, c.shot, name)), png, 0o600))
}

// scan takes a picture of the element and lets zbar, which is not ours, read it.
func (c *chromium) scan(sel string) *url.URL {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.Screenshot(sel))
	c.must("taking a picture of the QR code", err)
	file := filepath.Join(c.t.TempDir(), "qr.png")
	c.must("keeping the picture", os.WriteFile(file, png, 0o600))
	out, err := exec.Command("zbarimg", "--raw", "-q", file).Output()
	c.must("reading the QR code", err)
	u, err := url.Parse(strings.TrimSpace(string(out)))
	c.must("reading the QR code", err)
	return u
}

// cookies looks at what a thief would want: no script can read a cookie, none
// goes out with a request from elsewhere, and over TLS none is for plain HTTP.
func (c *chromium) cookies() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{})
	})
	c.must("looking at the cookies", err)
	if len(got.Cookies) < 2 {
		c.t.Errorf("%s: %d cookies of somebody who is signed in", c.dev.name, len(got.Cookies))
	}
	for _, k := range got.Cookies {
		if strings.HasSuffix(k.Name, "sallyport-code") {
			// That a code was asked for a moment ago; it proves nothing.
			k.Session = time.Until(time.UnixMilli(int64(k.Expires*1000))) <= 5*time.Minute
		}
		if !k.HTTPOnly || k.SameSite != network.CookieSameSiteStrict || !k.Session {
			c.t.Errorf("%s: cookie %s: http only %t, same site %s, ends with the browser %t", c.dev.name, k.Name, k.HTTPOnly, k.SameSite, k.Session)
		}
		if strings.HasPrefix(c.base, "https:") && (!k.Secure || !strings.HasPrefix(k.Name, "__Host-")) {
			c.t.Errorf("%s: cookie %s is not bound to this host over TLS", c.dev.name, k.Name)
		}
	}
}
