package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"strconv"
	"strings"
)

// mostRounds bounds what deriving a key may cost: some seconds.
const mostRounds = 10_000_000

// container is what the keys of a container have in common.
type container struct {
	secret []byte
	key    []byte
	mac    func() hash.Hash
	macKey []byte
}

// encrypted is a value under AES.
type encrypted struct {
	Method struct {
		Algorithm string `xml:"Algorithm,attr"`
	} `xml:"EncryptionMethod"`
	Value string `xml:"CipherData>CipherValue"`
}

// derivation is how the key comes from a pass phrase.
type derivation struct {
	Method struct {
		Algorithm string `xml:"Algorithm,attr"`
		Salt      string `xml:"PBKDF2-params>Salt>Specified"`
		Rounds    string `xml:"PBKDF2-params>IterationCount"`
		Length    string `xml:"PBKDF2-params>KeyLength"`
		PRF       struct {
			Algorithm string `xml:"Algorithm,attr"`
		} `xml:"PBKDF2-params>PRF"`
	} `xml:"KeyDerivationMethod"`
}

// readKey reads how the values are encrypted. Whether there is a key for it is
// asked when one is met.
func (c *container) readKey(d *xml.Decoder, start xml.StartElement) error {
	var found struct {
		Derived *derivation `xml:"DerivedKey"`
		Foreign *struct{}   `xml:"X509Data"`
		Wrapped *struct{}   `xml:"EncryptedKey"`
	}
	if err := d.DecodeElement(&found, &start); err != nil {
		return err
	}
	if found.Foreign != nil || found.Wrapped != nil {
		return fault("its keys are encrypted for a certificate, which is not supported")
	}
	if c.secret == nil {
		return nil
	}
	if c.key != nil { // deriving each may cost seconds
		return fault("it has more than one key for its values, which is not supported")
	}
	if found.Derived == nil {
		c.key = shared(c.secret)
		if c.key == nil {
			return fault("the key file holds no key of 128, 192 or 256 bits; write it as hexadecimal digits")
		}
		return nil
	}
	return c.derive(*found.Derived)
}

// shared is a pre-shared key, written in hexadecimal or as it is.
func shared(secret []byte) []byte {
	written := strings.TrimSpace(string(secret))
	for _, read := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if key, err := read(written); err == nil && isKey(key) {
			return key
		}
	}
	if isKey(secret) {
		return secret
	}
	return nil
}

func isKey(b []byte) bool { return len(b) == 16 || len(b) == 24 || len(b) == 32 }

func (c *container) derive(d derivation) error {
	salt, err := decode(d.Method.Salt)
	if err != nil {
		return err
	}
	rounds, rerr := strconv.Atoi(strings.TrimSpace(d.Method.Rounds))
	length, lerr := strconv.Atoi(strings.TrimSpace(d.Method.Length))
	if lerr != nil && strings.TrimSpace(d.Method.Length) == "" {
		length, lerr = 16, nil
	}
	sum := sha1.New
	if d.Method.PRF.Algorithm != "" {
		_, prf, _ := strings.Cut(strings.ToLower(d.Method.PRF.Algorithm), "hmac-sha")
		sum = map[string]func() hash.Hash{"1": sha1.New, "256": sha256.New, "512": sha512.New}[prf]
	}
	if !strings.HasSuffix(strings.ToLower(d.Method.Algorithm), "pbkdf2") || rerr != nil || lerr != nil || sum == nil ||
		rounds < 1 || rounds > mostRounds || length != 16 && length != 24 && length != 32 {
		return fault("its key is derived in a way that is not supported")
	}
	c.key, err = pbkdf2.Key(sum, strings.TrimRight(string(c.secret), "\r\n"), salt, rounds, length)
	return err
}

// readMAC reads how values are protected from changes.
func (c *container) readMAC(d *xml.Decoder, start xml.StartElement) error {
	var found struct {
		Algorithm string     `xml:"Algorithm,attr"`
		Key       *encrypted `xml:"MACKey"`
	}
	if err := d.DecodeElement(&found, &start); err != nil {
		return err
	}
	_, name, _ := strings.Cut(found.Algorithm, "#")
	c.mac = map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha384": sha512.New384, "hmac-sha512": sha512.New}[name]
	if c.mac == nil {
		return fault("its values have a MAC of a kind that is not supported")
	}
	c.macKey = c.key // where it has no key of its own
	if found.Key == nil || c.key == nil {
		return nil
	}
	sealed, err := decode(found.Key.Value)
	if err != nil {
		return err
	}
	c.macKey, err = c.decrypt(found.Key.Method.Algorithm, sealed)
	return err
}

// reveal gives a value. An encrypted one is looked at only if its MAC is right:
// without that, whoever had the file on its way could have changed it.
func (c *container) reveal(v value, mac string) ([]byte, error) {
	if v.Encrypted == nil {
		if strings.TrimSpace(v.Plain) == "" {
			return nil, fault("it has no secret")
		}
		return decode(v.Plain)
	}
	if c.key == nil {
		return nil, fault("its secret is encrypted: name the file of the key or pass phrase with --key-file")
	}
	sealed, err := decode(v.Encrypted.Value)
	if err != nil {
		return nil, err
	}
	if c.mac == nil {
		return nil, fault("its secret is encrypted without a MAC, which is not safe")
	}
	want, err := decode(mac)
	if err != nil || len(want) == 0 {
		return nil, fault("its secret is encrypted and the MAC is missing, which is not safe")
	}
	sum := hmac.New(c.mac, c.macKey)
	sum.Write(sealed)
	if !hmac.Equal(sum.Sum(nil), want) {
		return nil, fault("the MAC of its secret is wrong: the key is another one, or the file was changed")
	}
	return c.decrypt(v.Encrypted.Method.Algorithm, sealed)
}

// decrypt opens AES in CBC mode as XML Encryption has it: the first block is the
// initial vector, the last byte says how long the padding is.
func (c *container) decrypt(algorithm string, sealed []byte) ([]byte, error) {
	_, name, _ := strings.Cut(strings.ToLower(algorithm), "#")
	if size, ok := map[string]int{"aes128-cbc": 16, "aes192-cbc": 24, "aes256-cbc": 32}[name]; !ok || size != len(c.key) {
		return nil, fault("it is encrypted in a way that is not supported, or the key has another length")
	}
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, fault("an encrypted value in it is cut off")
	}
	block, err := aes.NewCipher(c.key)
	if err != nil {
		return nil, err
	}
	open := make([]byte, len(sealed)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, sealed[:aes.BlockSize]).CryptBlocks(open, sealed[aes.BlockSize:])
	padding := int(open[len(open)-1])
	if padding < 1 || padding > aes.BlockSize {
		return nil, fault("an encrypted value in it cannot be opened: the key is another one")
	}
	return open[:len(open)-padding], nil
}
