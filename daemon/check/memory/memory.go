// Package memory is what an engine has learnt and would have to learn again at
// somebody's cost: secrets that were refused a moment ago, and which record a
// secret matched last.
//
// It holds no verdict that opens a door, and no secret. An engine that takes the
// place of another, with another config, takes its memory over: whoever was
// refused a moment ago costs the directory nothing twice. Package check, to which
// it belongs, uses it; the mains hand it on.
package memory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/hint"
	"github.com/sallyport/sallyport/daemon/check/stale"
)

const (
	// auditAgain is how often a code that cost nothing is audited for one person.
	auditAgain = time.Minute
	// crossAgain is how often a login over a bridge is.
	crossAgain = 24 * time.Hour
)

// Memory is safe for concurrent use, also by two engines.
type Memory struct {
	// Stale are passwords that the directory refused, Strangers those of nobody,
	// Sent what has slowed down its source; Audited whose uncounted code, Crossed
	// whose login over a bridge has left its row. None can push out another's.
	Stale, Strangers, Sent, Audited, Crossed *stale.Secrets
	Hints                                    *hint.Memory

	// keyed are hashes with the memory's own key, ready for use.
	keyed sync.Pool
}

// New returns an empty memory. The key, of 32 bytes, is for its fingerprints.
func New(key []byte) *Memory {
	m := &Memory{
		Stale: stale.New(stale.Life), Strangers: stale.New(stale.Life),
		Sent: stale.New(stale.Life), Audited: stale.New(auditAgain), Crossed: stale.New(crossAgain), Hints: hint.New(),
	}
	m.keyed.New = func() any { return hmac.New(sha256.New, key) }
	return m
}

// Fingerprint stands for a secret of somebody at a place: HMAC-SHA256 with the
// memory's key. It is made at each check, so that its key is not set up each time.
func (m *Memory) Fingerprint(place, who string, secret account.Secret) (f stale.Fingerprint) {
	h := m.keyed.Get().(hash.Hash) //nolint // nothing else is put there
	text := make([]byte, 0, 256)
	for _, part := range []string{place, who, secret.Reveal()} {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	_, _ = h.Write(text) // never fails
	h.Sum(f[:0])
	h.Reset() // what is kept in the pool has seen no secret
	m.keyed.Put(h)
	return f
}
