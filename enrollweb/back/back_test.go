package back

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

const proof = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg" // SHA-256 of "test"

func list(t testing.TB) *List {
	t.Helper()
	l, err := New([]string{"https://app.example.org", "https://portal.example.org:8443/cloud/", "http://127.0.0.1:7000", "http://[::1]:7000"},
		[]string{"https://wiki.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestGoodAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example.org":                        "https://app.example.org/",
		"https://app.example.org/":                       "https://app.example.org/",
		"https://app.example.org:443/a":                  "https://app.example.org/a",
		"https://app.example.org/a/b?x=1&y=%2F..%2F#/c":  "https://app.example.org/a/b?x=1&y=%2F..%2F#/c",
		"https://app.example.org/M%C3%BCll/a%20b":        "https://app.example.org/M%C3%BCll/a%20b",
		"https://app.example.org?next=https://e.example": "https://app.example.org/?next=https://e.example",
		"https://app.example.org/a//b":                   "https://app.example.org/a//b",
		"https://app.example.org/.well-known/x..y":       "https://app.example.org/.well-known/x..y",
		"https://portal.example.org:8443/cloud":          "https://portal.example.org:8443/cloud",
		"https://portal.example.org:8443/cloud/":         "https://portal.example.org:8443/cloud/",
		"https://portal.example.org:8443/cloud/mail/1":   "https://portal.example.org:8443/cloud/mail/1",
		"http://127.0.0.1:7000/x":                        "http://127.0.0.1:7000/x",
		"http://[::1]:7000/x":                            "http://[::1]:7000/x",
		"https://wiki.example.org/page":                  "https://wiki.example.org/page",
	} {
		w, ok := list(t).Find(address)
		if !ok || w.Address != want {
			t.Errorf("%s: %q, %t, want %q", address, w.Address, ok, want)
		}
		if again, ok := list(t).Unpack(w.Pack()); !ok || again != w {
			t.Errorf("%s: after the cookie it is %+v", address, again)
		}
	}
	w, _ := list(t).Find("https://portal.example.org:8443/cloud/mail")
	if w.Host != "portal.example.org:8443" || w.Gate != "" {
		t.Errorf("%+v", w)
	}
}

// hostile are addresses that must lead nowhere, by what is tried.
func hostile() map[string][]string {
	return map[string][]string{
		"another host": {"https://evil.example/", "https://app.example.org.evil.example/", "https://evil.example/app.example.org",
			"https://xapp.example.org/", "https://example.org/", "https://sub.app.example.org/", "https://app.example.org./", "https://appXexample.org/"},
		"user information": {"https://app.example.org@evil.example/", "https://app.example.org:443@evil.example/", "https://a@app.example.org/",
			"https://a:b@app.example.org/", "https://@app.example.org/", "https://evil.example#@app.example.org/", "https://evil.example?@app.example.org/"},
		"backslashes": {`https://evil.example\@app.example.org/`, `https://app.example.org\@evil.example/`, `https:\\app.example.org/`,
			`https://app.example.org\.evil.example/`, `/\evil.example`, `https://app.example.org/\evil.example`},
		"no scheme, or another": {"//evil.example/", "//app.example.org/", "///app.example.org/", "app.example.org", "/home", "", "https:app.example.org",
			"https:/app.example.org/", "https:///app.example.org/", "javascript:alert(1)", "javascript://app.example.org/%0aalert(1)", "data:text/html,x",
			"http://app.example.org/", "ftp://app.example.org/", "HTTPS://app.example.org/", "Https://app.example.org/", "view-source:https://app.example.org/",
			"blob:https://app.example.org/x", "https://", "https://:443/", "http://localhost:7000/x"},
		"another port": {"https://app.example.org:8443/", "https://app.example.org:80/", "https://portal.example.org/cloud/", "http://127.0.0.1/", "http://127.0.0.1:70000/", "https://127.0.0.1:7000/x", "https://[::1]:7000/x",
			"https://app.example.org:/", "https://app.example.org:0443/", "https://app.example.org:443:443/", "https://app.example.org:+443/", "https://app.example.org:443x/"},
		"control characters and blanks": {"https://app.example.org/\r\nSet-Cookie: a=b", "https://app.example.org/\x00", "\thttps://app.example.org/", " https://app.example.org/",
			"https://app.example.org/ ", "ht\ntps://app.example.org/", "https://app.exa\tmple.org/", "https://app.example.org/\x7f", "https://app.example.org/%0d%0aSet-Cookie:x",
			"https://app.example.org/%00", "https://app.example.org/%7f"},
		"other spellings of the host": {"https://APP.example.org/", "https://app%2eexample.org/", "https://app.example.org%2eevil.example/", "https://app.example.org%00.evil.example/",
			"https://app.example.org%2f@evil.example/", "https://аpp.example.org/", "https://app。example.org/", "https://ａpp.example.org/", "https://[app.example.org]/",
			"http://2130706433:7000/", "http://127.1:7000/", "http://0x7f.0.0.1:7000/", "http://[::ffff:127.0.0.1]:7000/", "http://[0:0::1]:7000/", "http://[::1%25lo]:7000/", "https://app_example.org/"},
		"out of the path": {"https://portal.example.org:8443/", "https://portal.example.org:8443/cloudy/", "https://portal.example.org:8443/cloud.evil/",
			"https://portal.example.org:8443/cloud/../admin", "https://portal.example.org:8443/cloud/%2e%2e/admin", "https://portal.example.org:8443/cloud/.%2E/admin",
			"https://portal.example.org:8443/cloud/%252e%252e/admin", "https://portal.example.org:8443/cloud/..;/admin", "https://portal.example.org:8443/cloud/..;x=1/admin",
			"https://portal.example.org:8443/cloud/./../admin", "https://portal.example.org:8443/cloud%2f..%2fadmin", "https://portal.example.org:8443/cloud/..%2fadmin",
			"https://portal.example.org:8443/cloud/..%5cadmin", "https://portal.example.org:8443/cloud/..", "https://portal.example.org:8443/%63loud/..", "https://portal.example.org:8443/CLOUD/"},
		"two readings": {"https://app.example.org//evil.example/", "https://app.example.org/%2f/evil.example", "https://app.example.org/%5c/evil.example", "https://app.example.org/%zz",
			"https://app.example.org/<script>", `https://app.example.org/"onclick="`, "https://app.example.org/{a}", "https://app.example.org/./x", "https://app.example.org/x/.", "https://app.example.org/%2e/x", "https://app.example.org/%2525"},
		"too long": {"https://app.example.org/" + strings.Repeat("a", maxAddress)},
	}
}

func TestHostileAddresses(t *testing.T) {
	for what, addresses := range hostile() {
		for _, address := range addresses {
			if w, ok := list(t).Find(address); ok {
				t.Errorf("%s: %q leads to %s", what, address, w.Address)
			}
			forged := Way{Address: address, Proof: proof}.Pack()
			if w, ok := list(t).Unpack(forged); ok {
				t.Errorf("%s: a cookie with %q leads to %s", what, address, w.Address)
			}
		}
	}
	for _, l := range []*List{nil, {}} {
		if _, ok := l.Find("https://app.example.org/"); ok {
			t.Error("an empty list allows something")
		}
	}
}

func TestGates(t *testing.T) {
	w, ok := list(t).Find("https://wiki.example.org/page?x=1")
	if !ok || w.Gate != "https://wiki.example.org" || w.Proof != "" {
		t.Fatalf("%+v", w)
	}
	if w = w.Proven(proof); w.Proof != proof {
		t.Error("the proof was not taken")
	}
	if again, _ := list(t).Unpack(w.Pack()); again != w {
		t.Errorf("after the cookie: %+v", again)
	}
	for _, bad := range []string{"", "x", proof + "A", proof[:42], proof[:42] + "h", proof + "=", "../" + proof[3:], strings.Replace(proof, "-", "+", 1)} {
		if w := (Way{Gate: "https://wiki.example.org"}).Proven(bad); w.Proof != "" {
			t.Errorf("%q was taken for a proof", bad)
		}
	}
	if w, _ := list(t).Find("https://app.example.org/"); w.Proven(proof).Proof != "" {
		t.Error("a proof for an application without a gate")
	}
	for _, packed := range []string{"", ".", "..", "!." + proof, proof} {
		if w, ok := list(t).Unpack(packed); ok {
			t.Errorf("%q is %+v", packed, w)
		}
	}
	// Listed twice, it is behind its gate.
	both, err := New([]string{"https://wiki.example.org/open"}, []string{"https://wiki.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if w, _ := both.Find("https://wiki.example.org/open/x"); w.Gate == "" {
		t.Error("a part of a host went past its gate")
	}
}

func TestListsThatAreRefused(t *testing.T) {
	for _, bad := range []string{"", "app.example.org", "http://app.example.org", "https://app.example.org/?x", "https://app.example.org/?", "https://app.example.org/#x",
		"https://app.example.org/#", "https://a@app.example.org", "https://*.example.org", "https://App.example.org", "https://app.example.org/%61", "https://app.example.org/../x", "*",
		"https://app.example.org:", "https://app.example.org:0443", "https://app.example.org:443443", "https://[::1]:"} {
		if _, err := New([]string{bad}, nil); err == nil {
			t.Errorf("%q is on a list", bad)
		}
		if _, err := New(nil, []string{bad}); err == nil {
			t.Errorf("%q has a gate", bad)
		}
	}
	if _, err := New(nil, []string{"https://wiki.example.org/x"}); err == nil {
		t.Error("a gate for a part of a host")
	}
}

// browserHost reads an address as the browsers' own standard says, which
// forgives far more than we do: where would one really go?
func browserHost(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(s)
	scheme, rest, found := strings.Cut(s, ":")
	if scheme = strings.ToLower(scheme); !found || scheme != "http" && scheme != "https" {
		return "?" + s
	}
	rest = strings.TrimLeft(rest, "/")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + "://" + strings.ToLower(rest[strings.LastIndex(rest, "@")+1:])
}

func FuzzFind(f *testing.F) {
	for _, addresses := range hostile() {
		for _, a := range addresses {
			f.Add(a)
		}
	}
	f.Add("https://portal.example.org:8443/cloud/a?b#c")
	l := list(f)
	hosts := []string{"https://app.example.org", "https://portal.example.org:8443", "http://127.0.0.1:7000", "http://[::1]:7000", "https://wiki.example.org"}
	f.Fuzz(func(t *testing.T, address string) {
		w, ok := l.Find(address)
		if !ok {
			if w != (Way{}) {
				t.Fatalf("%q is refused and leads to %+v", address, w)
			}
			return
		}
		if !slices.Contains(hosts, browserHost(w.Address)) {
			t.Fatalf("%q leads a browser to %q", address, browserHost(w.Address))
		}
		// What was sent means the same place as what we send: nothing was mended.
		if sent := strings.TrimSuffix(browserHost(address), ":443"); sent != browserHost(w.Address) {
			t.Fatalf("%q, which means %s, became %q", address, sent, w.Address)
		}
		u, err := url.Parse(w.Address)
		if err != nil || u.User != nil {
			t.Fatalf("%q became %q: %v", address, w.Address, err)
		}
		climbed := u.JoinPath() // dots taken out, as a server would
		if u.Host == "portal.example.org:8443" && climbed.Path != "/cloud" && !strings.HasPrefix(climbed.Path, "/cloud/") {
			t.Fatalf("%q leads out of the path: %q", address, w.Address)
		}
		if strings.ContainsFunc(w.Address, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '"' }) {
			t.Fatalf("%q became %q, which no header should hold", address, w.Address)
		}
		if again, ok := l.Find(w.Address); !ok || again != w {
			t.Fatalf("%q becomes %q, and that %q", address, w.Address, again.Address)
		}
	})
}
