package files

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strings"
)

// The most that a logo may have: bytes, because everybody loads it, and pixels,
// because few bytes can unfold into very many.
const (
	maxLogo  = 64 << 10
	maxWidth = 2048
)

// Logo wants a small PNG, or an SVG that is nothing but a drawing. The page
// serves it so that no browser would run a script in it; here it is refused for
// whoever opens the file some other way.
func Logo(path string) Fault {
	b, _, bad := read(path)
	if bad != (Fault{}) {
		return bad
	}
	if len(b) > maxLogo {
		return fault("make it smaller: the page shows it 36 pixels high", "%s has %d bytes, more than %d", path, len(b), maxLogo)
	}
	if bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		size, err := png.DecodeConfig(bytes.NewReader(b))
		if err == nil && (size.Width > maxWidth || size.Height > maxWidth) {
			return fault("make it smaller: the page shows it 36 pixels high", "%s is %d by %d pixels", path, size.Width, size.Height)
		}
		if err == nil {
			_, err = png.Decode(bytes.NewReader(b))
		}
		if err != nil {
			return fault("save it as a PNG again", "%s is a broken PNG: %v", path, err)
		}
		return Fault{}
	}
	if err := drawing(b); err != nil {
		return fault("save it as a plain SVG, or as a PNG", "%s is not a PNG and not an SVG that is only a drawing: %v", path, err)
	}
	return Fault{}
}

// drawing looks through an SVG for anything that does something, or loads
// something.
func drawing(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	for first := true; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading it: %w", err)
		}
		switch x := token.(type) {
		case xml.Directive:
			return errors.New("it has a document type")
		case xml.ProcInst:
			if x.Target != "xml" {
				return fmt.Errorf("it has an instruction <?%s", x.Target)
			}
		case xml.StartElement:
			if first && (x.Name.Local != "svg" || x.Name.Space != "http://www.w3.org/2000/svg") {
				return fmt.Errorf("it begins with <%s>", x.Name.Local)
			}
			first = false
			err = quiet(x)
		case xml.CharData: // of a <style>
			err = here(string(x))
		}
		if err != nil {
			return err
		}
	}
}

// quiet refuses an element that could run, show or fetch something else.
func quiet(x xml.StartElement) error {
	switch strings.ToLower(x.Name.Local) {
	case "script", "foreignobject", "iframe", "image", "a", "set", "animate", "animatetransform", "animatemotion", "handler", "audio", "video":
		return fmt.Errorf("it holds <%s>", x.Name.Local)
	}
	for _, a := range x.Attr {
		name := strings.ToLower(a.Name.Local)
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("it holds %s", a.Name.Local)
		case (name == "href" || name == "src") && !strings.HasPrefix(a.Value, "#"):
			return fmt.Errorf("it refers to %q", a.Value)
		case a.Name.Space == "xmlns" || name == "xmlns":
		default:
			if err := here(a.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// here refuses a style that refers to something outside of the file.
func here(style string) error {
	lower := strings.ToLower(style)
	if strings.Contains(lower, "@import") || strings.Contains(strings.ReplaceAll(lower, "url(#", ""), "url(") || strings.Contains(lower, "javascript:") {
		return fmt.Errorf("it refers to something else: %.60q", strings.TrimSpace(style))
	}
	return nil
}
