// Package hint remembers which record a secret matched last, so that somebody
// with fifty app passwords costs what somebody with one does.
//
// It is no memory of a verdict and opens no door: the remembered record is only
// asked first and alone. It is read from the store anew, must be active, and
// the factor judges it anew; if that is not an accept, all records are asked.
// A revoked app password is dead at the next request, hint or not. Only package
// check, to which it belongs, may call it.
//
// Decided against: a part of the secret as its public name, which the store
// could look up. It would cost random bits and tie the daemon to one factor.
package hint

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// most bounds the memory: 65,536 hints, about 10 MB.
const most = 1 << 16

// Memory holds the hints. It is safe for concurrent use.
type Memory struct {
	mu     sync.Mutex
	record map[[32]byte]string
	// order is a ring of the remembered, oldest first, that bounds memory.
	order [][32]byte
	next  int
}

// New returns an empty memory.
func New() *Memory {
	return &Memory{record: map[[32]byte]string{}, order: make([][32]byte, most)}
}

// Query is a secret on its way to the record that it belongs to.
type Query struct {
	// Place is a keyed fingerprint of subject, factor and secret.
	Place [32]byte
	Kind  string
	Now   time.Time
	// Load reads the subject's records, with the payloads of the factor opened;
	// LoadOne only that one record, if there is one of that ID.
	Load    func() (account.Snapshot, error)
	LoadOne func(record string) (account.Snapshot, error)
	// Ask shows records to the factor.
	Ask func(records []account.Record) (witness.Testimony, error)
}

// Match asks the remembered record, then all active ones. The reason is empty,
// or says who could not be asked.
func (m *Memory) Match(q Query) (account.Snapshot, witness.Testimony, account.Reason) {
	if id, ok := m.find(q.Place); ok {
		snap, err := q.LoadOne(id)
		if err != nil {
			return snap, witness.Testimony{}, account.StoreUnavailable
		}
		if one := witness.Active(snap, q.Kind, q.Now); len(one) > 0 {
			got, err := q.Ask(one)
			if err != nil {
				return snap, got, account.PluginUnavailable
			}
			if got.Accept {
				return snap, got, ""
			}
		}
	}
	snap, err := q.Load()
	if err != nil {
		return snap, witness.Testimony{}, account.StoreUnavailable
	}
	got, err := q.Ask(witness.Active(snap, q.Kind, q.Now))
	switch {
	case err != nil:
		return snap, got, account.PluginUnavailable
	case got.Accept:
		m.remember(q.Place, got.Record.ID)
	case got.Reason != factor.Typo:
		m.forget(q.Place)
	}
	return snap, got, ""
}

func (m *Memory) find(place [32]byte) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.record[place]
	return id, ok
}

func (m *Memory) remember(place [32]byte, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.record[place]; !ok {
		delete(m.record, m.order[m.next])
		m.order[m.next] = place
		m.next = (m.next + 1) % len(m.order)
	}
	m.record[place] = id
}

// forget drops a hint that led nowhere; its place in the ring stays until its
// turn comes.
func (m *Memory) forget(place [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.record, place)
}
