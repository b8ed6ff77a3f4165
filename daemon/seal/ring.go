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
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
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
	return []string{"state", "audit", "token", "source", "pseudonym", "stale", "journal"}
}

// Ring seals and opens, and makes fingerprints. It may be used from many
// goroutines at once, and prints itself redacted.
type Ring struct {
	instance string
	// outer is the key-encryption key that the ring lies under.
	outer tink.AEAD
	// waits says that the stored form differs from this ring (see Settle).
	waits bool
	// other are the key sets under another key-encryption key, until that one
	// has taken over.
	other map[string][]byte
	keys  atomic.Pointer[keys]
}

// keys is what the ring works with; it is replaced whole.
type keys struct {
	handles map[string]*keyset.Handle
	cipher  tink.AEAD
	primary uint32 // of cipher
	macs    map[string]*prf.Set
}

func newKeys(handles map[string]*keyset.Handle) (*keys, error) {
	k := &keys{handles: handles, macs: map[string]*prf.Set{}}
	for name, handle := range handles {
		var err error
		if name == sealName {
			k.primary = handle.KeysetInfo().GetPrimaryKeyId()
			k.cipher, err = aead.New(handle)
		} else {
			k.macs[strings.TrimPrefix(name, macName)], err = prf.NewPRFSet(handle)
		}
		if err != nil {
			return nil, fmt.Errorf("using the %s keys: %w", name, err)
		}
	}
	return k, nil
}

func newHandle(name string) (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(templateOf(name))
	if err != nil {
		return nil, fmt.Errorf("making the %s keys: %w", name, err)
	}
	return handle, nil
}

// NewRing makes fresh keys for an instance. The second value is for the store
// to keep; it is of no use without the KEK.
func NewRing(kek []byte, instance string) (*Ring, []byte, error) {
	outer, err := outerCipher(kek)
	if err != nil {
		return nil, nil, err
	}
	handles := map[string]*keyset.Handle{}
	for _, name := range keySetNames() {
		if handles[name], err = newHandle(name); err != nil {
			return nil, nil, err
		}
	}
	r := &Ring{instance: instance, outer: outer}
	kept, err := r.write(handles)
	if err != nil {
		return nil, nil, err
	}
	ring, err := OpenRing(kek, kept, instance)
	return ring, kept, err
}

// OpenRing opens what NewRing gave to the store. Where key and state do not
// belong together the error is ErrWrongKEK. Call Settle next.
func OpenRing(kek, kept []byte, instance string) (*Ring, error) {
	outer, err := outerCipher(kek)
	if err != nil {
		return nil, err
	}
	return openRing(outer, kept, instance)
}

// Seal encrypts and authenticates plaintext; associated data is authenticated
// only. Sealing the same twice gives different bytes.
func (r *Ring) Seal(plaintext, associated []byte) ([]byte, error) {
	b, err := r.keys.Load().cipher.Encrypt(plaintext, associated)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return b, nil
}

// Open is the reverse of Seal. It fails on any change of either argument.
func (r *Ring) Open(sealed, associated []byte) ([]byte, error) {
	b, err := r.keys.Load().cipher.Decrypt(sealed, associated)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	return b, nil
}

// Fresh tells whether something was sealed with the newest key.
func (r *Ring) Fresh(sealed []byte) bool {
	// tink's prefix: a byte that says so, and the key's id.
	return len(sealed) > 5 && sealed[0] == 1 && binary.BigEndian.Uint32(sealed[1:]) == r.keys.Load().primary
}

// MAC is a keyed fingerprint of 32 bytes. The purposes are state, audit, token,
// source, pseudonym, stale and journal; any other is a mistake in the program,
// and panics rather than let two purposes share a key. Those of state and audit
// change with Rotate and are compared with Genuine; the others stay the same for
// the same arguments for as long as the installation lives.
func (r *Ring) MAC(purpose string, data []byte) []byte {
	b, err := r.set(purpose).ComputePrimaryPRF(data, macSize)
	if err != nil {
		panic("seal: HMAC-SHA256 gives 32 bytes: " + err.Error())
	}
	return b
}

// Genuine tells whether mac is a fingerprint of data, made with any key of the
// purpose that the ring still has.
func (r *Ring) Genuine(purpose string, data, mac []byte) bool {
	set := r.set(purpose)
	if hmac.Equal(mac, r.MAC(purpose, data)) {
		return true
	}
	for id, key := range set.PRFs {
		if id == set.PrimaryID {
			continue
		}
		if b, err := key.ComputePRF(data, macSize); err == nil && hmac.Equal(mac, b) {
			return true
		}
	}
	return false
}

func (r *Ring) set(purpose string) *prf.Set {
	set := r.keys.Load().macs[purpose]
	if set == nil {
		panic(fmt.Sprintf("seal: no key for purpose %q", purpose))
	}
	return set
}

// String hides the keys from fmt.
func (r *Ring) String() string { return "key ring [redacted]" }

// GoString hides the keys from %#v.
func (r *Ring) GoString() string { return r.String() }

// Format hides the keys from every verb of fmt.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue hides the keys from slog.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

func templateOf(name string) *tinkpb.KeyTemplate {
	if name == sealName {
		return aead.XChaCha20Poly1305KeyTemplate()
	}
	return prf.HMACSHA256PRFKeyTemplate()
}

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
