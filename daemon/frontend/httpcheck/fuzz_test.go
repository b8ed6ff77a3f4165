package httpcheck

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzQuestion(f *testing.F) {
	for _, s := range []string{
		`{"service":"dav","username":"alice","password":"x"}`,
		`{"service":"web","username":"müller","password":"\u0000","code":"123456","client":{"ip":"::1","agent":"a"}}`,
		`{"username":"a","Username":"b","password":"x"}`, `{"username":"a","username":"b","password":"x"}`,
		`{"username":"a","password":"x","client":{"ip":"1.2.3.4%1"}}`, `{"username":"\ud800","password":"x"}`, `[]`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		q, err := parseQuestion([]byte(body))
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("the error is as long as the peer wanted: %d bytes", len(err.Error()))
			}
			return
		}
		if q.name == "" || len(q.name) > maxName || hasControl(q.name) || len(q.password) > maxPassword ||
			len(q.code) > maxCode || len(q.client.Agent) > maxAgent || hasControl(q.client.Agent) {
			t.Errorf("limits: %q", body)
		}
		var other struct {
			Username, Password, Code string
		}
		if err := json.Unmarshal([]byte(body), &other); err != nil || other.Username != q.name ||
			other.Password != q.password.Reveal() || other.Code != q.code.Reveal() {
			t.Errorf("two readings of %q: %v", body, err)
		}
	})
}

func FuzzBasic(f *testing.F) {
	for _, s := range []string{"alice:x", "alice:", ":", "a:b:c", "m\xfcller:\xdf", "müller:ß", "a\x00:x", "alice", ""} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(s)))
	}
	f.Add("YTpi=")
	f.Add("YTp=")
	f.Add("!")
	f.Fuzz(func(t *testing.T, encoded string) {
		name, password, err := parseBasic(encoded)
		if err != nil {
			return
		}
		if strings.Contains(name, ":") || hasControl(name) || len(name) > maxName || len(password) > maxPassword ||
			!utf8.ValidString(name) || !utf8.ValidString(password.Reveal()) {
			t.Fatalf("taken: %q", encoded)
		}
		// Reading is reversible, so there is no second reading.
		raw, _ := base64.StdEncoding.DecodeString(encoded)
		back := name + ":" + password.Reveal()
		if utf8.Valid(raw) {
			if back != string(raw) {
				t.Errorf("UTF-8 %q read as %q", raw, back)
			}
		} else if n := utf8.RuneCountInString(back); n != len(raw) {
			t.Errorf("%d bytes of Latin-1 read as %d characters", len(raw), n)
		}
	})
}

func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1, 10.0.0.1", "::1", "::ffff:192.0.2.1", "fe80::1%0", "192.0.2.1:80", "", ",", "[::1]"} {
		for n := range 3 {
			f.Add(s, n)
		}
	}
	f.Fuzz(func(t *testing.T, value string, proxies int) {
		if proxies < 0 || proxies > maxForwarded {
			return
		}
		addr, err := clientAddr([]string{value}, proxies)
		if err != nil {
			return
		}
		if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" {
			t.Fatalf("%q with %d proxies gave %v", value, proxies, addr)
		}
		// Whatever the client puts in front changes nothing.
		if again, err := clientAddr([]string{"203.0.113.9," + value}, proxies); proxies > 0 && err == nil && again != addr {
			t.Errorf("the client moved its address from %v to %v", addr, again)
		}
	})
}
