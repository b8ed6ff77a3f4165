package nginx

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestTheProfileForApplesDevicesSyncs: what the page puts into a profile, and
// nothing else, is enough to sync with a real Radicale; the page then knows that
// it works.
func TestTheProfileForApplesDevicesSyncs(t *testing.T) {
	run.NeedRoot(t)
	public, backend := loopback(t), loopback(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}, Config: fmt.Sprintf(`[[page.server]]
service = "dav"
calendar = "http://%[1]s/"
contacts = "http://%[1]s/"
`, public)})
	davtest.Radicale(t, s, run.Config(t, "../radicale/radicale-nginx.conf",
		"127.0.0.1:5232", backend, "/var/lib/radicale/collections", davtest.Collections(s)), backend)
	front{Recipe: "radicale.conf", Moved: []string{"127.0.0.1:8008", public, "127.0.0.1:5232", backend}}.start(t, s)

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
