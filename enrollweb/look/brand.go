package look

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/tone"
)

// Brand is by what people know the operator, beside the name. Both parts are
// optional.
type Brand struct {
	// Accent is a colour as #rrggbb.
	Accent string
	// Logo is an SVG or PNG file.
	Logo []byte
}

// asset is a file that belongs to every page.
type asset struct {
	kind    string
	content []byte
}

// ours is the accent of the stylesheet.
const ours = "#0d5c55"

// style is the stylesheet in the brand's colours.
func (b Brand) style() ([]byte, error) {
	if b.Accent == "" {
		return styleFile, nil
	}
	c, err := tone.Parse(b.Accent)
	if err != nil {
		return nil, fmt.Errorf("the accent colour %q: %w", b.Accent, err)
	}
	light, ok := tone.Light(c)
	if !ok {
		return nil, fmt.Errorf("the accent colour %s cannot be read on the page; %s can", c, tone.Fit(c))
	}
	vars := func(a tone.Accent) string {
		return fmt.Sprintf(":root{--accent:%s;--accent-deep:%s;--on-accent:%s;--tint:%s}", a.Base, a.Deep, a.On, a.Tint)
	}
	return fmt.Appendf(bytes.Clone(styleFile), "%s\n@media (prefers-color-scheme: dark){%s}\n", vars(light), vars(tone.Dark(c))), nil
}

// logo is the path of the logo and the file; no path where there is none.
func (b Brand) logo() (string, asset, error) {
	switch {
	case len(b.Logo) == 0:
		return "", asset{}, nil
	case bytes.HasPrefix(b.Logo, []byte("\x89PNG\r\n\x1a\n")):
		return "/logo-" + mark(b.Logo) + ".png", asset{"image/png", b.Logo}, nil
	case bytes.Contains(b.Logo, []byte("<svg")):
		return "/logo-" + mark(b.Logo) + ".svg", asset{"image/svg+xml", b.Logo}, nil
	}
	return "", asset{}, errors.New("the logo is neither a PNG nor an SVG")
}

// icon is what the browser's tab shows: the logo, or our mark in the accent.
func (b Brand) icon(logo string) template.URL {
	if logo != "" {
		return template.URL(logo) // made of our own words and hex digits
	}
	accent := ours
	if b.Accent != "" {
		accent = b.Accent // it was parsed: digits and nothing else
	}
	drawn := `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><path fill='ACCENT' d='M4 30V15a12 12 0 0 1 24 0v15z'/><path fill='#fff' d='M10 30V17a6 6 0 0 1 12 0v13z'/><path fill='ACCENT' d='M13 30V18a3 3 0 0 1 6 0v12z'/></svg>`
	return template.URL("data:image/svg+xml," + url.PathEscape(strings.ReplaceAll(drawn, "ACCENT", accent)))
}

// Serve answers for the stylesheet, the script and the logo, and tells whether it
// did.
func (l *Look) Serve(w http.ResponseWriter, r *http.Request) bool {
	a, ok := l.assets[r.URL.Path]
	if !ok {
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return true
	}
	if strings.HasPrefix(a.kind, "image/") {
		// Somebody can open an SVG by itself. It may look as it likes, but not run,
		// load or send anything, and it is not of this origin.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content) // a reader that went away is nobody's error
	return true
}
