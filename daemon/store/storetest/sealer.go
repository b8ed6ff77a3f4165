package storetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/store"
)

// Sealer is a ring for tests, from the standard library, always with the same
// keys. It seals for real, so that a suite on it shows what is bound to what.
func Sealer() store.Sealer {
	block, err := aes.NewCipher([]byte("a key for tests and nothing else"))
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return ring{aead}
		}
	}
	panic(fmt.Sprintf("a cipher for tests: %v", err)) // the key has the right length
}

type ring struct{ aead cipher.AEAD }

func (r ring) Seal(plaintext, associated []byte) ([]byte, error) {
	nonce := make([]byte, r.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return r.aead.Seal(nonce, nonce, plaintext, associated), nil
}

func (r ring) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < r.aead.NonceSize() {
		return nil, errors.New("too short")
	}
	return r.aead.Open(nil, sealed[:r.aead.NonceSize()], sealed[r.aead.NonceSize():], associated)
}

func (r ring) MAC(purpose string, data []byte) []byte {
	mac := hmac.New(sha256.New, []byte("a key for tests, for "+purpose))
	mac.Write(data)
	return mac.Sum(nil)
}

func (r ring) Fresh([]byte) bool { return true }

func (r ring) Genuine(purpose string, data, mac []byte) bool {
	return hmac.Equal(mac, r.MAC(purpose, data))
}
