package recipe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// need skips a test whose program is missing, and fails it where CI=true.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt install %s", program, debian)
	}
	t.Skipf("%s is missing: apt install %s", program, debian)
}

// A reader that has nothing to do with our writer finds in the profile what was
// put into it.
func TestAnotherReaderReadsTheProfile(t *testing.T) {
	need(t, "python3", "python3")
	cmd := exec.CommandContext(t.Context(), "python3", "-c",
		`import json, plistlib, sys; json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)`)
	cmd.Stdin = bytes.NewReader(must(Apple(profile(), nil)))
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("it cannot read it: %v: %s", err, says.String())
	}
	var top struct {
		PayloadType, PayloadUUID, PayloadOrganization, PayloadDescription string
		PayloadVersion                                                    int
		PayloadRemovalDisallowed                                          *bool
		PayloadContent                                                    []map[string]any
	}
	if err := json.Unmarshal(out, &top); err != nil {
		t.Fatal(err)
	}
	if top.PayloadType != "Configuration" || top.PayloadVersion != 1 || len(top.PayloadUUID) != 36 ||
		top.PayloadOrganization != "Uni <Musterstadt> & Co" || top.PayloadDescription != "Handy von Zoë" ||
		top.PayloadRemovalDisallowed == nil || *top.PayloadRemovalDisallowed || len(top.PayloadContent) != 2 {
		t.Fatalf("it reads %s", out)
	}
	for i, want := range []map[string]any{
		{"PayloadType": "com.apple.caldav.account", "CalDAVHostName": "dav.example.org", "CalDAVPort": 8443.0, "CalDAVUseSSL": true,
			"CalDAVUsername": "alice@example.org", "CalDAVPassword": secret.Reveal(), "CalDAVPrincipalURL": "/dav/alice/"},
		{"PayloadType": "com.apple.carddav.account", "CardDAVHostName": "card.example.org", "CardDAVPort": 443.0, "CardDAVUseSSL": true,
			"CardDAVUsername": "alice@example.org", "CardDAVPassword": secret.Reveal()},
	} {
		for key, value := range want {
			if got := top.PayloadContent[i][key]; got != value {
				t.Errorf("account %d: %s is %v, want %v", i, key, got, value)
			}
		}
	}
}

// OpenSSL takes the signature, up to the authority, and what it covers is the
// profile. A profile that somebody changed, and an authority that nobody trusts,
// it does not take.
func TestOpenSSLTakesTheSignature(t *testing.T) {
	need(t, "openssl", "openssl")
	authority, root := certificate(t, nil, nil)
	_, pair := certificate(t, authority, root.PrivateKey.(*ecdsa.PrivateKey))
	pair.Certificate = append(pair.Certificate, authority.Raw)
	signed, plain := must(Apple(profile(), pair)), must(Apple(profile(), nil))
	other, _ := certificate(t, nil, nil)
	verify := func(message []byte, trusted *x509.Certificate) ([]byte, error) {
		t.Helper()
		dir := t.TempDir()
		in, ca, out := filepath.Join(dir, "signed"), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "plain")
		for path, data := range map[string][]byte{in: message, ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Raw})} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", in,
			"-CAfile", ca, "-no-CApath", "-purpose", "any", "-out", out).CombinedOutput()
		if err != nil {
			return said, err
		}
		return os.ReadFile(out)
	}
	if got, err := verify(signed, authority); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("it says %v and\n%s", err, got)
	}
	if got, err := verify(signed, other); err == nil {
		t.Errorf("it trusts an authority that is not there:\n%s", got)
	}
	changed := bytes.Replace(signed, []byte("dav.example.org"), []byte("dev.example.org"), 1)
	if got, err := verify(changed, authority); err == nil || bytes.Equal(changed, signed) {
		t.Errorf("it takes a profile that somebody changed:\n%s", got)
	}
}
