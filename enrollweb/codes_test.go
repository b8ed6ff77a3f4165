package enrollweb

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// sheetForm is the form on the page of the codes that saves them as a file.
func (b *browser) sheetForm() url.Values {
	b.t.Helper()
	_, form, ok := strings.Cut(b.body, `action="/codes/file"`)
	if !ok {
		b.t.Fatalf("the codes cannot be saved:\n%s", b.body)
	}
	form, _, _ = strings.Cut(form, "</form>")
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		values.Add(m[1], m[2])
	}
	return values
}

// save sends that form; what a browser shows before stays, as with a download.
func (b *browser) save(form url.Values) *browser {
	b.t.Helper()
	fields, body := b.fields, b.body
	b.edit = func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(form.Encode()))
		if r.URL.RawQuery != "" || strings.Contains(r.URL.Path, "k7m2") {
			b.t.Errorf("the address of the file is %s", r.URL)
		}
	}
	b.post("/codes/file")
	b.edit = nil
	if b.res.Header.Get("Content-Disposition") != "" {
		b.fields = fields
		b.body, body = body, b.body
	}
	return &browser{t: b.t, res: b.res, body: body}
}

// The sheet can be saved: a text file of exactly the codes that the page shows,
// with what somebody needs who finds it in a year, in their language and form of
// address.
func TestCodesAsAFile(t *testing.T) {
	for name, c := range map[string]struct {
		lang, german, file string
		says               []string
	}{
		"en": {"en", "", `attachment; filename="Emergency codes.txt"`, []string{"Emergency codes for Uni Musterstadt", "For Alice Ahrens (alice)", "Made on 23 November 2026",
			"Sign in with your normal password", "Questions? Call us: +49 30 123 456, Mo–Fr 8–18 Uhr", "hilfe@example.org"}},
		"de": {"de", "", "attachment; filename=Notfallcodes.txt", []string{"Notfallcodes für Uni Musterstadt", "Für Alice Ahrens (alice)", "Vom 23. November 2026",
			"Melden Sie sich mit Ihrem normalen Passwort", "Fragen? Rufen Sie uns an: +49 30 123 456"}},
		"du": {"de", "du", "attachment; filename=Notfallcodes.txt", []string{"Melde dich mit deinem normalen Passwort", "Fragen? Ruf uns an: +49 30 123 456"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b, cfg := open(t, w), w.config()
			b.lang, cfg.German = c.lang, c.german
			var err error
			if b.h, err = New(cfg); err != nil {
				t.Fatal(err)
			}
			b.get("/").post("/sign-in", "name", "alice", "password", "owes").leads("/setup").post("/setup/begin").leads("/setup")
			b.post("/setup/confirm", "code", "123456").says(200, "k7m20-9qxvd-hz4t0")
			file := b.save(b.sheetForm()).says(200)
			if got := file.res.Header.Get("Content-Disposition"); got != c.file {
				t.Errorf("the file is %s", got)
			}
			if got := file.res.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" || file.res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("kept and read as %s, %s", got, file.res.Header.Get("Cache-Control"))
			}
			text := strings.ReplaceAll(file.body, "\r\n", "\n")
			if strings.ContainsAny(text, "\r") || !strings.HasPrefix(text, "\ufeff") || !strings.HasSuffix(text, "\n") || strings.Count(file.body, "\n") != strings.Count(file.body, "\r\n") {
				t.Errorf("the lines end in more than one way: %q", file.body)
			}
			var want []string
			for i := range 10 {
				want = append(want, fmt.Sprintf("%2d.  k7m2%x-9qxvd-hz4t%x", i+1, i, i))
			}
			if got := regexp.MustCompile(`(?m)^.*\d\.  .*$`).FindAllString(text, -1); !slices.Equal(got, want) {
				t.Errorf("the codes are %q", got)
			}
			for _, what := range c.says {
				if !strings.Contains(strings.ReplaceAll(text, "\n", " "), what) {
					t.Errorf("the file does not say %q:\n%s", what, text)
				}
			}
			for line := range strings.SplitSeq(text, "\n") {
				if len([]rune(line)) > 76 {
					t.Errorf("a line of %d letters: %s", len([]rune(line)), line)
				}
			}
			// The page is still there, the file can be had a second time, and nothing
			// was made anew for it.
			if again := b.save(b.sheetForm()).says(200); again.body != file.body || count(w.did, "Codes") != 0 {
				t.Errorf("the second file differs, or was made: %v\n%s", w.did, again.body)
			}
			b.post("/codes/kept", "kept", "yes").says(303)
		})
	}
}

// The codes must not be lost over the file: whatever stands behind the page, the
// answer to its form is the file, at worst without a name. To a form that is not
// from this page it is no file at all.
func TestTheFileNeedsNothingButThePage(t *testing.T) {
	renewed := func(t *testing.T, w *world) *browser {
		b := signedIn(t, w).get("/codes").post("/codes").says(200, "k7m20")
		return b
	}
	for name, spoil := range map[string]func(*world){
		"an outage":              func(w *world) { w.fail["View"] = account.ErrUnavailable },
		"a session that is over": func(w *world) { clear(w.sessions) },
		"a name with a line in it": func(w *world) {
			w.edit(func(v *enroll.View) { v.Subject.DisplayName = "Alice\r\n11.  aaaaa-aaaaa-aaaaa" })
		},
		"a sign-in that is not new":  func(w *world) { w.edit(func(v *enroll.View) { v.Fresh = false }) },
		"somebody without full name": func(w *world) { w.edit(func(v *enroll.View) { v.Subject.DisplayName = "" }) },
	} {
		w := newWorld()
		b := renewed(t, w)
		spoil(w)
		file := b.save(b.sheetForm()).says(200, "10.  k7m29-9qxvd-hz4t9\r\n", "Made on")
		if strings.Contains(file.body, "\n11.") {
			t.Errorf("%s: somebody wrote a line:\n%s", name, file.body)
		}
		if named := strings.Contains(file.body, "\r\nFor "); named == (name == "an outage" || name == "a session that is over") {
			t.Errorf("%s: named is %t:\n%s", name, named, file.body)
		}
	}
	for name, c := range map[string]struct {
		status int
		edit   func(url.Values)
	}{
		"no token":      {403, func(f url.Values) { f.Del("form") }},
		"another token": {403, func(f url.Values) { f.Set("form", "AAAA") }},
		"no codes":      {422, func(f url.Values) { f.Del("code") }},
		"an empty code": {422, func(f url.Values) { f.Add("code", "") }},
		"words":         {422, func(f url.Values) { f.Add("code", "please call 0900") }},
		"a line":        {422, func(f url.Values) { f.Add("code", "k7m2\r\nx") }},
		"a long one":    {422, func(f url.Values) { f.Add("code", strings.Repeat("a", 65)) }},
		"a great many":  {422, func(f url.Values) { f["code"] = slices.Repeat([]string{"a"}, 33) }},
	} {
		b := renewed(t, newWorld())
		form := b.sheetForm()
		c.edit(form)
		if got := b.save(form); got.res.StatusCode != c.status || got.res.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, %q", name, got.res.StatusCode, got.res.Header.Get("Content-Disposition"))
		}
	}
	b := renewed(t, newWorld())
	if form := b.sheetForm(); len(form["code"]) != 10 {
		t.Errorf("the form has %v", form)
	}
	b.get("/codes/file").says(405)
	open(t, newWorld()).get("/").post("/codes/file", "code", "k7m2").leads("/?over=1")
}
