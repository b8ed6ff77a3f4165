package recipe

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"strconv"

	"github.com/smallstep/pkcs7"
	"howett.net/plist"

	"github.com/sallyport/sallyport/daemon/account"
)

// Profile is what an iPhone, iPad or Mac is told with one tap.
type Profile struct {
	// Operator is who it comes from, Label what it is called in the device's
	// settings.
	Operator, Label string
	// Record tells profiles apart: one for each app password.
	Record string
	Places []Place
	Secret account.Secret
}

// AppleType is the media type of a profile.
const AppleType = "application/x-apple-aspen-config"

// Apple writes the configuration profile with accounts for calendar and
// contacts, the app password inside, signed if there is a signer. There must be
// an address of calendar or contacts.
//
// Apple, Configuration Profile Reference: CalDAV payload, CardDAV payload.
func Apple(p Profile, signer *tls.Certificate) ([]byte, error) {
	var accounts []map[string]any
	for _, place := range p.Places {
		if !place.Syncs() {
			continue // programs for files read no profile, and one for e-mail has to name a mail address
		}
		a, err := p.account(place)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
	}
	if len(accounts) == 0 {
		return nil, fmt.Errorf("a profile without an account")
	}
	out, err := plist.MarshalIndent(p.payload("Configuration", "", map[string]any{
		"PayloadDisplayName": p.Operator, "PayloadOrganization": p.Operator, "PayloadDescription": p.Label,
		"PayloadContent": accounts, "PayloadRemovalDisallowed": false,
	}), plist.XMLFormat, "\t")
	if err != nil {
		return nil, fmt.Errorf("writing a profile: %w", err)
	}
	if signer == nil {
		return out, nil
	}
	return sign(out, signer)
}

// account is the payload of one account. The keys of both kinds differ in their
// first word only.
func (p Profile) account(place Place) (map[string]any, error) {
	kind, payload := "CalDAV", "com.apple.caldav.account"
	if place.Kind == Contacts {
		kind, payload = "CardDAV", "com.apple.carddav.account"
	}
	u, err := url.Parse(place.URL)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("the address of %s is not one", place.Kind)
	}
	encrypted := u.Scheme == "https"
	port := map[bool]int{true: 443, false: 80}[encrypted]
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("the port of the address of %s: %w", place.Kind, err)
		}
	}
	a := map[string]any{
		kind + "AccountDescription": p.Operator, kind + "HostName": u.Hostname(), kind + "Port": port,
		kind + "UseSSL": encrypted, kind + "Username": place.Login, kind + "Password": p.Secret.Reveal(),
		"PayloadDisplayName": p.Operator, "PayloadOrganization": p.Operator,
	}
	if path := u.EscapedPath(); path != "" && path != "/" {
		a[kind+"PrincipalURL"] = path
	}
	return p.payload(payload, string(place.Kind)+" "+place.URL, a), nil
}

// payload adds what every part of a profile has. The same app password gives
// the same ids, so that a profile that is loaded twice replaces itself.
func (p Profile) payload(kind, part string, content map[string]any) map[string]any {
	sum := sha256.Sum256([]byte(p.Record + "\x00" + part))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562, section 5.8: made by our own rule
	content["PayloadType"], content["PayloadVersion"] = kind, 1
	content["PayloadUUID"] = fmt.Sprintf("%X-%X-%X-%X-%X", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	content["PayloadIdentifier"] = fmt.Sprintf("org.sallyport.%x", sum[:16])
	return content
}

// sign wraps the profile in a signature with the certificate and its chain
// (RFC 5652), so that the device names the operator as its source.
func sign(profile []byte, signer *tls.Certificate) ([]byte, error) {
	key, ok := signer.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing a profile: the key cannot sign")
	}
	var chain []*x509.Certificate
	for _, der := range signer.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("signing a profile: %w", err)
		}
		chain = append(chain, c)
	}
	data, err := pkcs7.NewSignedData(profile)
	if err != nil {
		return nil, fmt.Errorf("signing a profile: %w", err)
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := data.AddSignerChain(chain[0], key, chain[1:], pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("signing a profile: %w", err)
	}
	return data.Finish()
}
