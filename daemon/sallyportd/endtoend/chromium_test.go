package endtoend

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// device is what somebody holds in their hands.
type device struct {
	name          string
	lang          string
	width, height int64
	mobile, dark  bool
	noScript      bool
}

// chromium is one real browser, and what it has noticed.
type chromium struct {
	t    *testing.T
	ctx  context.Context
	dev  device
	base string
	// app is the address of a web application that is visited, too; what it does
	// is its own.
	app  string
	shot int

	mu       sync.Mutex
	trouble  []string
	hardened int
	fewest   int // pages; 0 is ten
}

// shared is the one Chromium of all tests, which begins with the first that needs
// it.
var shared struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

// spare are parts of Chromium that cost a third of its work here, and do nothing for
// a page: processes kept ready for other sites, and what hangs below the address
// bar, which nobody sees. The first two are chromedp's own.
const spare = "Translate,BlinkGenPropertyTrees,SpareRendererForSitePerProcess,WebUIOmniboxPopup,WebUIOmniboxAimPopup"

// startChromium starts it with an empty profile.
func startChromium() (context.Context, func(), error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "sp-chromium")
	if err != nil {
		return nil, nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-features", spare),
		chromedp.Flag("ignore-certificate-errors", true)) // the test's own authority
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	end := func() { _ = chromedp.Cancel(ctx); cancel(); stop(); _ = os.RemoveAll(dir) }
	_, err = chromedp.Run(ctx, chromedp.Evaluate[int](`1`))
	return ctx, end, err
}

// newChromium opens a window of it that shares nothing with any other: no cookie,
// no store, no language.
func newChromium(t *testing.T, base string, dev device) *chromium {
	t.Helper()
	need(t, "chromium", "chromium")
	need(t, "zbarimg", "zbar-tools")
	shared.once.Do(func() { shared.ctx, shared.end, shared.err = startChromium() })
	if shared.err != nil {
		t.Fatal("starting chromium: ", shared.err)
	}
	ctx, stop := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); stop() })
	c := &chromium{t: t, ctx: ctx, dev: dev, base: base}
	c.must("watching the browser", chromedp.Listen(ctx, c.notice))
	c.do("preparing the browser", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		_, nerr := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		_, serr := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: dev.noScript})
		scheme := "light"
		if dev.dark {
			scheme = "dark"
		}
		// Buttons that fade cost a picture sixty times a second, and show nothing more.
		_, merr := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		_, terr := cdp.Call(ctx, target, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: dev.mobile})
		_, ferr := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		agent, aerr := chromedp.Run(ctx, chromedp.Evaluate[string](`navigator.userAgent`))
		_, lerr := cdp.Call(ctx, target, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: dev.lang})
		return chromedp.Void{}, errors.Join(err, nerr, serr, merr, terr, ferr, aerr, lerr)
	})
	c.viewport(dev.width)
	return c
}

// viewport makes the screen so wide.
func (c *chromium) viewport(width int64) {
	c.t.Helper()
	screen := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: c.dev.height, DeviceScaleFactor: 1, Mobile: c.dev.mobile}
	if c.dev.mobile {
		chromedp.EmulatePortrait(&screen, nil)
	}
	c.do("turning the screen", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, screen)
		return chromedp.Void{}, err
	})
}

// notice collects what must not happen: errors on the console, exceptions,
// requests to anywhere else, answers without their guards.
func (c *chromium) notice(ev any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add := func(format string, args ...any) { c.trouble = append(c.trouble, fmt.Sprintf(format, args...)) }
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		add("exception: %+v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		add("console: %s", e.Type)
	case *log.EventEntryAdded:
		// The browser notes each refusal that was asked for, such as a wrong
		// password, as a resource that failed.
		// A test that types before the page has settled is where it wants to be.
		if e.Entry.Source == "rendering" && strings.HasPrefix(e.Entry.Text, "Autofocus processing was blocked") {
			return
		}
		if e.Entry.Source != "network" || !strings.Contains(e.Entry.Text, "the server responded with a status of 4") {
			add("log: %s %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, c.base+"/") && !strings.HasPrefix(u, "data:") && !c.apps(u) {
			add("request to %s", u)
		}
	case *network.EventResponseReceived:
		if e.Type != "Document" || strings.HasPrefix(e.Response.URL, "data:") || c.apps(e.Response.URL) {
			return
		}
		c.hardened++
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header(e.Response.Headers, name); !strings.Contains(got, want) {
				add("%s has %s %q, want %s", e.Response.URL, name, got, want)
			}
		}
		if strings.HasPrefix(c.base, "https:") && header(e.Response.Headers, "Strict-Transport-Security") == "" {
			add("%s has no Strict-Transport-Security", e.Response.URL)
		}
	}
}

func (c *chromium) apps(u string) bool { return c.app != "" && strings.HasPrefix(u, c.app+"/") }

