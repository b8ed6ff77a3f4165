// Package stale remembers, as keyed fingerprints, secrets that were refused a
// moment ago, so that a device with an old password costs one bind, one count
// and one lock-out risk, not one each sync.
//
// It never remembers a yes, and never a secret. Only package check, to which
// it belongs, may call it.
//
// Decided against: keeping it in the store. A restart costs each old device
// one more try, and a durable list of wrong passwords would be worth stealing.
package stale

import (
	"sync"
	"time"
)

// Fingerprint is a keyed hash of a secret and its place.
type Fingerprint [32]byte

const (
	// life is how long a refused secret is answered from memory.
	life = 5 * time.Minute
	// most bounds the memory: 16,384 fingerprints, about 2 MB.
	most = 1 << 14
)

// Secrets is the memory. It is safe for concurrent use.
type Secrets struct {
	mu    sync.Mutex
	since map[Fingerprint]time.Time
	// order is a ring of the remembered, oldest first, that bounds memory.
	order []Fingerprint
	next  int
}

// New returns an empty memory.
func New() *Secrets {
	return &Secrets{since: map[Fingerprint]time.Time{}, order: make([]Fingerprint, most)}
}

// Refused tells whether the secret was refused after the given time and less
// than five minutes ago. A clock that was set back ends the memory.
func (s *Secrets) Refused(f Fingerprint, now, changed time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.since[f]
	age := now.Sub(at)
	return ok && age >= 0 && age < life && at.After(changed)
}

// Remember notes a refusal that was just given by who can tell. An answer from
// memory is not noted again, so a secret that never stops coming is asked anew
// every five minutes.
func (s *Secrets) Remember(f Fingerprint, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.since[f]; !ok {
		delete(s.since, s.order[s.next])
		s.order[s.next] = f
		s.next = (s.next + 1) % len(s.order)
	}
	s.since[f] = now
}
