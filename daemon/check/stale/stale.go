// Package stale remembers, as keyed fingerprints, secrets that were refused a
// moment ago, so that a device with an old password costs one bind, one count
// and one lock-out risk, not one each sync, however many come at once.
//
// It never remembers a yes, and never a secret; who asks while somebody else is
// asking the same only waits, and shares a no. Only package check, to which it
// belongs, may call it.
//
// Decided against: keeping it in the store. A restart costs each old device
// one more try, and a durable list of wrong passwords would be worth stealing.
package stale

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Fingerprint is a keyed hash of a secret and its place.
type Fingerprint [32]byte

const (
	// Life is how long a refused secret is answered from memory.
	Life = 5 * time.Minute
	// most bounds one memory: 16,384 fingerprints, about 2 MB.
	most = 1 << 14
	// overtaking is how much later an attempt may be judged that began earlier;
	// what lies further ahead is of a clock that was put right.
	overtaking = 5 * time.Second
)

// Secrets is one memory. It is safe for concurrent use. Who must not push each
// other out has memories apart.
type Secrets struct {
	life time.Duration

	mu    sync.Mutex
	since map[Fingerprint]refusal
	// order is a ring of the remembered, oldest first, that bounds memory.
	order []Fingerprint
	next  int
	// asking are the secrets that somebody is asking about right now.
	asking map[Fingerprint]chan struct{}
}

type refusal struct {
	at  time.Time
	why account.Reason
}

// New returns an empty memory that keeps everything for the given time.
func New(life time.Duration) *Secrets {
	return &Secrets{life: life, since: map[Fingerprint]refusal{}, order: make([]Fingerprint, most), asking: map[Fingerprint]chan struct{}{}}
}

// Enter answers from memory if the secret was refused after the given time and
// a moment ago; the reason is then not empty. If somebody is asking about the
// same secret, it waits: for a no, which holds for all; after anything else
// each goes on alone, so that nobody gets in by another's yes. Otherwise the
// caller goes ahead. Leave must be called once it knows, after Remember.
func (s *Secrets) Enter(ctx context.Context, f Fingerprint, now, changed time.Time) (why account.Reason, leave func()) {
	s.mu.Lock()
	if why = s.refused(f, now, changed); why != "" {
		s.mu.Unlock()
		return why, func() {}
	}
	ahead, busy := s.asking[f]
	if !busy {
		mine := make(chan struct{})
		s.asking[f] = mine
		s.mu.Unlock()
		return "", func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.asking, f)
			close(mine)
		}
	}
	s.mu.Unlock()
	select {
	case <-ahead:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused(f, now, changed), func() {}
}

// refused is why the secret was refused; empty if it was not, or too long ago.
// A clock that was set back ends the memory.
func (s *Secrets) refused(f Fingerprint, now, changed time.Time) account.Reason {
	r, ok := s.since[f]
	age := now.Sub(r.at)
	if !ok || age < -overtaking || age >= s.life || !r.at.After(changed) {
		return ""
	}
	return r.why
}

// Remember notes a refusal that was just given by who can tell. An answer from
// memory is not noted again, so a secret that never stops coming is asked anew
// every five minutes.
func (s *Secrets) Remember(f Fingerprint, now time.Time, why account.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(f, refusal{at: now, why: why})
}

func (s *Secrets) remember(f Fingerprint, r refusal) {
	if _, ok := s.since[f]; !ok {
		delete(s.since, s.order[s.next])
		s.order[s.next] = f
		s.next = (s.next + 1) % len(s.order)
	}
	s.since[f] = r
}

// First tells whether this is the first time in the memory's life that it
// hears of the fingerprint, and remembers it.
func (s *Secrets) First(f Fingerprint, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused(f, now, time.Time{}) != "" {
		return false
	}
	s.remember(f, refusal{at: now, why: account.BadCredentials})
	return true
}
