package recipe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	"howett.net/plist"

	"github.com/sallyport/sallyport/daemon/account"
)

const secret account.Secret = "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp-0v1c"

func servers() []Server {
	return []Server{
		{Service: "mail", Calendar: "https://mail.example.org/", IMAP: "imaps://imap.example.org:993", SMTP: "smtp://smtp.example.org:587", Login: "{name}"},
		{Service: "dav", Calendar: "https://dav.example.org:8443/dav/{name}/", Contacts: "https://card.example.org/",
			Files: "https://files.example.org/{name}", Login: "{name}@example.org"},
	}
}

// Only the servers of the services that the app password is good for are told,
// and the login stands in an address as an address needs it.
func TestPlaces(t *testing.T) {
	got := Places(servers(), "zoë müller", []string{"dav"})
	want := []Place{
		{Calendar, "https://dav.example.org:8443/dav/zo%C3%AB%20m%C3%BCller/", "zoë müller@example.org"},
		{Contacts, "https://card.example.org/", "zoë müller@example.org"},
		{Files, "https://files.example.org/zo%C3%AB%20m%C3%BCller", "zoë müller@example.org"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if got := Places(servers(), "a/../b?c", []string{"dav"})[0].URL; got != "https://dav.example.org:8443/dav/a%2F..%2Fb%3Fc/" {
		t.Errorf("a login led the address astray: %s", got)
	}
	mail := Places(servers(), "alice", []string{"mail"})[1:]
	for i, want := range []string{"imap imap.example.org 993 SSL/TLS alice", "smtp smtp.example.org 587 STARTTLS alice"} {
		if p := mail[i]; strings.Join([]string{string(p.Kind), p.Server(), p.Port(), p.Security(), p.Login}, " ") != want || !p.Mails() || p.Syncs() {
			t.Errorf("got %v, want %s", p, want)
		}
	}
	if Places(servers(), "alice", nil) != nil || Places(nil, "alice", []string{"dav"}) != nil {
		t.Error("places out of nothing")
	}
}

// The link means to DAVx5 what was put into it, whatever the login looks like.
func TestTheLinkForDAVx5(t *testing.T) {
	for _, login := range []string{"alice", "zoë müller", "a@b", "a/b?c#d", "100%"} {
		link := DAVx5([]Place{{Files, "https://files.example.org/", login}, {Calendar, "https://dav.example.org:8443/dav/x%20y/", login}}, secret)
		u, err := url.Parse(link.Reveal())
		if err != nil {
			t.Fatalf("%s: the link is none", login)
		}
		password, _ := u.User.Password()
		if u.Scheme != "davx5" || u.Host != "dav.example.org:8443" || u.EscapedPath() != "/dav/x%20y/" || u.User.Username() != login || password != secret.Reveal() {
			t.Errorf("%s: the link leads to %s %s%s as %s", login, u.Scheme, u.Host, u.EscapedPath(), u.User.Username())
		}
	}
	for what, places := range map[string][]Place{
		"nothing to sync":      nil,
		"files only":           {{Files, "https://files.example.org/", "alice"}},
		"e-mail only":          {{IMAP, "imaps://imap.example.org:993", "alice"}, {SMTP, "smtps://smtp.example.org:465", "alice"}},
		"no TLS":               {{Calendar, "http://127.0.0.1/", "alice"}},
		"a colon in the login": {{Calendar, "https://dav.example.org/", "a:b"}},
	} {
		if DAVx5(places, secret) != "" {
			t.Errorf("%s: there is a link", what)
		}
	}
}

type payload struct {
	Type, UUID, Identifier string
	raw                    map[string]any
}

// read takes a profile apart with a property list reader.
func read(t *testing.T, profile []byte) (payload, []payload) {
	t.Helper()
	var top map[string]any
	if _, err := plist.Unmarshal(profile, &top); err != nil {
		t.Fatal(err)
	}
	part := func(m map[string]any) payload {
		p := payload{raw: m}
		p.Type, _ = m["PayloadType"].(string)
		p.UUID, _ = m["PayloadUUID"].(string)
		p.Identifier, _ = m["PayloadIdentifier"].(string)
		if v, _ := m["PayloadVersion"].(uint64); v != 1 || len(p.UUID) != 36 || p.Identifier == "" {
			t.Errorf("a payload of %s is not one: version %v, UUID %q, identifier %q", p.Type, m["PayloadVersion"], p.UUID, p.Identifier)
		}
		return p
	}
	var parts []payload
	list, _ := top["PayloadContent"].([]any)
	for _, c := range list {
		m, _ := c.(map[string]any)
		parts = append(parts, part(m))
	}
	return part(top), parts
}

func profile() Profile {
	return Profile{Operator: "Uni <Musterstadt> & Co", Label: "Handy von Zoë", Record: "r1",
		Places: Places(servers(), "alice", []string{"dav"}), Secret: secret}
}

// A profile holds one account for the calendar and one for the contacts, with
// what they need, and none for files.
func TestTheProfileForApple(t *testing.T) {
	out, err := Apple(profile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	top, parts := read(t, out)
	if top.Type != "Configuration" || top.raw["PayloadOrganization"] != "Uni <Musterstadt> & Co" || top.raw["PayloadDescription"] != "Handy von Zoë" || len(parts) != 2 {
		t.Fatalf("got %v and %d parts", top.raw, len(parts))
	}
	cal, card := parts[0], parts[1]
	for key, want := range map[string]any{"CalDAVHostName": "dav.example.org", "CalDAVPort": uint64(8443), "CalDAVUseSSL": true,
		"CalDAVUsername": "alice@example.org", "CalDAVPassword": secret.Reveal(), "CalDAVPrincipalURL": "/dav/alice/", "PayloadType": "com.apple.caldav.account"} {
		if cal.raw[key] != want {
			t.Errorf("calendar: %s is %v, want %v", key, cal.raw[key], want)
		}
	}
	for key, want := range map[string]any{"CardDAVHostName": "card.example.org", "CardDAVPort": uint64(443), "CardDAVUseSSL": true,
		"CardDAVUsername": "alice@example.org", "CardDAVPassword": secret.Reveal(), "CardDAVPrincipalURL": nil, "PayloadType": "com.apple.carddav.account"} {
		if card.raw[key] != want {
			t.Errorf("contacts: %s is %v, want %v", key, card.raw[key], want)
		}
	}
	if top.UUID == cal.UUID || cal.UUID == card.UUID {
		t.Error("two payloads have one id")
	}
	again, _ := read(t, must(Apple(profile(), nil)))
	other := profile()
	other.Record = "r2"
	another, _ := read(t, must(Apple(other, nil)))
	if again.UUID != top.UUID || another.UUID == top.UUID || again.Identifier != top.Identifier {
		t.Error("a profile must replace itself and no other")
	}
	mail := profile()
	mail.Places = append(Places(servers(), "alice", []string{"mail"})[1:], mail.Places...)
	if _, parts := read(t, must(Apple(mail, nil))); len(parts) != 2 {
		t.Errorf("with mail servers it has %d accounts", len(parts))
	}
	if _, err := Apple(Profile{Places: []Place{{Files, "https://files.example.org/", "alice"}}}, nil); err == nil {
		t.Error("a profile without an account")
	}
}

func must(out []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return out
}

// A signed profile is the same profile, in a signature that a device can check
// up to an authority that it trusts.
func TestTheProfileIsSigned(t *testing.T) {
	authority, root := certificate(t, nil, nil)
	leaf, pair := certificate(t, authority, root.PrivateKey.(*ecdsa.PrivateKey))
	pair.Certificate = append(pair.Certificate, authority.Raw)
	out, err := Apple(profile(), pair)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pkcs7.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	if err := signed.VerifyWithChain(roots); err != nil {
		t.Errorf("the signature does not hold: %v", err)
	}
	if c := signed.GetOnlySigner(); c == nil || !c.Equal(leaf) {
		t.Error("signed by somebody else")
	}
	if string(signed.Content) != string(must(Apple(profile(), nil))) {
		t.Error("what is signed is another profile")
	}
	if strings.Count(string(out), secret.Reveal()) != 2 {
		t.Error("the app password is not in it once for each account")
	}
}

func certificate(t *testing.T, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if parent == nil {
		parent, by = tmpl, key
	} else {
		tmpl.SerialNumber, tmpl.Subject.CommonName, tmpl.IsCA, tmpl.KeyUsage = big.NewInt(2), "login.example.org", false, x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
