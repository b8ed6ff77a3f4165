package check

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// staleSecrets remembers, as keyed fingerprints, secrets that were refused a
// moment ago, so that a device with an old password costs one bind, one count
// and one lock-out risk, not one each sync. It never remembers a yes.
//
// Decided against: keeping it in the store. A restart costs each old device
// one more try, and a durable list of wrong passwords would be worth stealing.
type staleSecrets struct {
	mu    sync.Mutex
	since map[fingerprint]time.Time
	// order is a ring of the remembered, oldest first, that bounds memory.
	order []fingerprint
	next  int
}

type fingerprint [32]byte

const (
	// staleFor is how long a refused secret is answered from memory.
	staleFor = 5 * time.Minute
	// staleMost bounds the memory: 16,384 fingerprints, about 2 MB.
	staleMost = 1 << 14
)

func newStaleSecrets() *staleSecrets {
	return &staleSecrets{since: map[fingerprint]time.Time{}, order: make([]fingerprint, staleMost)}
}

// fingerprint is keyed, and bound to the subject and the place of use.
func (e *Engine) fingerprint(place string, id account.ID, secret account.Secret) fingerprint {
	data := make([]byte, 0, len(place)+len(id)+len(secret)+2)
	data = append(data, place...)
	data = append(data, 0)
	data = append(data, id...)
	data = append(data, 0)
	data = append(data, secret.Reveal()...)
	return fingerprint(e.cfg.MAC("stale", data))
}

// refused tells whether the secret was refused after the given time and at
// most staleFor ago.
func (s *staleSecrets) refused(f fingerprint, now, changed time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.since[f]
	return ok && now.Sub(at) < staleFor && at.After(changed)
}

// remember notes the refusal. It does not renew an older one: a secret that
// never stops coming is asked again every staleFor.
func (s *staleSecrets) remember(f fingerprint, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.since[f]; ok {
		if now.Sub(at) >= staleFor {
			s.since[f] = now
		}
		return
	}
	delete(s.since, s.order[s.next])
	s.order[s.next] = f
	s.next = (s.next + 1) % len(s.order)
	s.since[f] = now
}
