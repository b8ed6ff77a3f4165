package look

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const patience = 30 * time.Second

// screen is what the page is shown on.
type screen struct {
	lang   string
	width  int64
	dark   bool
	phone  bool  // touched, not clicked
	scale  int64 // of the text, in percent; 0 is 100
	forced bool  // the system's own few colours
}

func (s screen) String() string {
	name := fmt.Sprintf("%s-%d", s.lang, s.width)
	for mark, is := range map[string]bool{"-dark": s.dark, fmt.Sprintf("-text%d", s.scale): s.scale != 0} {
		if is {
			name += mark
		}
	}
	return name
}

// tab is a browser with one tab, and what it asked the network for.
type tab struct {
	t   *testing.T
	ctx context.Context
	st  *stage
	dir string // the profile
	// close ends the browser, once.
	close func() error
	// on is the screen that it stands on; nothing stands on the zero one.
	on screen
	// old is the stylesheet as an old browser understands it.
	old string

	mu    sync.Mutex
	asked []string
}

// newTab starts a Chromium whose fonts are always the same.
func newTab(t *testing.T, st *stage) *tab {
	t.Helper()
	path := need(t, "chromium", "chromium")
	fonts, dir := fontsOnly(t), t.TempDir()
	// A page that is gone is not kept for a way back, the next one is drawn by the
	// process of the last, and around the page there is no bar of addresses to draw:
	// all that is half of what a load costs.
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.Flag("kiosk", true), chromedp.Flag("disable-features", "Translate,BackForwardCache,RenderDocument,PaintHolding,SpareRendererForSitePerProcess"),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Env("FONTCONFIG_FILE="+fonts),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("ignore-certificate-errors", true), // httptest's own
		chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("disable-lcd-text", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("host-resolver-rules", "MAP "+strings.TrimPrefix(app, "https://")+" "+st.mail))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	b := &tab{t: t, ctx: ctx, st: st, dir: dir, close: sync.OnceValue(func() error { return chromedp.Cancel(ctx) })}
	t.Cleanup(func() { _ = b.close(); stop() })
	if err := chromedp.Listen(ctx, b.notice); err != nil {
		t.Fatalf("watching the browser: %v", err)
	}
	// The first call must not have a deadline: it is the browser's life.
	err := chromedp.Do(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		// Nobody here wants to be told of every element and rule of every page.
		_, derr := cdp.Call(ctx, target, dom.Disable, cdp.Empty{})
		_, cerr := cdp.Call(ctx, target, css.Disable, cdp.Empty{})
		return chromedp.Void{}, errors.Join(err, derr, cerr)
	})
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return b
}

// need finds a program. It skips the test where that is missing, and fails it
// where CI=true.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt install %s", program, debian)
	}
	t.Skipf("%s is missing: apt install %s", program, debian)
	return ""
}

// fontsOnly writes a fontconfig that knows two families, so that pictures from
// different machines can be compared.
func fontsOnly(t *testing.T) string {
	t.Helper()
	const roboto, dejavu = "/usr/share/fonts/truetype/roboto/unhinted/RobotoTTF", "/usr/share/fonts/truetype/dejavu"
	for dir, debian := range map[string]string{roboto: "fonts-roboto-unhinted", dejavu: "fonts-dejavu-core"} {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: apt install %s", dir, debian)
		}
		t.Skipf("%s is missing: apt install %s", dir, debian)
	}
	dir := t.TempDir()
	text := `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>` + roboto + `</dir><dir>` + dejavu + `</dir><cachedir>` + dir + `</cachedir>
<selectfont><rejectfont><glob>*/DejaVuSerif*</glob><glob>*/DejaVuSans.ttf</glob><glob>*/DejaVuSans-*</glob><glob>*/DejaVuSansCondensed*</glob><glob>*/DejaVuMath*</glob></rejectfont></selectfont>
<alias binding="same"><family>ui-monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
<alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
<match target="pattern"><edit name="family" mode="append_last"><string>Roboto</string></edit></match>
<match target="font"><edit name="antialias" mode="assign"><bool>true</bool></edit><edit name="hinting" mode="assign"><bool>false</bool></edit><edit name="rgba" mode="assign"><const>none</const></edit></match>
</fontconfig>`
	file := filepath.Join(dir, "fonts.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (b *tab) notice(ev any) {
	if e, ok := ev.(*network.EventRequestWillBeSent); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = append(b.asked, e.Request.URL)
	}
}

