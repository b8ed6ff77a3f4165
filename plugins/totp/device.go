package totp

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/sallyport/sallyport/plugins/factor"
)

// The payload of format 1 is, in this order, with numbers in network order:
//
//	1 byte    format, 1
//	1 byte    algorithm: 1 SHA-1, 2 SHA-256, 3 SHA-512
//	1 byte    digits: 6 or 8
//	2 bytes   seconds a step: 15 to 120
//	8 bytes   last accepted step; 0 means none
//	16 to 128 bytes secret
const (
	format     = 1
	headerSize = 13
	// minSecret is RFC 4226's floor of 128 bits. It is asked at every use and
	// not only at enrolment: the code of an empty secret is anybody's guess.
	minSecret = 16
	maxSecret = 128
)

// algorithm is a hash as the payload numbers it.
type algorithm uint8

const (
	sha1 algorithm = iota + 1
	sha256
	sha512
)

// String names the algorithm as otpauth URIs and settings do.
func (a algorithm) String() string {
	switch a {
	case sha1:
		return "SHA1"
	case sha256:
		return "SHA256"
	case sha512:
		return "SHA512"
	default:
		return "unknown"
	}
}

func algorithmNamed(name string) (algorithm, bool) {
	for a := sha1; a <= sha512; a++ {
		if a.String() == name {
			return a, true
		}
	}
	return 0, false
}

// device is one enrolled authenticator, as its payload says.
type device struct {
	algorithm algorithm
	digits    uint8
	period    uint16
	// last is the last accepted step: it and all before it are spent.
	last   uint64
	secret []byte
}

// String keeps the secret out of logs and test output.
func (d device) String() string {
	return fmt.Sprintf("%s, %d digits, %d s [redacted]", d.algorithm, d.digits, d.period)
}

// GoString prints the same as String, for %#v.
func (d device) GoString() string { return d.String() }

// payload writes the device in the current format.
func (d device) payload() []byte {
	p := make([]byte, headerSize, headerSize+len(d.secret))
	p[0] = format
	p[1] = byte(d.algorithm)
	p[2] = d.digits
	binary.BigEndian.PutUint16(p[3:], d.period)
	binary.BigEndian.PutUint64(p[5:], d.last)
	return append(p, d.secret...)
}

// parse reads a record's payload. Its errors never quote what they read.
func parse(r factor.Record) (device, error) {
	if r.Format != format {
		return device{}, fmt.Errorf("payload format %d is unknown", r.Format)
	}
	p := r.Payload
	if len(p) < headerSize || p[0] != format {
		return device{}, errors.New("payload is damaged")
	}
	d := device{
		algorithm: algorithm(p[1]),
		digits:    p[2],
		period:    binary.BigEndian.Uint16(p[3:]),
		last:      binary.BigEndian.Uint64(p[5:]),
		secret:    p[headerSize:],
	}
	switch {
	case d.algorithm < sha1 || d.algorithm > sha512:
		return device{}, errors.New("payload names an unknown algorithm")
	case d.digits != 6 && d.digits != 8:
		return device{}, errors.New("payload asks for an impossible number of digits")
	case d.period < minPeriod || d.period > maxPeriod:
		return device{}, errors.New("payload has a period out of range")
	case d.last > math.MaxInt64:
		return device{}, errors.New("payload has a step out of range")
	case len(d.secret) < minSecret:
		return device{}, fmt.Errorf("secret is shorter than %d bits", minSecret*8)
	case len(d.secret) > maxSecret:
		return device{}, fmt.Errorf("secret is longer than %d bits", maxSecret*8)
	}
	return d, nil
}

// base32 is the secret as apps take it.
func (d device) base32() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d.secret)
}

// code is the code of one step (RFC 4226, section 5.3). The library's own
// validation is of no use here: it trims its input and does not tell which
// step matched.
func (d device) code(secret string, step uint64) (string, error) {
	hash := otp.AlgorithmSHA1
	switch d.algorithm {
	case sha256:
		hash = otp.AlgorithmSHA256
	case sha512:
		hash = otp.AlgorithmSHA512
	}
	return hotp.GenerateCodeCustom(secret, step, hotp.ValidateOpts{
		Digits:    otp.Digits(d.digits),
		Algorithm: hash,
	})
}
