package look

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shot is a state on a screen, in our colours or in those of a brand.
type shot struct {
	scene string
	on    screen
	brand bool
}

func (s shot) file() string {
	name := s.scene + "-" + s.on.String()
	if s.brand {
		name += "-brand"
	}
	return filepath.Join("testdata", "pictures", name+".png")
}

// kept are the pictures in testdata: each main state once, spread over widths,
// schemes and languages.
func kept() []shot {
	small, phone := screen{lang: "de", width: 320, phone: true}, screen{lang: "en", width: 360, phone: true, dark: true}
	tablet, desk, office := screen{lang: "de", width: 768}, screen{lang: "de", width: 1280}, screen{lang: "en", width: 1280}
	night, large := screen{lang: "en", width: 1280, dark: true}, screen{lang: "de", width: 1280, scale: 200}
	huge, nacht := screen{lang: "de", width: 360, scale: 200, phone: true}, screen{lang: "de", width: 360, phone: true, dark: true}
	return []shot{
		{"signin", desk, false}, {"signin-refused", small, false}, {"signin", phone, false}, {"disturbed", tablet, false}, {"code", small, false}, {"code-refused", night, false},
		{"begin", tablet, false}, {"confirm", office, false}, {"confirm", phone, false}, {"confirm-list", nacht, false}, {"confirm-refused", small, false}, {"codes-first", desk, false}, {"codes-first", huge, false},
		{"devices", small, false}, {"device-issued", phone, false}, {"device-end", desk, false}, {"wish", night, false}, {"issued-iphone", phone, false}, {"issued-android", desk, false}, {"issued-thunderbird", large, false}, {"issued-other", small, false},
		{"home-list", office, false}, {"home-list", nacht, false}, {"home-phones", small, false}, {"wait", tablet, false}, {"remove", phone, false}, {"flow", small, false}, {"lost-phone", small, false}, {"tries", tablet, false}, {"signin", tablet, true}, {"wish", phone, true},
		{"onward", phone, false}, {"codes-lost", office, false}, {"home-bare", small, false}, {"home-onward", desk, false}, {"phone-rename-refused", night, false}, {"link-gone", tablet, false},
	}
}

// Sizes of what is kept.
const (
	maxKept  = 2 << 20
	maxShare = 0.004 // of a picture that may look different
)

// TestPictures takes the pictures again and compares them with those that were
// found good. Where one differs, a picture of the difference is left beside it.
func TestPictures(t *testing.T) {
	t.Parallel()
	renew := flag.Lookup("update").Value.String() == "true"
	b := newTab(t, newStage(t, nil))
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.album(dir)
	}
	ours, theirs := b.st, newStage(t, branded)
	size := 0
	for _, s := range kept() {
		if b.st = ours; s.brand {
			b.st = theirs
		}
		b.show(s.on)
		b.play(named(t, s.scene))
		got, err := decode(b.picture(s.on))
		if err != nil {
			t.Fatal(err)
		}
		if renew {
			keep(t, s.file(), got.small())
		}
		raw, err := os.ReadFile(s.file())
		if err != nil {
			t.Errorf("%v; go test -update takes it", err)
			continue
		}
		size += len(raw)
		want, err := decode(raw)
		if err != nil {
			t.Fatalf("%s: %v", s.file(), err)
		}
		share, marked := want.differ(got)
		if share > maxShare {
			left := strings.TrimSuffix(s.file(), ".png") + ".differs.png"
			keep(t, left, marked)
			t.Errorf("%s: %.1f%% of it looks different, see %s", s.file(), 100*share, left)
		}
	}
	if size > maxKept {
		t.Errorf("the pictures have %d bytes", size)
	}
	all, err := filepath.Glob(filepath.Join("testdata", "pictures", "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if !strings.HasSuffix(file, ".differs.png") && !slices.ContainsFunc(kept(), func(s shot) bool { return s.file() == file }) {
			t.Errorf("%s is of no state any more", file)
		}
	}
}

func keep(t *testing.T, file string, p picture) {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, p.Image); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func named(t *testing.T, name string) scene {
	t.Helper()
	all := scenes()
	at := slices.IndexFunc(all, func(s scene) bool { return s.name == name })
	if at < 0 {
		t.Fatalf("there is no scene %s", name)
	}
	return all[at]
}

// picture is the whole page, without the caret that blinks. The screen is made as
// high as the page: capturing what is beyond it would undo the size of the text.
func (b *tab) picture(s screen) []byte {
	b.t.Helper()
	high := ask[int64](b, `(document.activeElement.style && (document.activeElement.style.caretColor = "transparent"), document.documentElement.scrollHeight)`)
	b.size(s, high)
	defer b.size(s, height)
	return run(b, "taking a picture", func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
		return r.Data, err
	})
}

// album keeps a picture of every state on every screen, or of those whose name
// begins as SCENE says.
func (b *tab) album(dir string) {
	b.t.Helper()
	var screens []screen
	for _, s := range kept() {
		if !slices.Contains(screens, s.on) {
			screens = append(screens, s.on)
		}
	}
	for _, s := range screens {
		b.show(s)
		for _, sc := range scenes() {
			if !strings.HasPrefix(sc.name, os.Getenv("SCENE")) {
				continue
			}
			b.play(sc)
			file := filepath.Join(dir, fmt.Sprintf("%s-%s.png", sc.name, s))
			if err := os.WriteFile(file, b.picture(s), 0o600); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}
