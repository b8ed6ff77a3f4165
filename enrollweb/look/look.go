// Package look draws the page: templates, the one stylesheet, and what the
// templates may show.
//
// It decides nothing and reads no request. Only package enrollweb and the
// packages under it use it.
package look

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/words"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed style.css
var styleFile []byte

//go:embed script.js
var scriptFile []byte

// Look is every page, ready to draw.
type Look struct {
	pages map[string]*template.Template
	// CSS, JS and Logo are the paths of the stylesheet, the script and the logo,
	// which may be empty. They change with the content, so a browser may keep the
	// files for ever.
	CSS, JS, Logo string
	icon          template.URL
	assets        map[string]asset
}

// New parses every page together with the frame around it, in the brand's
// colours.
func New(b Brand) (*Look, error) {
	style, err := b.style()
	if err != nil {
		return nil, err
	}
	logo, drawn, err := b.logo()
	if err != nil {
		return nil, err
	}
	l := &Look{CSS: "/style-" + mark(style) + ".css", JS: "/script-" + mark(scriptFile) + ".js", Logo: logo, icon: b.icon(logo), pages: make(map[string]*template.Template)}
	l.assets = map[string]asset{l.CSS: {"text/css; charset=utf-8", style}, l.JS: {"text/javascript; charset=utf-8", scriptFile}}
	if logo != "" {
		l.assets[logo] = drawn
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	for _, f := range files {
		name, _ := strings.CutSuffix(f.Name(), ".html")
		if name == "frame" {
			continue
		}
		l.pages[name], err = template.ParseFS(templateFiles, "templates/frame.html", path.Join("templates", f.Name()))
		if err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", name, err)
		}
	}
	return l, nil
}

// mark is a few characters that differ where the content does.
func mark(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// Support is whom people can ask; empty parts are left out. HoursEN are the hours
// in English, where they are another text.
type Support struct{ Phone, Hours, HoursEN, Mail string }

// Page is what a template sees. Every text comes from the catalog; everything
// else that is shown is escaped by html/template.
type Page struct {
	*words.Catalog
	Title     string // message key of the heading
	CSS, JS   string
	Logo      string // path, or empty
	Icon      template.URL
	Nonce     string // of the one script
	Here      string // where the language switch leads; empty on shown-once pages
	Operator  string
	Support   Support
	Form      string
	Error     string // sentence next to the field
	Notice    string // sentence at the top
	Missing   string // sentence next to ticks of which one is needed
	Next      string // where to go after signing in
	Onward    string // host of the application that the person came from
	Name      string
	View      enroll.View
	Emergency bool // the code field is meant for an emergency code
	First     bool // the page is part of the first set-up
	Replace   bool // a phone is being replaced: Record
	Adds      bool // a phone is being added
	Last      bool // the phone is the only one
	Told      []Told
	Watch     Watch
	Setup     *Key
	Once      string
	Shown     []string // app password or emergency codes, grouped
	Program   string
	Programs  []string
	Lives     []int // days
	Tour      Tour
	Places    []recipe.Place
	App       *Link
	Profile   bool // a profile for Apple's devices is offered
	Record    account.Record
	Ask       Ask
	Signed    bool // the frame offers to sign out
	Now       time.Time
}

// Key is the set-up key as the page shows it. QR code, tap link and typed key
// come from the one enroll.Setup.
type Key struct {
	QR    template.URL
	Tap   template.URL
	Typed []string
}

// NewKey draws the QR code here and nowhere else: the key is in no URL
// that is ever requested. An error holds nothing of it.
func NewKey(s enroll.Setup) (*Key, error) {
	uri := s.URI.Reveal()
	if !strings.HasPrefix(uri, "otpauth://totp/") {
		return nil, errors.New("the set-up link is not an otpauth link")
	}
	png, err := draw(uri)
	if err != nil {
		return nil, fmt.Errorf("the set-up link: %w", err)
	}
	// Both are safe in an attribute: base64, and a link whose scheme was checked.
	return &Key{
		QR:    png,
		Tap:   template.URL(uri),
		Typed: Groups(s.Secret.Reveal(), 4),
	}, nil
}

// Link opens a program on the phone: by a tap, or by its camera.
type Link struct{ QR, Tap template.URL }

// NewLink draws the link's QR code; no link, nothing to draw. An error holds
// nothing of it.
func NewLink(link account.Secret) (*Link, error) {
	if link == "" {
		return nil, nil //nolint // there is none
	}
	if !strings.HasPrefix(link.Reveal(), "davx5://") {
		return nil, errors.New("the link is not one for DAVx5")
	}
	png, err := draw(link.Reveal())
	if err != nil {
		return nil, err
	}
	return &Link{QR: png, Tap: template.URL(link.Reveal())}, nil // its scheme was checked
}

// draw makes a QR code, six pixels a module, quiet zone included.
func draw(text string) (template.URL, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", errors.New("it does not fit in a QR code")
	}
	png, err := code.PNG(-6)
	if err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)), nil
}

// Groups cuts what has to be typed into readable parts; existing blanks and
// dashes do not count.
func Groups(s string, n int) []string {
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	var parts []string
	for len(s) > n {
		parts, s = append(parts, s[:n]), s[n:]
	}
	return append(parts, s)
}

// Draw returns the named page.
func (l *Look) Draw(name string, p Page) ([]byte, error) {
	p.CSS, p.JS, p.Logo, p.Icon = l.CSS, l.JS, l.Logo, l.icon
	var out bytes.Buffer
	if err := l.pages[name].ExecuteTemplate(&out, "frame", p); err != nil {
		return nil, fmt.Errorf("drawing page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// MadeOn says when a record was made.
func (p Page) MadeOn(r account.Record) string { return p.Day(r.Created.In(p.Now.Location())) }

// Due is the last day on which no second factor is owed.
func (p Page) Due() time.Time { return p.View.Leave.Due.AddDate(0, 0, -1) }

// ServiceNames lists services in words.
func (p Page) ServiceNames(names []string) string {
	words := make([]string, 0, len(names))
	for _, n := range names {
		words = append(words, p.ServiceName(n))
	}
	return strings.Join(words, ", ")
}

// Switch is where the link to the other language leads.
func (p Page) Switch(lang string) string {
	sep := "?"
	if strings.Contains(p.Here, "?") {
		sep = "&"
	}
	return p.Here + sep + "lang=" + lang
}

// TelLink is the support's phone number as a link.
func (s Support) TelLink() template.URL {
	digits := strings.Map(func(r rune) rune {
		if r == '+' || (r >= '0' && r <= '9') {
			return r
		}
		return -1
	}, s.Phone)
	return template.URL("tel:" + digits) // nothing but digits can be in it
}
