package visit

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/enrollweb/look"
)

// undrawn is the page for when no page can be drawn: no template, no stylesheet,
// no script, but what happened and whom to call, in the person's language.
func (v *Visit) undrawn() {
	w := v.Words
	lines := append([]string{w.T("undrawn")}, v.Whom()...)
	title := html.EscapeString(w.T("undrawn.title"))
	var page strings.Builder
	fmt.Fprintf(&page, "<!doctype html>\n<html lang=\"%s\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<h1>%s</h1>\n", w.Lang, title, title)
	for _, line := range lines {
		fmt.Fprintf(&page, "<p>%s</p>\n", html.EscapeString(line))
	}
	v.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.W.Header().Set("Content-Language", w.Lang)
	v.W.WriteHeader(http.StatusInternalServerError)
	_, _ = v.W.Write([]byte(page.String())) // a reader that went away is nobody's error
}

// Whom are the lines that say whom people can ask.
func (v *Visit) Whom() []string {
	s := v.support()
	var lines []string
	if s.Phone != "" {
		lines = append(lines, strings.TrimSuffix(v.Words.T("support.phone")+" "+s.Phone+", "+s.Hours, ", "))
	}
	switch {
	case s.Mail == "":
	case s.Phone != "":
		lines = append(lines, v.Words.T("support.mail")+" "+s.Mail)
	default:
		lines = append(lines, v.Words.T("support.mail_only")+" "+s.Mail)
	}
	return lines
}

// support is whom people can ask, in the words of their language.
func (v *Visit) support() look.Support {
	s := v.Support
	if v.Words.Lang == "en" && s.HoursEN != "" {
		s.Hours = s.HoursEN
	}
	return s
}
