package totp

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

var _ transfer.Factor = Factor{}

// Import takes an otpauth URI of type totp. Where it does not say, the hash is
// SHA-1, a code has 6 digits and is new every 30 seconds, as apps have it. Any
// hash and any number of seconds that Verify can work with are taken, for a
// phone that is connected already cannot change them; but the number of digits
// must be that of the settings, because it is what people are asked for, and what
// is cut off where one field carries password and code.
//
// Issuer, label and parameters that say nothing about the codes do not matter. A
// code that the other system took a moment ago is not known here.
func (Factor) Import(ctx context.Context, a transfer.Arrival) (transfer.Imported, error) {
	if err := ctx.Err(); err != nil {
		return transfer.Imported{}, err
	}
	house, err := fromSettings(a.Settings)
	if err != nil {
		return transfer.Imported{}, fmt.Errorf("importing a totp record: %w", err)
	}
	d, refused := fromURI(a.Text)
	if refused == "" && d.digits != house.digits {
		refused = fmt.Sprintf("its codes have %d digits, and codes here have %d: write digits = %d into [factor.settings] of totp if all codes shall, "+
			"or have the person connect the phone anew", d.digits, house.digits, d.digits)
	}
	if refused != "" {
		return transfer.Imported{Refused: refused}, nil
	}
	return transfer.Imported{Format: format, Payload: d.payload()}, nil
}

// Export gives the record as an otpauth URI.
func (Factor) Export(ctx context.Context, d transfer.Departure) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	phone, err := parse(d.Record)
	if err != nil {
		return "", fmt.Errorf("exporting a totp record: record %q: %w", d.Record.ID, err)
	}
	uri, err := phone.uri(d.Issuer, d.Account)
	if err != nil {
		return "", fmt.Errorf("exporting a totp record: %w", err)
	}
	return uri, nil
}

// fromURI reads a device, or says why there is none. It never quotes what it
// reads but for short words about the kind of codes.
func fromURI(text string) (d device, refused string) {
	if len(text) > transfer.MaxText {
		return d, "it is too long for an otpauth URI"
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(u.Scheme, "otpauth") {
		return d, "it is no otpauth URI"
	}
	switch {
	case strings.EqualFold(u.Host, "hotp"):
		return d, "its codes count up (HOTP) and do not go by the clock, which the code app here does: have the person connect the phone anew"
	case !strings.EqualFold(u.Host, "totp"):
		return d, "it is an otpauth URI of another kind than totp"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return d, "its parameters cannot be read"
	}
	for _, name := range []string{"secret", "algorithm", "digits", "period"} {
		if len(query[name]) > 1 {
			return d, "it says twice what its " + name + " is"
		}
	}
	if d.secret, err = decodeSecret(query.Get("secret")); err != nil {
		return d, err.Error()
	}
	return d.described(query)
}

// described fills in the hash, the digits and the period.
func (d device) described(query url.Values) (_ device, refused string) {
	d.algorithm, d.digits, d.period = sha1, 6, defaultPeriod
	if name := query.Get("algorithm"); name != "" {
		// Some write HmacSHA1 or SHA-1, and mean the same.
		plain := strings.TrimPrefix(strings.ReplaceAll(strings.ToUpper(name), "-", ""), "HMAC")
		a, ok := algorithmNamed(plain)
		if !ok {
			return d, "its algorithm is not SHA1, SHA256 or SHA512: have the person connect the phone anew"
		}
		d.algorithm = a
	}
	if digits := query.Get("digits"); digits != "" {
		if digits != "6" && digits != "8" {
			return d, "its codes do not have 6 or 8 digits: have the person connect the phone anew"
		}
		d.digits = digits[0] - '0'
	}
	if period := query.Get("period"); period != "" {
		p, err := strconv.ParseUint(period, 10, 16)
		if err != nil || p < minPeriod || p > maxPeriod {
			return d, fmt.Sprintf("its codes are not good for %d to %d seconds: have the person connect the phone anew", minPeriod, maxPeriod)
		}
		d.period = uint16(p)
	}
	return d, ""
}

// decodeSecret reads base32 as people write it: in capitals or not, in groups,
// padded or not.
func decodeSecret(text string) ([]byte, error) {
	text = strings.TrimRight(strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text)), "=")
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	switch {
	case text == "":
		return nil, errors.New("it has no secret")
	case err != nil:
		return nil, errors.New("its secret is not base32")
	case len(secret) < minSecret:
		return nil, fmt.Errorf("its secret has %d bits, and fewer than %d are never taken (RFC 4226): have the person connect the phone anew", len(secret)*8, minSecret*8)
	case len(secret) > maxSecret:
		return nil, fmt.Errorf("its secret has more than %d bits", maxSecret*8)
	}
	return secret, nil
}
