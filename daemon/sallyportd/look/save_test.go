package look

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/look"
)

// TestSave saves the emergency codes as a file, with a finger on the button, in
// both languages, with JavaScript and without. The file holds the ten codes that
// the page shows, the page stays, and the browser's own files keep no code.
func TestSave(t *testing.T) {
	t.Parallel()
	b := newTab(t, newStage(t, nil))
	names := map[string]string{"de": "Notfallcodes.txt", "en": "Emergency codes.txt"}
	says := map[string][]string{
		"de": {"Notfallcodes für Uni Musterstadt", "Für Alice Ahrens (alice)", "Vom 23. November 2026", "Fragen? Rufen Sie uns an: +49 30 123 456"},
		"en": {"Emergency codes for Uni Musterstadt", "For Alice Ahrens (alice)", "Made on 23 November 2026", "Questions? Call us: +49 30 123 456"},
	}
	for _, s := range []screen{{lang: "de", width: 1280}, {lang: "en", width: 360, phone: true}} {
		for _, script := range []bool{true, false} {
			b.script(script)
			b.show(s)
			b.play(named(t, "codes"))
			if n := ask[int](b, `[...document.querySelectorAll(".keep button")].filter(e => e.checkVisibility()).length`); (n == 1) == script || n == 0 {
				t.Errorf("%s, script %t: %d buttons", s, script, n)
			}
			text := b.download(`form[action="/codes/file"] button`, names[s.lang])
			shown := ask[[]string](b, `[...document.querySelectorAll("#codes li")].map(e => e.innerText)`)
			held := regexp.MustCompile(`[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{5}`).FindAllString(text, -1)
			if len(shown) != 10 || !slices.Equal(shown, held) {
				t.Errorf("%s, script %t: the page shows %v, the file holds %v", s, script, shown, held)
			}
			for _, want := range says[s.lang] {
				if !strings.Contains(text, want+"\r\n") && !strings.Contains(text, want+", ") {
					t.Errorf("%s, script %t: the file does not say %q:\n%s", s, script, want, text)
				}
			}
			for _, u := range b.requests() {
				if slices.ContainsFunc(shown, func(c string) bool { return strings.Contains(u, c) }) || strings.Contains(u, "?") {
					t.Errorf("asks for %s", u)
				}
			}
		}
	}
	b.forgets(sheet())
}

// script turns JavaScript on or off.
func (b *tab) script(on bool) {
	b.t.Helper()
	run(b, "turning JavaScript", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return chromedp.Void{}, err
	})
}

// download clicks, and reads the one file that comes of it.
func (b *tab) download(sel, want string) string {
	b.t.Helper()
	dir := b.t.TempDir()
	run(b, "allowing downloads", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir})
		return chromedp.Void{}, err
	})
	at := ask[[]float64](b, fmt.Sprintf(`(e => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2] })(document.querySelector(%q))`, sel))
	run(b, "pressing "+sel, chromedp.MouseClickXY(at[0], at[1]))
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(dir, want))
		if err == nil && len(text) > 0 {
			all, err := os.ReadDir(dir)
			if err != nil || len(all) != 1 {
				b.t.Errorf("%d files came of one click (%v)", len(all), err)
			}
			return string(text)
		}
		select {
		case <-deadline:
			all, _ := os.ReadDir(dir)
			b.t.Fatalf("no file %s, but %v\n%s", want, all, b.words())
		case <-tick.C:
		}
	}
}

// forgets closes the browser and looks through all that it has written to its
// profile. That it knows of the downloads shows that it has written at all.
func (b *tab) forgets(codes []account.Secret) {
	b.t.Helper()
	if err := b.close(); err != nil {
		b.t.Fatalf("closing the browser: %v", err)
	}
	told := false
	err := filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		told = told || bytes.Contains(data, []byte("/codes/file"))
		for _, c := range codes {
			for _, form := range written(strings.Join(look.Groups(c.Reveal(), 5), "-")) {
				if bytes.Contains(data, []byte(form)) {
					b.t.Errorf("%s holds a code", strings.TrimPrefix(path, b.dir))
				}
			}
		}
		return err
	})
	if err != nil || !told {
		b.t.Errorf("the browser's profile knows of no download (%v)", err)
	}
}

// written are the ways in which a code can stand in a file: as it is, and in
// base64, from wherever that begins.
func written(code string) []string {
	all := []string{code}
	for before := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + code))
		all = append(all, coded[4:len(coded)-4])
	}
	return all
}
