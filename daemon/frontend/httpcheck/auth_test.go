package httpcheck_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/plugins/factor"
)

func basic(credentials string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)) + "\n"
}

func authRequest(lines string) string {
	return "GET /v1/auth HTTP/1.1\nHost: x\nX-Sallyport-Service: dav\n" + lines + "\n"
}

func TestWhatAWebServerIsTold(t *testing.T) {
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	// A check carries whatever the client sent.
	resp, body := say(t, path, authRequest(basic("alice:a:b")+"X-Forwarded-For: 2001:db8::1\nUser-Agent: DAVx5\n"+
		"Depth: 1\nIf-Match: *\nContent-Type: text/calendar\nOrigin: https://calendar.example.org\n"))
	if resp.StatusCode != 204 || body != "" {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	for name, want := range map[string]string{
		"X-Sallyport-User": "alice", "X-Sallyport-Name": "Alice Müller", "X-Sallyport-Mail": "alice@example.org",
		"X-Sallyport-Groups": "staff,Sales%2C EU", "X-Sallyport-Scope": "dav", "Cache-Control": "no-store",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	got := f.last(t)
	want := account.Attempt{Service: "dav", FrontEnd: "http", Name: "alice", Password: "a:b", OneField: true, Peer: got.Peer,
		Client: account.Client{Addr: netip.MustParseAddr("2001:db8::1"), Agent: "DAVx5"}}
	if got != want {
		t.Errorf("asked %#v", got)
	}
}

func TestTheChallengeIsConstant(t *testing.T) {
	const want = `Basic realm="sallyport", charset="UTF-8"`
	const text = "Anmeldename oder Passwort stimmt nicht.\nThe login name or the password is not right."
	for _, r := range []account.Reason{account.BadCredentials, account.UnknownUser, account.AccountDisabled, account.AccountLockedByDirectory} {
		path := serve(t, &fake{answer: account.Answer{Verdict: factor.Deny, Reason: r}}, nil)
		resp, body := say(t, path, authRequest(basic("alice:x")))
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != want || body != text ||
			resp.Header.Get("X-Sallyport-Reason") != "bad_credentials" {
			t.Errorf("%s: %d %v %q", r, resp.StatusCode, resp.Header, body)
		}
	}
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	for name, lines := range map[string]string{"absent": "", "other scheme": "Authorization: Bearer YTpi\n"} {
		resp, body := say(t, path, authRequest(lines))
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != want || body != "" || len(f.asked) != 0 {
			t.Errorf("%s: %d %v %q", name, resp.StatusCode, resp.Header, body)
		}
	}
}

// Where a program or a proxy shows it, people read what helps, and where.
func TestTheRefusalSaysWhatHelps(t *testing.T) {
	for r, where := range map[account.Reason]string{
		account.AppPasswordRequired: "\nhttps://page.example.org", account.AppPasswordRevoked: "\nhttps://page.example.org",
		account.AppPasswordTypo: "", account.CodeWrong: "",
	} {
		path := serve(t, &fake{answer: account.Answer{Verdict: factor.Deny, Reason: r}}, nil)
		resp, body := say(t, path, authRequest(basic("alice:x")))
		if want := said(t)(r).DE + "\n" + said(t)(r).EN + where; resp.StatusCode != 401 || body != want ||
			resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v %q, want %q", r, resp.StatusCode, resp.Header, body, want)
		}
	}
}

// A socket whose programs go on with what was typed asks for that spelling.
func TestStrictSpelling(t *testing.T) {
	for _, strict := range []bool{true, false} {
		f := &fake{answer: alice()}
		path := serve(t, f, func(c *httpcheck.Config) { c.Strict = strict })
		want := ""
		if strict {
			want = "Alice"
		}
		say(t, path, authRequest(basic("Alice:x")))
		if got := f.last(t); got.Name != "Alice" || got.Spelled != want {
			t.Errorf("auth, strict is %t: %#v", strict, got)
		}
		const body = `{"service":"dav","username":"Alice","password":"x"}`
		say(t, path, fmt.Sprintf("POST /v1/check HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: %d\n\n%s", len(body), body))
		if got := f.last(t); got.Name != "Alice" || got.Spelled != want {
			t.Errorf("check, strict is %t: %#v", strict, got)
		}
	}
}

func TestBasicHasOneReading(t *testing.T) {
	cases := []struct{ name, sent, user, password string }{
		{"first colon", "alice:a:b:c", "alice", "a:b:c"},
		{"UTF-8", "müller:Straße", "müller", "Straße"},
		{"Latin-1", "m\xfcller:Stra\xdfe", "müller", "Straße"},
		{"one Latin-1 byte makes all of it Latin-1", "m\xfcller:\xc3\xbc", "müller", "Ã¼"},
		{"blanks stay", "alice: x ", "alice", " x "},
		{"empty password is the checker's to refuse", "alice:", "alice", ""},
		{"empty name, too", ":x", "", "x"},
		{"NUL in the password stays", "alice:a\x00b", "alice", "a\x00b"},
	}
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(f.asked)
			say(t, path, authRequest(basic(c.sent)))
			got := f.last(t)
			if got.Name != c.user || got.Password.Reveal() != c.password || len(f.asked) != before+1 {
				t.Errorf("asked for %q with %q, %d times", got.Name, got.Password.Reveal(), len(f.asked)-before)
			}
		})
	}
}

