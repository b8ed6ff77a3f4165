// Package apppassword is the factor "app-password": a long random password for
// one program that can send nothing else.
//
// It is a pure function: it keeps no state, reads no clock and no random
// source. It does not know what services a password is good for, when it ends
// or that it was revoked: that is the daemon's. Only its own main and tests
// call it; the daemon reaches it through a plugin process.
//
// A password has 24 characters, 23 of them random (115 bits), shown as six
// groups of four; the last is a check character. It cannot be guessed, so one
// SHA-256 is all the hashing it needs (NIST SP 800-63B asks for a slow hash
// below 112 bits only), and a check costs about a microsecond: there is no
// need for a cache of right passwords. The check character tells a typing
// mistake, and a person's own password in the wrong place, from a revoked app
// password.
//
// It has no settings.
package apppassword

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

const (
	kind = "app-password"
	// random is how many characters of a password are random.
	random = 23
	length = random + 1
	// group is how many characters are shown together.
	group = 4

	// The payload of format 1 is one byte, 1, and the SHA-256 of the password
	// as it stands when folded: lower case, without dashes.
	format      = 1
	payloadSize = 1 + sha256.Size

	// shape is 24 characters of the alphabet or their look-alikes, with blanks
	// and dashes anywhere.
	shape = `^[ \t-]*(?:[0-9A-TV-Za-tv-z][ \t-]*){24}$`
)

// Factor is the factor "app-password". The zero value is ready, and safe for
// concurrent use.
type Factor struct{}

var _ factor.Factor = Factor{}

// Info describes the factor.
func (Factor) Info(ctx context.Context) (factor.Info, error) {
	if err := ctx.Err(); err != nil {
		return factor.Info{}, err
	}
	return factor.Info{
		Kind:       kind,
		Format:     format,
		Shape:      shape,
		Claims:     true,
		MaxRecords: 50,
	}, nil
}

// Enroll makes a password from the first 115 bits of entropy. It fails on any
// setting and on too little entropy.
func (Factor) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if err := ctx.Err(); err != nil {
		return factor.Issued{}, err
	}
	if len(e.Settings) > 0 {
		return factor.Issued{}, errors.New("making an app password: it has no settings")
	}
	if len(e.Entropy) != factor.EntropySize {
		return factor.Issued{}, fmt.Errorf("making an app password: %d bytes of entropy, want %d", len(e.Entropy), factor.EntropySize)
	}
	code, err := crockford.Encode(e.Entropy, random)
	if err != nil {
		return factor.Issued{}, fmt.Errorf("making an app password: %w", err)
	}
	sum := sha256.Sum256([]byte(code))
	return factor.Issued{
		Format:  format,
		Payload: append([]byte{format}, sum[:]...),
		Secret:  crockford.Group(code, group),
	}, nil
}

// Verify accepts the password of one of the records; it never rewrites a
// payload. What is no app password at all, by length, alphabet or check
// character, is denied as Typo, what matches no record as Wrong. Every record
// is compared, whichever matches. A record that cannot be read is an error.
func (Factor) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if err := ctx.Err(); err != nil {
		return factor.Result{}, err
	}
	for i := range r.Records {
		if err := readable(r.Records[i]); err != nil {
			return factor.Result{}, fmt.Errorf("checking an app password: record %q: %w", r.Records[i].ID, err)
		}
	}
	code, ok := crockford.Fold(r.Input)
	if !ok || len(code) != length || !crockford.Valid(code) {
		return factor.Result{Verdict: factor.Deny, Reason: factor.Typo}, nil
	}
	sum := sha256.Sum256([]byte(code))
	found := -1
	for i := range r.Records {
		equal := subtle.ConstantTimeCompare(sum[:], r.Records[i].Payload[1:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}, nil
	}
	return factor.Result{Verdict: factor.Accept, Record: r.Records[found].ID}, nil
}

// readable says what is wrong with a record; its errors never quote it.
func readable(r factor.Record) error {
	if r.Format != format {
		return fmt.Errorf("payload format %d is unknown", r.Format)
	}
	if len(r.Payload) != payloadSize || r.Payload[0] != format {
		return errors.New("payload is damaged")
	}
	return nil
}
