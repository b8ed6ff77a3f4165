package totp

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/sallyport/sallyport/plugins/factor"
)

func enroll(issuer, account string, settings map[string]string) (factor.Issued, error) {
	return Factor{}.Enroll(context.Background(), factor.Enrollment{
		Account:  account,
		Issuer:   issuer,
		Entropy:  bytes.Repeat([]byte("0123456789abcdef"), 4),
		Now:      time.Unix(1, 0),
		Settings: settings,
	})
}

const secretOfTest = "GAYTEMZUGU3DOOBZMFRGGZDFMYYDCMRT"

func TestURI(t *testing.T) {
	for _, v := range []struct {
		issuer, account string
		settings        map[string]string
		want            string
	}{
		{"Testhaus", "alice", nil,
			"Testhaus:alice?secret=SECRET&issuer=Testhaus&algorithm=SHA1&digits=6&period=30"},
		{"A&B", "alice@example.org", nil,
			"A%26B:alice%40example.org?secret=SECRET&issuer=A%26B&algorithm=SHA1&digits=6&period=30"},
		{"Haus: Nord", "alice", nil,
			"alice?secret=SECRET&issuer=Haus%3A%20Nord&algorithm=SHA1&digits=6&period=30"},
		{"Universität X", "müller", nil,
			"Universit%C3%A4t%20X:m%C3%BCller?secret=SECRET&issuer=Universit%C3%A4t%20X&algorithm=SHA1&digits=6&period=30"},
		{"", "a+b/c?d#e%", nil,
			"a%2Bb%2Fc%3Fd%23e%25?secret=SECRET&algorithm=SHA1&digits=6&period=30"},
		{"T", "a:b", map[string]string{"algorithm": "SHA512", "digits": "8", "period": "60"},
			"T:a%3Ab?secret=SECRET&issuer=T&algorithm=SHA512&digits=8&period=60"},
		{strings.Repeat("ü", 65), strings.Repeat("x", 300), nil,
			strings.Repeat("%C3%BC", 64) + ":" + strings.Repeat("x", 64) + "?secret=SECRET&issuer=" +
				strings.Repeat("%C3%BC", 64) + "&algorithm=SHA1&digits=6&period=30"},
	} {
		i, err := enroll(v.issuer, v.account, v.settings)
		if err != nil {
			t.Errorf("%q, %q: %v", v.issuer, v.account, err)
			continue
		}
		if i.Secret != secretOfTest || !i.Confirm || i.Uses != 0 {
			t.Errorf("%q: secret, confirm %v or uses %d are not as they should be", v.issuer, i.Confirm, i.Uses)
		}
		want := "otpauth://totp/" + strings.Replace(v.want, "SECRET", secretOfTest, 1)
		if i.URI != want {
			t.Errorf("got  %s\nwant %s", i.URI, want)
		}
	}
}

// What an app reads out of the URI is what was put in.
func TestURIReadByOthers(t *testing.T) {
	for _, issuer := range []string{"Testhaus", "A&B", "a=b;c", "Haus Nord", "Übung 100 %", "Haus: Nord", "x/y?z#w+"} {
		i, err := enroll(issuer, "müller & co@example.org", nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := otp.NewKeyFromURL(i.URI)
		if err != nil {
			t.Fatal(err)
		}
		if key.Issuer() != issuer || key.AccountName() != "müller & co@example.org" || key.Secret() != secretOfTest ||
			key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Type() != "totp" {
			t.Errorf("issuer %q was read as %q, the account as %q", issuer, key.Issuer(), key.AccountName())
		}
		u, err := url.Parse(i.URI)
		if err != nil || len(u.Query()) != 5 {
			t.Errorf("issuer %q: %d parameters (%v), want 5", issuer, len(u.Query()), err)
		}
	}
}

func TestEnrollRefuses(t *testing.T) {
	for name, v := range map[string]struct {
		issuer, account string
		settings        map[string]string
	}{
		"no account":         {"T", "", nil},
		"line feed":          {"T", "a\nb", nil},
		"NUL in the issuer":  {"T\x00", "a", nil},
		"invalid UTF-8":      {"T", "a\xff", nil},
		"unknown setting":    {"T", "a", map[string]string{"window": "5"}},
		"misspelt setting":   {"T", "a", map[string]string{"Digits": "6"}},
		"MD5":                {"T", "a", map[string]string{"algorithm": "MD5"}},
		"lower case":         {"T", "a", map[string]string{"algorithm": "sha1"}},
		"empty algorithm":    {"T", "a", map[string]string{"algorithm": ""}},
		"7 digits":           {"T", "a", map[string]string{"digits": "7"}},
		"no digits":          {"T", "a", map[string]string{"digits": ""}},
		"6 with a blank":     {"T", "a", map[string]string{"digits": "6 "}},
		"period 14":          {"T", "a", map[string]string{"period": "14"}},
		"period 121":         {"T", "a", map[string]string{"period": "121"}},
		"period 0":           {"T", "a", map[string]string{"period": "0"}},
		"period with sign":   {"T", "a", map[string]string{"period": "+30"}},
		"period with unit":   {"T", "a", map[string]string{"period": "30s"}},
		"period with a zero": {"T", "a", map[string]string{"period": "030"}},
		"one good, one bad":  {"T", "a", map[string]string{"digits": "8", "period": "x"}},
	} {
		i, err := enroll(v.issuer, v.account, v.settings)
		if err == nil || i.Payload != nil || i.Secret != "" {
			t.Errorf("%s: error %v, want one and nothing issued", name, err)
		}
	}
}

// The secret is the factor's own copy: what the caller does to its entropy
// afterwards changes nothing.
func TestEntropyIsCopied(t *testing.T) {
	e := factor.Enrollment{Account: "a", Entropy: make([]byte, factor.EntropySize)}
	i, err := Factor{}.Enroll(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	for n := range e.Entropy {
		e.Entropy[n] = 0xff
	}
	d, err := parse(factor.Record{Format: i.Format, Payload: i.Payload})
	if err != nil || !bytes.Equal(d.secret, make([]byte, secretSize)) {
		t.Errorf("the secret changed with the caller's entropy (%v)", err)
	}
}