// requests returns and forgets what was asked for, pictures in the page left out.
func (b *tab) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.DeleteFunc(b.asked, func(u string) bool { return strings.HasPrefix(u, "data:") })
	b.asked = nil
	return all
}

// run does something in the browser within our patience.
func run[T any](b *tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.words())
	}
	return v
}

// ask evaluates an expression as the developer's tools do.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	return run(b, "evaluating "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// words is what the page reads like, for messages.
func (b *tab) words() string {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + "\n" + document.body.innerText`))
	if err != nil {
		return ""
	}
	return s
}

// show puts the tab on a screen. What is as on the last one is left alone.
func (b *tab) show(s screen) {
	b.t.Helper()
	last := b.on
	if s == last {
		return
	}
	b.on = s
	run(b, "turning the screen", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		var err, lerr, serr, terr error
		if last.width == 0 || s.dark != last.dark || s.forced != last.forced {
			err = s.wishes(ctx, target, "reduce")
		}
		if s.lang != last.lang {
			agent := "Mozilla/5.0 (X11; Linux x86_64) Chromium"
			_, lerr = cdp.Call(ctx, target, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: s.lang})
		}
		if last.width == 0 || s.scale != last.scale {
			size := max(s.scale, 100) * 16 / 100
			_, serr = cdp.Call(ctx, target, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: size, Fixed: size * 13 / 16}})
		}
		if s.phone != last.phone {
			_, terr = cdp.Call(ctx, target, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: s.phone})
		}
		return chromedp.Void{}, errors.Join(err, lerr, serr, terr)
	})
	if s.width != last.width || s.phone != last.phone {
		b.size(s, height)
	}
}

// wishes are those that the system has for the page: its colours, and how much
// motion there may be.
func (s screen) wishes(ctx context.Context, target *chromedp.Target, motion string) error {
	scheme, colours := "light", "none"
	if s.dark {
		scheme = "dark"
	}
	if s.forced {
		colours = "active"
	}
	_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}, {Name: "forced-colors", Value: colours}}})
	return err
}

// height is that of a screen.
const height = 900

// size makes the screen as wide as it is and as high as is wanted.
func (b *tab) size(s screen, high int64) {
	b.t.Helper()
	p := emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: high, DeviceScaleFactor: 1, Mobile: s.phone}
	if s.phone {
		p.ScreenOrientation = &emulation.ScreenOrientation{Type: emulation.ScreenOrientationTypePortraitPrimary}
	}
	run(b, "sizing the screen", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, p)
		return chromedp.Void{}, err
	})
}

// be gives the browser these cookies and no others.
func (b *tab) be(cookies ...*http.Cookie) {
	b.t.Helper()
	run(b, "setting cookies", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		for _, c := range cookies {
			yes := true
			_, cerr := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{
				Name: c.Name, Value: c.Value, URL: b.st.url + "/", Path: "/", Secure: &yes, HTTPOnly: &yes, SameSite: network.CookieSameSiteStrict})
			err = errors.Join(err, cerr)
		}
		return chromedp.Void{}, err
	})
}

func (b *tab) open(path string) {
	b.t.Helper()
	run(b, "opening "+path, chromedp.Navigate(b.st.url+path))
}

// leave does something that leads to another page, and waits for that.
func (b *tab) leave(what string, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, action); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.words())
	}
}

// wait looks again and again whether an expression is true.
func (b *tab) wait(what, expression string) {
	b.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		cancel()
		if err == nil && is {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("%s: not within %s (%v)\n%s", what, patience, err, b.words())
		case <-tick.C:
		}
	}
}

// send fills in the form with this action and sends it.
func (b *tab) send(action string, fields ...string) {
	b.t.Helper()
	js, err := json.Marshal(fields)
	if err != nil {
		b.t.Fatal(err)
	}
	// The browser's own checks of required fields would keep a wrong form back.
	b.leave("sending "+action, chromedp.Action[chromedp.Void](func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
			const form = document.querySelector('form[action=%q]'), fields = %s || [];
			for (let i = 0; i < fields.length; i += 2) {
				const f = form.elements[fields[i]], ticks = (f.length ? [...f] : [f]).filter(e => e.type === "checkbox");
				if (ticks.length) ticks.forEach(e => e.checked = fields[i+1] !== ""); else f.value = fields[i+1];
			}
			form.submit(); return true })()`, action, js))(ctx, target)
		return chromedp.Void{}, err
	}))
}
