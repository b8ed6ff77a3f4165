package nginx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestWhatThePageGivesSyncs: what the page puts into a profile, and nothing else, is
// enough to sync with a real Radicale, and so is what a program is given that asks
// by itself; the page then knows that it works.
func TestWhatThePageGivesSyncs(t *testing.T) {
	run.NeedRoot(t)
	public, backend := loopback(t), loopback(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}, Config: fmt.Sprintf(`[[page.server]]
service = "dav"
calendar = "http://%[1]s/"
contacts = "http://%[1]s/"
login_flow = "http://%[1]s"
`, public)})
	davtest.Radicale(t, s, run.Config(t, "../radicale/radicale-nginx.conf",
		"127.0.0.1:5232", backend, "/var/lib/radicale/collections", davtest.Collections(s)), backend)
	front{Recipe: "radicale.conf", Moved: []string{"127.0.0.1:8008", public, "127.0.0.1:5232", backend, "include check.conf;", "include check.conf;\n" + flowRecipe(t, s, public)}}.start(t, s)

	p := &phone{t: t, cookies: map[string]string{}}
	p.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.Dir+"/page.sock")
	}}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.open("/")
	p.send("/sign-in", "name", "alice", "password", s.Person("alice").Password)
	p.open("/code")
	p.send("/code", "code", s.Code("alice"))
	p.open("/passwords/new")
	p.send("/passwords/new", "program", "iphone", "label", "iPhone", "service", "dav", "once", p.hidden("once"))
	id := p.hidden("id")
	p.send("/passwords/profile", "id", id, "once", p.hidden("once"), "secret", p.hidden("secret"))

	for kind, account := range accounts(t, p.body) {
		at := fmt.Sprintf("%v:%v", account[kind+"HostName"], account[kind+"Port"])
		if at != public || account[kind+"UseSSL"] != false {
			t.Fatalf("%s: the profile leads to %s, TLS %v", kind, at, account[kind+"UseSSL"])
		}
		login := servertest.Login{Name: account[kind+"Username"].(string), Password: account[kind+"Password"].(string)}
		if err := (davtest.Server{URL: "http://" + at}).VdirSync(t, login); err != nil {
			t.Errorf("%s: what the profile holds does not sync: %v", kind, err)
		}
	}
	// A last use shows a moment later.
	if err := run.Within(10*time.Second, func() error {
		if p.open("/passwords/wait?id=" + id); !strings.Contains(p.body, "data-seen") {
			return fmt.Errorf("the page has not seen the sync:\n%s", p.body)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	p.asked("http://" + public)
}

// flowRecipe is what the document on programs that ask has nginx do.
func flowRecipe(t *testing.T, s *servertest.Site, public string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/login-flow.md")
	if err == nil {
		err = os.Chmod(s.Dir+"/page.sock", 0o666) // in the document the page has a port
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```nginx\n")
	recipe, _, found := strings.Cut(rest, "```")
	if !found || strings.Count(recipe, "location") != 2 {
		t.Fatalf("the document has another recipe:\n%s", recipe)
	}
	return strings.NewReplacer("http://127.0.0.1:8080", "http://unix:"+s.Dir+"/page.sock:", "https://cloud.example.org", "http://"+public).Replace(recipe)
}

// asked is a program as DAVx5 is one: it is told one address, asks there for an app
// password, has its owner confirm, fetches it, and syncs with nothing else.
func (p *phone) asked(server string) {
	p.t.Helper()
	var question struct {
		Poll  struct{ Token, Endpoint string }
		Login string
	}
	p.program(http.DefaultClient, server+"/index.php/login/v2", "", &question)
	p.open(strings.TrimPrefix(question.Login, "https://login.example.org"))
	p.send("/login/v2/flow", "id", p.hidden("id"))
	p.open("/login/v2/grant")
	p.send("/login/v2/grant", "id", p.hidden("id"), "label", "Fairphone", "mine", "yes")
	var given struct{ Server, LoginName, AppPassword string }
	p.program(&p.client, strings.Replace(question.Poll.Endpoint, "https:", "http:", 1), url.Values{"token": {question.Poll.Token}}.Encode(), &given)
	if given.Server != server {
		p.t.Fatalf("the program is sent to %s", given.Server)
	}
	// Where such programs look, and nothing behind it.
	dav := davtest.Server{URL: given.Server + "/remote.php/dav", Calendars: "%.0s", Contacts: "%.0s"}
	if err := dav.VdirSync(p.t, servertest.Login{Name: given.LoginName, Password: given.AppPassword}); err != nil {
		p.t.Errorf("what a program is given does not sync: %v", err)
	}
}

// program sends a form as one that keeps no cookies, and reads an object.
func (p *phone) program(client *http.Client, where, form string, into any) {
	p.t.Helper()
	res, err := client.Post(where, "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v", where, res.Status, err)
	}
}

// accounts are those of the profile, by the word that their keys begin with.
func accounts(t *testing.T, profile string) map[string]map[string]any {
	t.Helper()
	var top struct{ PayloadContent []map[string]any }
	if _, err := plist.Unmarshal([]byte(profile), &top); err != nil {
		t.Fatalf("what the page gave is no profile: %v\n%s", err, profile)
	}
	all := map[string]map[string]any{}
	for _, a := range top.PayloadContent {
		switch a["PayloadType"] {
		case "com.apple.caldav.account":
			all["CalDAV"] = a
		case "com.apple.carddav.account":
			all["CardDAV"] = a
		}
	}
	if len(all) != 2 {
		t.Fatalf("the profile has the accounts %v", all)
	}
	return all
}

// phone is as much of a browser as the page needs, behind the proxy that does
// TLS for it.
type phone struct {
	t       *testing.T
	client  http.Client
	cookies map[string]string
	body    string
}

func (p *phone) open(path string) { p.t.Helper(); p.ask("GET", path, nil) }

func (p *phone) send(path string, pairs ...string) {
	p.t.Helper()
	form := url.Values{"form": {p.hidden("form")}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	p.ask("POST", path, form)
}

func (p *phone) hidden(name string) string {
	if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body); m != nil {
		return m[1]
	}
	return ""
}

func (p *phone) ask(method, path string, form url.Values) {
	p.t.Helper()
	req, err := http.NewRequest(method, "http://login.example.org"+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range p.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	body, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err != nil || res.StatusCode >= 400 {
		p.t.Fatalf("%s %s: %s, %v\n%s", method, path, res.Status, err, body)
	}
	for _, c := range res.Cookies() {
		p.cookies[c.Name] = c.Value
	}
	p.body = string(body)
}
