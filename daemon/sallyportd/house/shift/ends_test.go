package shift

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Of several authorities the one that ends first counts; what is no certificate is
// passed over.
func TestFirstEnd(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := func(year int) []byte {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	junk := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("junk")})
	bundle := append(append(append(append([]byte("# ours\n"), junk...), made(2032)...), made(2029)...), made(2035)...)
	if got := firstEnd(bundle); got.Year() != 2029 {
		t.Errorf("the first one ends in %v", got)
	}
	if got := firstEnd(junk); !got.IsZero() {
		t.Errorf("junk ends in %v", got)
	}
}
