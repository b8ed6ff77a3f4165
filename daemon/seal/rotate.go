package seal

import (
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// errRewrap keeps two changes of the keys apart: a set made now could not be
// put under a KEK that this process does not know.
var errRewrap = errors.New("another master key is about to take over: put its file in place of the old one and restart " +
	"the daemon, then ask again")

// rotated are the key sets that Rotate renews. The others find rows again by
// what only the person knows: nobody could make those anew.
func rotated() []string { return []string{sealName, macName + "state", macName + "audit"} }

// Rotating tells whether a rotation has begun and not ended.
func (r *Ring) Rotating() bool { return r.keys.Load().handles[sealName].Len() > 1 }

// Rotate makes new keys. What it returns is for the store to keep, and then for
// Adopt: no row may be sealed with a key that could be lost in a crash.
func (r *Ring) Rotate() ([]byte, error) {
	return r.change(func(m *keyset.Manager, name string) error {
		id, err := m.Add(templateOf(name))
		if err != nil {
			return err
		}
		return m.SetPrimary(id)
	})
}

// Adopt makes the ring use the keys of a stored form.
func (r *Ring) Adopt(kept []byte) error {
	next, err := r.Reopen(kept)
	if err != nil {
		return err
	}
	r.keys.Store(next.keys.Load())
	return nil
}

// Retire returns what the store is to keep once no row needs the old keys. Those
// of the audit stay: its events are never written again. The ring itself goes on
// knowing all of them until it is opened anew, for what was sealed with an old
// one and is still on its way.
func (r *Ring) Retire() ([]byte, error) {
	return r.change(func(m *keyset.Manager, name string) error {
		if name == macName+"audit" {
			return nil
		}
		info := r.keys.Load().handles[name].KeysetInfo()
		for _, key := range info.GetKeyInfo() {
			if key.GetKeyId() == info.GetPrimaryKeyId() {
				continue
			}
			if err := m.Delete(key.GetKeyId()); err != nil {
				return err
			}
		}
		return nil
	})
}

// change writes the ring as it would be with other keys.
func (r *Ring) change(do func(m *keyset.Manager, name string) error) ([]byte, error) {
	if r.other != nil {
		return nil, errRewrap
	}
	handles := map[string]*keyset.Handle{}
	for name, handle := range r.keys.Load().handles {
		handles[name] = handle
	}
	for _, name := range rotated() {
		m := keyset.NewManagerFromHandle(handles[name])
		err := do(m, name)
		if err == nil {
			handles[name], err = m.Handle()
		}
		if err != nil {
			return nil, fmt.Errorf("changing the %s keys: %w", name, err)
		}
	}
	return r.write(handles)
}

// Rewrap returns what the store is to keep so that the ring opens with this KEK
// as well as with the old one. The first Settle under the new one ends the old.
func (r *Ring) Rewrap(kek []byte) ([]byte, error) {
	outer, err := outerCipher(kek)
	if err != nil {
		return nil, err
	}
	var s stored
	handles := r.keys.Load().handles
	if s.KeySets, err = r.wrap(r.outer, handles); err != nil {
		return nil, err
	}
	if s.Other, err = r.wrap(outer, handles); err != nil {
		return nil, err
	}
	return writeStored(s)
}
