package endtoend

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// browser keeps cookies, follows links and fills in the forms that it was
// sent, field by field, as somebody without JavaScript would.
type browser struct {
	base   *url.URL
	client *http.Client
	lang   string

	at     *url.URL
	status int
	header http.Header
	body   string
	doc    *html.Node
}

// proxied speaks plain HTTP over a socket for addresses that are https, as the
// proxy does that ends TLS before the page.
type proxied struct{ socket string }

func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.URL.Scheme = "http"
	inner.Header.Set("X-Forwarded-For", "192.0.2.9")
	resp, err := overUnix(p.socket).RoundTrip(inner)
	if err == nil {
		resp.Request = r // what the browser asked for is the https address
	}
	return resp, err
}

// newBrowser opens the page at base; socket is where the page listens, or
// empty for TCP.
func newBrowser(base, socket string) (*browser, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	var via http.RoundTripper = &http.Transport{DisableKeepAlives: true}
	if socket != "" {
		via = proxied{socket}
	}
	return &browser{base: u, lang: "en", client: &http.Client{Jar: jar, Transport: via}}, nil
}

func (s *site) browser() *browser {
	b, err := newBrowser("https://login.example.org", s.path("run/page.sock"))
	s.must("opening a browser", err)
	return b
}

// get follows an address of the page.
func (b *browser) get(where string) error {
	u, err := b.resolve(where)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Sec-Fetch-Site", "none")
	return b.do(r)
}

func (b *browser) resolve(where string) (*url.URL, error) {
	from := b.base
	if b.at != nil {
		from = b.at
	}
	return from.Parse(where)
}

func (b *browser) do(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	r.Header.Set("Accept-Language", b.lang)
	r.Header.Set("User-Agent", "endtoend")
	resp, err := b.client.Do(r.WithContext(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	b.at, b.status, b.header, b.body = resp.Request.URL, resp.StatusCode, resp.Header, string(body)
	b.doc, err = html.Parse(strings.NewReader(b.body))
	return err
}

// submit fills in the form with this action and sends it.
func (b *browser) submit(action string, given url.Values) error {
	form := find(b.doc, func(n *html.Node) bool { return n.Data == "form" && attr(n, "action") == action })
	if form == nil {
		return fmt.Errorf("no form %s on this page:\n%s", action, b)
	}
	values, err := fill(form, given)
	if err != nil {
		return fmt.Errorf("form %s: %w", action, err)
	}
	u, err := b.resolve(action)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, u.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", b.base.Scheme+"://"+b.base.Host)
	return b.do(r)
}

// fill does what a browser does with a form, and holds the form to it: only
// fields that are there can be filled, and required ones must be.
func fill(form *html.Node, given url.Values) (url.Values, error) {
	out, seen := url.Values{}, map[string]bool{}
	var err error
	walk(form, func(n *html.Node) {
		name := attr(n, "name")
		if n.Data != "input" || name == "" {
			return
		}
		values, has := given[name]
		kind := attr(n, "type")
		switch {
		case kind == "hidden":
			out.Add(name, attr(n, "value"))
			return
		case kind == "radio" || kind == "checkbox":
			seen[name] = true
			if has && slices.Contains(values, attr(n, "value")) || !has && hasAttr(n, "checked") {
				out.Add(name, attr(n, "value"))
			}
		default:
			seen[name] = true
			value := attr(n, "value")
			if has {
				value = values[0]
			}
			if limit, aerr := strconv.Atoi(attr(n, "maxlength")); aerr == nil && utf8.RuneCountInString(value) > limit {
				err = fmt.Errorf("%q is too long for the field %s", value, name)
			}
			out.Add(name, value)
		}
		if hasAttr(n, "required") && out.Get(name) == "" {
			err = fmt.Errorf("the field %s is required", name)
		}
	})
	for name := range given {
		if !seen[name] {
			return nil, fmt.Errorf("there is no field %s to fill in", name)
		}
	}
	return out, err
}

// click follows the link that reads like this.
func (b *browser) click(words string) error {
	link := find(b.doc, func(n *html.Node) bool {
		return n.Data == "a" && (text(n) == words || attr(n, "aria-label") == words)
	})
	if link == nil {
		return fmt.Errorf("no link %q on this page:\n%s", words, b)
	}
	return b.get(attr(link, "href"))
}

// read returns the text of the element with this id.
func (b *browser) read(id string) (string, error) {
	n := find(b.doc, func(n *html.Node) bool { return attr(n, "id") == id })
	if n == nil {
		return "", fmt.Errorf("nothing with id %q on this page:\n%s", id, b)
	}
	return text(n), nil
}

// emergencyCodes are the codes on this page, if it shows any.
func (b *browser) emergencyCodes() []string {
	var out []string
	walk(b.doc, func(n *html.Node) {
		if n.Data == "li" && attr(n, "class") == "secret" {
			out = append(out, text(n))
		}
	})
	return out
}

// String is the page as one reads it: where, with which status, and the words.
func (b *browser) String() string {
	return fmt.Sprintf("%d %s\n%s\n", b.status, b.at.RequestURI(), text(find(b.doc, func(n *html.Node) bool { return n.Data == "body" })))
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n == nil {
		return
	}
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func find(n *html.Node, is func(*html.Node) bool) *html.Node {
	var found *html.Node
	walk(n, func(n *html.Node) {
		if found == nil && is(n) {
			found = n
		}
	})
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// text is what a node reads like, blocks on lines of their own.
func text(n *html.Node) string {
	var b strings.Builder
	var read func(*html.Node)
	read = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			read(c)
		}
	}
	if n != nil {
		read(n)
	}
	var lines []string
	for line := range strings.SplitSeq(b.String(), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
