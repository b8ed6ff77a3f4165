// Package totp is the factor "totp": time-based one-time codes (RFC 6238) from
// an authenticator app.
//
// It is a pure function: it keeps no state, reads no clock and no random
// source. That a code is good only once is decided here, by the step stored in
// the payload, and made true by the daemon, which swaps the payload before it
// says yes. Only its own main and tests call it; the daemon reaches it through
// a plugin process.
//
// A code is good for its own step and one step to either side, which forgives
// a phone that is up to one step off and a person who types slowly. At 30 s a
// step, a code can so be used for up to 90 s, once.
//
// Settings, all optional, read when a record is made and kept in it, so that
// later changes never break an enrolled phone:
//
//	algorithm  SHA1 (default), SHA256, SHA512
//	digits     6 (default), 8
//	period     seconds a step, 15 to 120, default 30
//
// Many apps ignore everything but the defaults without a word. Codes of 8
// digits need a field of their own: where one field carries password and code,
// the last 6 characters are the code.
//
// Decided against: learning a phone's drift and moving the window with it. A
// code outside the window is explained, never accepted.
package totp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// kind is the factor's name in config, records and logs.
	kind = "totp"
	// secretSize is the size of a new secret in bytes, 160 bits (RFC 4226,
	// section 4, R6), whatever the hash: it is what every app can take.
	secretSize = 20

	defaultPeriod = 30
	minPeriod     = 15
	// maxPeriod follows NIST SP 800-63B: a nonce changes every two minutes.
	maxPeriod = 120
)

// Factor is the factor "totp". The zero value is ready, and safe for
// concurrent use.
type Factor struct{}

var _ factor.Factor = Factor{}

// Info describes the factor. The shape admits codes of both lengths; each
// record accepts only its own.
func (Factor) Info(ctx context.Context) (factor.Info, error) {
	if err := ctx.Err(); err != nil {
		return factor.Info{}, err
	}
	return factor.Info{
		Kind:       kind,
		Format:     format,
		Shape:      `^([0-9]{6}|[0-9]{8})$`,
		Digits:     6,
		MaxRecords: 5,
		Guessable:  true,
	}, nil
}

// Enroll makes a record from the first 160 bits of entropy. It is worth
// nothing until a code from it has been accepted. Secret is upper-case base32
// without padding, URI an otpauth URI. It fails on unknown or unusable
// settings, on too little entropy, and on an account that is empty or cannot
// be shown.
func (Factor) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if err := ctx.Err(); err != nil {
		return factor.Issued{}, err
	}
	if len(e.Entropy) != factor.EntropySize {
		return factor.Issued{}, fmt.Errorf("making a totp record: %d bytes of entropy, want %d", len(e.Entropy), factor.EntropySize)
	}
	d, err := fromSettings(e.Settings)
	if err != nil {
		return factor.Issued{}, fmt.Errorf("making a totp record: %w", err)
	}
	d.secret = e.Entropy[:secretSize] // payload copies it
	uri, err := d.uri(e.Issuer, e.Account)
	if err != nil {
		return factor.Issued{}, fmt.Errorf("making a totp record: %w", err)
	}
	return factor.Issued{
		Format:  format,
		Payload: d.payload(),
		Secret:  d.base32(),
		URI:     uri,
		Confirm: true,
	}, nil
}

// fromSettings is a device without a secret. A setting that is not understood
// is refused: an operator who misspells one must not get the default.
func fromSettings(settings map[string]string) (device, error) {
	d := device{algorithm: sha1, digits: 6, period: defaultPeriod}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := settings[name]
		switch name {
		case "algorithm":
			a, ok := algorithmNamed(value)
			if !ok {
				return device{}, fmt.Errorf("setting algorithm: %q is not SHA1, SHA256 or SHA512", value)
			}
			d.algorithm = a
		case "digits":
			if value != "6" && value != "8" {
				return device{}, fmt.Errorf("setting digits: %q is not 6 or 8", value)
			}
			d.digits = value[0] - '0'
		case "period":
			p, err := strconv.ParseUint(value, 10, 16)
			if err != nil || p < minPeriod || p > maxPeriod || strconv.FormatUint(p, 10) != value {
				return device{}, fmt.Errorf("setting period: %q is not a number of seconds from %d to %d", value, minPeriod, maxPeriod)
			}
			d.period = uint16(p)
		default:
			return device{}, fmt.Errorf("setting %q is unknown; there are algorithm, digits and period", name)
		}
	}
	return d, nil
}