func header(h network.Headers, name string) string {
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return fmt.Sprint(v)
		}
	}
	return ""
}

// untroubled fails the test for everything that was noticed.
func (c *chromium) untroubled() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, what := range c.trouble {
		c.t.Error(what)
	}
	if c.hardened < cmp.Or(c.fewest, 10) {
		c.t.Errorf("only %d pages were looked at", c.hardened)
	}
}

func (c *chromium) must(what string, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %s: %v\n%s", c.dev.name, what, err, c.words())
	}
}

func (c *chromium) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	// The first call must not have a deadline: it is the browser's life.
	ctx := c.ctx
	if chromedp.FromContext(ctx).Target != nil {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		ctx = limited
	}
	c.must(what, chromedp.Do(ctx, actions...))
}

// ask evaluates an expression as the developer's tools do, which works without
// JavaScript in the page, too.
func ask[T any](c *chromium, expression string) T {
	c.t.Helper()
	var v T
	err := within(patience, func() (err error) {
		ctx, cancel := context.WithTimeout(c.ctx, patience)
		defer cancel()
		// A page that goes at this moment is asked again when the next is there.
		if v, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression)); err != nil && !strings.Contains(err.Error(), "navigated or closed") {
			err = fatal{err}
		}
		return err
	})
	if err != nil {
		c.t.Fatalf("%s: %s: %v", c.dev.name, expression, err)
	}
	return v
}

// words is what the page reads like, for messages.
func (c *chromium) words() string {
	ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + "\n" + document.body.innerText`))
	if err != nil {
		return ""
	}
	return s
}

func (c *chromium) open(path string) {
	c.t.Helper()
	c.do("opening "+path, chromedp.Navigate(c.base+path))
}

// leave does something that leads to another page, and waits for that.
func (c *chromium) leave(what string, action chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ask[bool](c, `(document.documentElement.dataset.old = "1") === "1"`)
	c.do(what, action)
	c.must(what, within(patience, func() error {
		ctx, cancel := context.WithTimeout(c.ctx, patience)
		defer cancel()
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!document.documentElement.dataset.old && document.readyState === "complete"`))
		if err != nil || !there {
			return fmt.Errorf("no new page: %w", errors.Join(err, errors.New("still on the old one")))
		}
		return nil
	}))
}

// press clicks or taps something that leads to another page.
func (c *chromium) press(sel string) {
	c.t.Helper()
	c.leave("pressing "+sel, c.finger(sel))
}

// finger clicks or taps in the middle of what the selector means, once that can be
// seen and nothing lies upon it.
func (c *chromium) finger(sel string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		at, err := c.middle(sel)
		if err != nil {
			return chromedp.Void{}, err
		}
		if c.dev.mobile {
			return chromedp.TapXY(at.X, at.Y)(ctx, target)
		}
		return chromedp.MouseClickXY(at.X, at.Y)(ctx, target)
	}
}

// spot is where something is on the screen.
type spot struct {
	There bool
	X, Y  float64
}

// middle brings something onto the screen and returns where its middle is.
func (c *chromium) middle(sel string) (at spot, err error) {
	err = within(patience, func() error {
		at = ask[spot](c, fmt.Sprintf(`(e => {
			if (!e?.checkVisibility({visibilityProperty: true})) return {};
			e.scrollIntoViewIfNeeded();
			const box = e.getClientRects()[0], x = box.x + box.width / 2, y = box.y + box.height / 2, top = document.elementFromPoint(x, y);
			return {there: !!top && (e.closest("label") ?? e).contains(top), x, y};
		})(document.querySelector(%q))`, sel))
		if !at.There {
			return fmt.Errorf("there is no %s to be seen", sel)
		}
		return nil
	})
	return at, err
}

// write types into a field, key by key, over what it holds.
func (c *chromium) write(sel, text string) {
	c.t.Helper()
	c.must("going to "+sel, within(patience, func() error {
		if !ask[bool](c, fmt.Sprintf(`(e => {
			if (!e?.checkVisibility({visibilityProperty: true})) return false;
			e.focus();
			e.select();
			return document.activeElement === e;
		})(document.querySelector(%q))`, sel)) {
			return errors.New("it cannot be typed into")
		}
		return nil
	}))
	c.do("typing into "+sel, chromedp.KeyEvent(text))
}

// read is the text of an element that can be seen.
func (c *chromium) read(sel string) string {
	c.t.Helper()
	js, err := json.Marshal(sel)
	c.must("reading "+sel, err)
	s := ask[string](c, `(document.querySelector(`+string(js)+`) || {innerText: ""}).innerText`)
	if strings.TrimSpace(s) == "" {
		c.t.Fatalf("%s: nothing to read at %s:\n%s", c.dev.name, sel, c.words())
	}
	return strings.TrimSpace(s)
}
