package rollout

import (
	"encoding/base32"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// visitor is somebody at the page, without a browser: cookies are kept, links
// followed, and what a form hides is sent along.
type visitor struct {
	*http.Client
	body string
	path string // where the last answer came from
}

// behindProxy speaks plain HTTP over the page's socket for addresses that are
// https, as the proxy does that ends TLS in front of it.
type behindProxy struct {
	to      http.RoundTripper
	address string
}

func (b behindProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.URL.Scheme = "http"
	inner.Header.Set("X-Forwarded-For", b.address)
	got, err := b.to.RoundTrip(inner)
	if err == nil {
		got.Request = r
	}
	return got, err
}

func (st *story) visitor(p *person) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	return &visitor{Client: &http.Client{Jar: jar, Timeout: st.page.Timeout, Transport: behindProxy{st.page.Transport, p.address}}}, err
}

const pageURL = "https://login.example.org"

func (v *visitor) get(path string) error {
	r, err := http.NewRequest(http.MethodGet, pageURL+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Sec-Fetch-Site", "none")
	return v.send(r)
}

func (v *visitor) send(r *http.Request) error {
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("User-Agent", "Mozilla/5.0 Firefox/140.0")
	got, err := v.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode >= 500 {
		return fmt.Errorf("%s answered %s: %w", r.URL.Path, got.Status, errLater)
	}
	v.body, v.path = string(body), got.Request.URL.Path
	return err
}

var (
	errNotThere = errors.New("is not on the page")
	errLater    = errors.New("try again later")
)

// submit sends the form with this action, which the page must show.
func (v *visitor) submit(action string, filled ...string) error {
	form := regexp.MustCompile(`(?s)<form[^>]* action="` + regexp.QuoteMeta(action) + `".*?</form>`).FindString(v.body)
	if form == "" {
		return fmt.Errorf("the form %s %w, which is at %s:\n%s", action, errNotThere, v.path, v.words())
	}
	fields := url.Values{}
	for _, input := range regexp.MustCompile(`<input [^>]*>`).FindAllString(form, -1) {
		kind := attribute(input, "type")
		if kind == "hidden" || kind == "text" || (kind == "radio" || kind == "checkbox") && strings.Contains(input, " checked") {
			fields.Add(attribute(input, "name"), attribute(input, "value"))
		}
	}
	for i := 0; i < len(filled); i += 2 {
		if !strings.Contains(form, ` name="`+filled[i]+`"`) {
			return fmt.Errorf("the field %s %w", filled[i], errNotThere)
		}
		fields.Set(filled[i], filled[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, pageURL+action, strings.NewReader(fields.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", pageURL)
	return v.send(r)
}

func attribute(tag, name string) string {
	_, rest, _ := strings.Cut(tag, " "+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

// read is the text of the element with this id.
func (v *visitor) read(id string) (string, error) {
	_, rest, ok := strings.Cut(v.body, ` id="`+id+`"`)
	if !ok {
		return "", fmt.Errorf("%s %w, which is at %s:\n%s", id, errNotThere, v.path, v.words())
	}
	_, rest, _ = strings.Cut(rest, ">")
	for _, end := range []string{"<button", "</dd>", "</p>", "</div>"} {
		rest, _, _ = strings.Cut(rest, end)
	}
	return strings.TrimSpace(plain(rest)), nil
}

// words are the page as one reads it.
func (v *visitor) words() string {
	_, main, _ := strings.Cut(v.body, "<main")
	return strings.Join(strings.Fields(plain(main)), " ")
}

func plain(text string) string {
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, ""))
}

// signIn signs in with the password.
func (st *story) signIn(p *person) (*visitor, error) {
	v, err := st.visitor(p)
	if err != nil {
		return nil, err
	}
	if err := v.get("/?again=1"); err != nil {
		return nil, err
	}
	return v, v.submit("/sign-in", "name", p.name, "password", p.password)
}

// setUp is what somebody does who follows the invitation: phone, sheet of paper,
// and an app password for the calendar. invite is the code from support, if one is
// asked for.
func (st *story) setUp(p *person, invite string) error {
	st.rooms <- struct{}{}
	defer func() { <-st.rooms }()
	v, err := st.signIn(p)
	if err != nil {
		return err
	}
	if invite != "" {
		if err := v.submit("/setup/invite", "code", invite); err != nil {
			return err
		}
	}
	if err := v.submit("/setup/begin"); err != nil {
		return err
	}
	key, err := v.read("key")
	if err != nil {
		return err
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.Join(strings.Fields(key), ""))
	if err != nil {
		return fmt.Errorf("the key on the page: %w", err)
	}
	fresh := newPhone(raw)
	err = errLater
	for try := 0; try < 5 && errors.Is(err, errLater); try++ { // as one does, on a machine that is busy
		var code string
		if code, err = fresh.code(); err == nil {
			err = v.submit("/setup/confirm", "code", code)
		}
	}
	if err != nil {
		return err
	}
	sheet := regexp.MustCompile(`(?s)<li class="secret">.*?</li>`).FindAllString(v.body, -1)
	if len(sheet) != 10 {
		return fmt.Errorf("no sheet of codes after the set-up:\n%s", v.words())
	}
	p.phone, p.sheet = fresh, nil
	for _, each := range sheet {
		p.sheet = append(p.sheet, plain(each))
	}
	st.ledger.did("enroll", 1)
	st.ledger.did("issue", 1) // the sheet
	if err := v.submit("/codes/kept", "kept", "yes"); err != nil {
		return err
	}
	if err := v.get("/passwords/new"); err != nil {
		return err
	}
	if err := v.submit("/passwords/new", "program", "other", "label", "My calendar"); err != nil {
		return err
	}
	if p.app, err = v.read("app-password"); err == nil {
		st.ledger.did("issue", 1)
	}
	return err
}
