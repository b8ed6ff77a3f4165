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
	"net/http"
	"path"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/words"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed style.css
var styleFile []byte

// Look is every page, ready to draw.
type Look struct {
	pages map[string]*template.Template
	// CSS is the path of the stylesheet. It changes with the content, so a
	// browser may keep the file for ever.
	CSS string
}

// New parses every page together with the frame around it.
func New() (*Look, error) {
	sum := sha256.Sum256(styleFile)
	l := &Look{CSS: "/style-" + hex.EncodeToString(sum[:8]) + ".css", pages: make(map[string]*template.Template)}
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

// ServeStyle answers for the path CSS.
func (l *Look) ServeStyle(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(styleFile) // a reader that went away is nobody's error
}

// Support is whom people can ask; empty parts are left out.
type Support struct{ Phone, Hours, Mail string }

// Page is what a template sees. Every text comes from the catalog; everything
// else that is shown is escaped by html/template.
type Page struct {
	*words.Catalog
	Title     string // message key of the heading
	CSS       string
	Here      string // where the language switch leads; empty on shown-once pages
	Operator  string
	Support   Support
	Form      string
	Error     string // sentence next to the field
	Notice    string // sentence at the top
	Next      string // where to go after signing in
	Name      string
	View      enroll.View
	Emergency bool // the code field is meant for an emergency code
	First     bool // the page is part of the first set-up
	Replace   bool // the phone is being replaced
	Setup     *Key
	Once      string
	Shown     []string // app password or emergency codes, grouped
	Program   string
	Programs  []string
	Record    account.Record
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
	code, err := qrcode.New(uri, qrcode.Medium)
	if err != nil {
		return nil, errors.New("the set-up link does not fit in a QR code")
	}
	png, err := code.PNG(-6) // six pixels a module, quiet zone included
	if err != nil {
		return nil, fmt.Errorf("drawing the QR code: %w", err)
	}
	// Both are safe in an attribute: base64, and a link whose scheme was checked.
	return &Key{
		QR:    template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)),
		Tap:   template.URL(uri),
		Typed: Groups(s.Secret.Reveal(), 4),
	}, nil
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
	p.CSS = l.CSS
	var out bytes.Buffer
	if err := l.pages[name].ExecuteTemplate(&out, "frame", p); err != nil {
		return nil, fmt.Errorf("drawing page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// MadeOn says when a record was made.
func (p Page) MadeOn(r account.Record) string { return p.Day(r.Created.In(p.Now.Location())) }

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
