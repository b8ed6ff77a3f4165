package visit

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// undrawn is the page for when no page can be drawn: no template, no stylesheet,
// no script, but what happened and whom to call, in the person's language.
func (v *Visit) undrawn() {
	w := v.Words
	lines := []string{w.T("undrawn")}
	if v.Support.Phone != "" {
		lines = append(lines, strings.TrimSuffix(w.T("support.phone")+" "+v.Support.Phone+", "+v.Support.Hours, ", "))
	}
	if v.Support.Mail != "" {
		lines = append(lines, w.T("support.mail")+" "+v.Support.Mail)
	}
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
