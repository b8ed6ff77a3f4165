package factortest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// TOTP is the case of the factor "totp" with these settings, or nil.
func TOTP(settings map[string]string) Case {
	return Case{
		Settings: settings,
		Right:    func(i factor.Issued, at time.Time) (string, error) { return Code(i.URI, at) },
		Wrong:    wrongCode,
		Text:     func(i factor.Issued) string { return i.URI },
	}
}

// AppPassword is the case of the factor "app-password".
func AppPassword() Case {
	return Case{
		Right: func(i factor.Issued, _ time.Time) (string, error) { return i.Secret, nil },
		Wrong: func(factor.Issued, time.Time) (string, error) { return crockford.Encode(entropy(99), 23) },
	}
}

// Recovery is the case of the factor "recovery". Its calls are slow on
// purpose, so only a few are made at once: 64 would outlast the deadline that
// a plugin has.
func Recovery() Case {
	return Case{
		Right: func(i factor.Issued, _ time.Time) (string, error) {
			first, _, _ := strings.Cut(i.Secret, "\n")
			return first, nil
		},
		Wrong:    func(factor.Issued, time.Time) (string, error) { return crockford.Encode(entropy(99), 14) },
		Parallel: 4,
	}
}

// Code is the code that an authenticator app shows at that time for an otpauth
// URI of type totp (RFC 6238). It is written apart from the factor, so that
// the two check each other.
func Code(uri string, at time.Time) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		return "", fmt.Errorf("computing a code: this is no otpauth URI of type totp")
	}
	q := u.Query()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(q.Get("secret"))
	if err != nil || len(secret) == 0 {
		return "", fmt.Errorf("computing a code: the secret is not base32")
	}
	h, ok := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New}[q.Get("algorithm")]
	digits, derr := strconv.Atoi(q.Get("digits"))
	period, perr := strconv.ParseInt(q.Get("period"), 10, 64)
	if !ok || derr != nil || perr != nil || digits < 6 || digits > 8 || period < 1 || at.Unix() < 0 {
		return "", fmt.Errorf("computing a code: algorithm, digits, period or time cannot be used")
	}
	mac := hmac.New(h, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/period)))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	full := fmt.Sprintf("%010d", n)
	return full[len(full)-digits:], nil
}

// wrongCode is a code that is right at no time within a quarter of an hour.
func wrongCode(i factor.Issued, at time.Time) (string, error) {
	near := map[string]bool{}
	length := 0
	for off := -15 * time.Minute; off <= 15*time.Minute; off += time.Second {
		code, err := Code(i.URI, at.Add(off))
		if err != nil {
			return "", err
		}
		near[code] = true
		length = len(code)
	}
	for n := 123456; ; n++ {
		if code := fmt.Sprintf("%0*d", length, n); !near[code] {
			return code, nil
		}
	}
}