func TestMalformedAuthNeverReachesTheChecker(t *testing.T) {
	cases := []struct{ name, lines string }{
		{"no base64", "Authorization: Basic %%%\n"},
		{"no colon", basic("alice")},
		{"control character", basic("ali\x01ce:x")},
		{"C1 by Latin-1", basic("ali\x85ce:x")},
		{"long name", basic(strings.Repeat("x", 257) + ":x")},
		{"long password", basic("a:" + strings.Repeat("x", 1025))},
		{"endless", basic("a:" + strings.Repeat("x", 30000))},
		{"two credentials", basic("alice:x") + basic("bert:y")},
		{"two services", basic("alice:x") + "X-Sallyport-Service: web\n"},
		{"list of addresses", basic("alice:x") + "X-Forwarded-For: 192.0.2.1, 192.0.2.2\n"},
		{"two address headers", basic("alice:x") + "X-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 192.0.2.2\n"},
		{"address with port", basic("alice:x") + "X-Forwarded-For: 192.0.2.1:80\n"},
		{"empty address", basic("alice:x") + "X-Forwarded-For:\n"},
	}
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, body := say(t, path, authRequest(c.lines))
			if resp.StatusCode != 400 || !strings.Contains(body, `"malformed"`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	if len(f.asked) != 0 {
		t.Errorf("the checker was asked: %v", f.asked)
	}
}

func TestServicesOfASocket(t *testing.T) {
	f := &fake{answer: alice()}
	one := serve(t, f, func(c *httpcheck.Config) { c.Services = []string{"dav"} })
	two := serve(t, f, nil)
	chosen := serve(t, f, func(c *httpcheck.Config) { c.DefaultService = "web" })
	cases := []struct {
		name, path, service string
		status              int
		asked               string
	}{
		{"the only one", one, "", 204, "dav"},
		{"the only one, named", one, "dav", 204, "dav"},
		{"another than the only one", one, "web", 403, ""},
		{"one of two", two, "web", 204, "web"},
		{"neither of two", two, "ssh", 403, ""},
		{"none of two", two, "", 403, ""},
		{"the default", chosen, "", 204, "web"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f.asked = nil
			lines := basic("alice:x")
			if c.service != "" {
				lines += "X-Sallyport-Service: " + c.service + "\n"
			}
			resp, _ := say(t, c.path, "GET /v1/auth HTTP/1.1\nHost: x\n"+lines+"\n")
			if resp.StatusCode != c.status {
				t.Fatalf("%d", resp.StatusCode)
			}
			if c.asked != "" && f.last(t).Service != c.asked || c.asked == "" && len(f.asked) > 0 {
				t.Errorf("asked %v", f.asked)
			}
		})
	}
}

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	cases := []struct {
		proxies int
		header  string
		want    string // empty: 400
	}{
		{1, "192.0.2.1", "192.0.2.1"},
		{1, "10.9.9.9, 192.0.2.1", "192.0.2.1"},
		{2, "10.9.9.9, 192.0.2.1,10.0.0.1", "192.0.2.1"},
		{2, "10.9.9.9\nX-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 10.0.0.1", "192.0.2.1"},
		{2, "nonsense, 192.0.2.1, 10.0.0.1", "192.0.2.1"},
		{2, "192.0.2.1", ""},
		{2, "nonsense, 10.0.0.1", ""},
		{1, strings.Repeat("10.9.9.9, ", 40) + "192.0.2.1", ""},
	}
	for _, c := range cases {
		f := &fake{answer: alice()}
		path := serve(t, f, func(cfg *httpcheck.Config) { cfg.Proxies = c.proxies })
		resp, _ := say(t, path, authRequest(basic("alice:x")+"X-Forwarded-For: "+c.header+"\n"))
		switch {
		case c.want == "" && resp.StatusCode != 400:
			t.Errorf("%d proxies, %q: %d", c.proxies, c.header, resp.StatusCode)
		case c.want != "" && (resp.StatusCode != 204 || f.last(t).Client.Addr.String() != c.want):
			t.Errorf("%d proxies, %q: %d, %v", c.proxies, c.header, resp.StatusCode, f.asked)
		}
	}
}

func TestAnnouncedBodiesAreNotWaitedFor(t *testing.T) {
	path := serve(t, &fake{answer: alice()}, nil)
	resp, _ := say(t, path, authRequest(basic("alice:x")+"Content-Length: 70000\n"))
	if resp.StatusCode != 204 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestNothingFromTheDirectoryBreaksAHeader(t *testing.T) {
	a := alice()
	a.Subject.DisplayName = "Alice\r\nX-Sallyport-User: root\xff"
	a.Subject.Groups = nil
	for range 500 {
		a.Subject.Groups = append(a.Subject.Groups, "g%,\n-"+strings.Repeat("x", 20))
	}
	path := serve(t, &fake{answer: a}, nil)
	resp, _ := say(t, path, authRequest(basic("alice:x")))
	if got := resp.Header.Values("X-Sallyport-User"); resp.StatusCode != 204 || len(got) != 1 || got[0] != "alice" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
	if got := resp.Header.Get("X-Sallyport-Name"); got != "Alice  X-Sallyport-User: root?" {
		t.Errorf("name %q", got)
	}
	groups := resp.Header.Get("X-Sallyport-Groups")
	for _, g := range strings.Split(groups, ",") {
		if g != "g%25%2C%0A-"+strings.Repeat("x", 20) {
			t.Fatalf("a group was cut: %q", g)
		}
	}
	if len(groups) > 2<<10 || len(groups) < 1900 {
		t.Errorf("%d bytes of groups", len(groups))
	}
	a.Subject.Name = "alice\r\nX: y"
	path = serve(t, &fake{answer: a}, nil)
	if resp, _ := say(t, path, authRequest(basic("alice:x"))); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a login with a line feed: %d", resp.StatusCode)
	}
}
