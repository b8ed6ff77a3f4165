// Package seal holds the keys of the house: the key ring that seals what the
// store keeps, and the key-encryption key that the ring itself lies under.
//
// The ring is made of tink key sets, because each sealed thing then carries
// the id of its key (keys can be changed without a day on which nothing can
// be read), and because choosing and composing ciphers is left to people who
// do that for a living. Sealing is XChaCha20-Poly1305, whose random nonces
// are long enough never to be counted; fingerprints are HMAC-SHA256, with a
// key of their own for each purpose.
//
// It is no store and knows no rows: what is bound to what is decided by
// package store. Only the mains may import it; everybody else sees a small
// interface.
package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// KEKSize is the length of a key-encryption key in bytes.
const KEKSize = 32

const (
	ringFormat = 1
	sealName   = "seal"
	macName    = "mac-" // and the purpose
	macSize    = 32
)

// ErrWrongKEK means that the stored key sets do not open with this key and
// instance.
var ErrWrongKEK = errors.New("the key does not open the key sets of this state: it is the key of another " +
	"installation, or state and key come from different backups; put back the key that belongs to it " +
	"(without that key the sealed records cannot be read by anyone, and people have to set up anew)")

// purposes are what fingerprints are for.
func purposes() []string {
	return []string{"state", "audit", "token", "source", "pseudonym", "stale"}
}

// Ring seals and opens, and makes fingerprints. It may be used from many
// goroutines at once, and prints itself redacted.
type Ring struct {
	cipher tink.AEAD
	macs   map[string]*prf.Set
}

// stored is how a ring lies in the store: each key set encrypted under the
// KEK, bound to the instance and its name.
type stored struct {
	Format  int               `json:"format"`
	KeySets map[string][]byte `json:"key_sets"`
}

// NewRing makes fresh keys for an instance. The second value is for the store
// to keep; it is of no use without the KEK.
func NewRing(kek []byte, instance string) (*Ring, []byte, error) {
	outer, err := outerCipher(kek)
	if err != nil {
		return nil, nil, err
	}
	s := stored{Format: ringFormat, KeySets: map[string][]byte{}}
	for _, name := range keySetNames() {
		template := prf.HMACSHA256PRFKeyTemplate()
		if name == sealName {
			template = aead.XChaCha20Poly1305KeyTemplate()
		}
		handle, err := keyset.NewHandle(template)
		if err != nil {
			return nil, nil, fmt.Errorf("making the %s keys: %w", name, err)
		}
		var b bytes.Buffer
		if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), outer, place(instance, name)); err != nil {
			return nil, nil, fmt.Errorf("sealing the %s keys: %w", name, err)
		}
		s.KeySets[name] = b.Bytes()
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the key sets: %w", err)
	}
	ring, err := OpenRing(kek, b, instance)
	return ring, b, err
}

// OpenRing opens what NewRing gave to the store. Where key and state do not
// belong together the error is ErrWrongKEK.
func OpenRing(kek, kept []byte, instance string) (*Ring, error) {
	outer, err := outerCipher(kek)
	if err != nil {
		return nil, err
	}
	var s stored
	if err := json.Unmarshal(kept, &s); err != nil {
		return nil, errors.New("the stored key sets are damaged; restore the state from a backup")
	}
	if s.Format != ringFormat {
		return nil, fmt.Errorf("the stored key sets are of format %d, this program knows %d; install the newer program again",
			s.Format, ringFormat)
	}
	r := &Ring{macs: map[string]*prf.Set{}}
	for _, name := range keySetNames() {
		handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(s.KeySets[name])),
			outer, place(instance, name))
		if err != nil {
			// tink's own error says nothing more: it cannot tell why either.
			return nil, fmt.Errorf("opening the %s keys: %w", name, ErrWrongKEK)
		}
		if err := r.add(name, handle); err != nil {
			return nil, fmt.Errorf("using the %s keys: %w", name, err)
		}
	}
	return r, nil
}

func (r *Ring) add(name string, handle *keyset.Handle) (err error) {
	if name == sealName {
		r.cipher, err = aead.New(handle)
		return err
	}
	r.macs[strings.TrimPrefix(name, macName)], err = prf.NewPRFSet(handle)
	return err
}

// Seal encrypts and authenticates plaintext; associated data is authenticated
// only. Sealing the same twice gives different bytes.
func (r *Ring) Seal(plaintext, associated []byte) ([]byte, error) {
	b, err := r.cipher.Encrypt(plaintext, associated)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return b, nil
}

// Open is the reverse of Seal. It fails on any change of either argument.
func (r *Ring) Open(sealed, associated []byte) ([]byte, error) {
	b, err := r.cipher.Decrypt(sealed, associated)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	return b, nil
}

// MAC is a keyed fingerprint of 32 bytes, the same for the same arguments for
// as long as the installation lives. The purposes are state, audit, token,
// source, pseudonym and stale; any other is a mistake in the program, and
// panics rather than let two purposes share a key.
func (r *Ring) MAC(purpose string, data []byte) []byte {
	set := r.macs[purpose]
	if set == nil {
		panic(fmt.Sprintf("seal: no key for purpose %q", purpose))
	}
	b, err := set.ComputePrimaryPRF(data, macSize)
	if err != nil {
		panic("seal: HMAC-SHA256 gives 32 bytes: " + err.Error())
	}
	return b
}

// String hides the keys from fmt.
func (r *Ring) String() string { return "key ring [redacted]" }

// GoString hides the keys from %#v.
func (r *Ring) GoString() string { return r.String() }

// Format hides the keys from every verb of fmt.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue hides the keys from slog.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

func keySetNames() []string {
	names := []string{sealName}
	for _, p := range purposes() {
		names = append(names, macName+p)
	}
	return names
}

func outerCipher(kek []byte) (tink.AEAD, error) {
	if len(kek) != KEKSize {
		return nil, fmt.Errorf("the key has %d bytes, %d are needed", len(kek), KEKSize)
	}
	cipher, err := subtle.NewXChaCha20Poly1305(kek)
	if err != nil {
		return nil, fmt.Errorf("using the key: %w", err)
	}
	return cipher, nil
}

// place says what a key set belongs to, each part after its length.
func place(instance, name string) []byte {
	var b []byte
	for _, p := range []string{"sallyport key set 1", instance, name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
