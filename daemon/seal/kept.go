package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// stored is how a ring lies in the store: each key set encrypted under the
// KEK, bound to the instance and its name.
type stored struct {
	Format  int               `json:"format"`
	KeySets map[string][]byte `json:"key_sets"`
	// Other are the same key sets under the KEK that is to take over.
	Other map[string][]byte `json:"other,omitempty"`
}

func readStored(kept []byte) (stored, error) {
	var s stored
	if err := json.Unmarshal(kept, &s); err != nil {
		return s, errors.New("the stored key sets are damaged; restore the state from a backup")
	}
	if s.Format != ringFormat {
		return s, fmt.Errorf("the stored key sets are of format %d, this program knows %d; install the newer program again",
			s.Format, ringFormat)
	}
	return s, nil
}

// openRing opens the key sets that are under this KEK.
func openRing(outer tink.AEAD, kept []byte, instance string) (*Ring, error) {
	s, err := readStored(kept)
	if err != nil {
		return nil, err
	}
	r := &Ring{instance: instance, outer: outer, other: s.Other}
	handles, added, err := r.open(s.KeySets)
	if err != nil && s.Other != nil {
		// The new KEK is in place: from now on it alone opens this state.
		var other error
		if handles, _, other = r.open(s.Other); other == nil {
			r.other, added, err = nil, true, nil
		}
	}
	if err != nil {
		return nil, err
	}
	k, err := newKeys(handles)
	if err != nil {
		return nil, err
	}
	r.waits = added
	r.keys.Store(k)
	return r, nil
}

// open opens key sets, and makes the one that states of before there was a
// journal lack.
func (r *Ring) open(sets map[string][]byte) (handles map[string]*keyset.Handle, added bool, err error) {
	handles = map[string]*keyset.Handle{}
	for _, name := range keySetNames() {
		if _, there := sets[name]; !there && name == macName+"journal" {
			if handles[name], err = newHandle(name); err != nil {
				return nil, false, err
			}
			added = true
			continue
		}
		handles[name], err = keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(sets[name])),
			r.outer, place(r.instance, name))
		if err != nil {
			// tink's own error says nothing more: it cannot tell why either.
			return nil, false, fmt.Errorf("opening the %s keys: %w", name, ErrWrongKEK)
		}
	}
	return handles, added, nil
}

// write is what the store is to keep of these keys.
func (r *Ring) write(handles map[string]*keyset.Handle) ([]byte, error) {
	sets, err := r.wrap(r.outer, handles)
	if err != nil {
		return nil, err
	}
	return writeStored(stored{KeySets: sets})
}

func (r *Ring) wrap(outer tink.AEAD, handles map[string]*keyset.Handle) (map[string][]byte, error) {
	sets := map[string][]byte{}
	for name, handle := range handles {
		var b bytes.Buffer
		if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), outer, place(r.instance, name)); err != nil {
			return nil, fmt.Errorf("sealing the %s keys: %w", name, err)
		}
		sets[name] = b.Bytes()
	}
	return sets, nil
}

func writeStored(s stored) ([]byte, error) {
	s.Format = ringFormat
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the key sets: %w", err)
	}
	return b, nil
}

// Settle returns what the store is to keep before the ring is used, or nil
// where it has that already: after a program that knows one more purpose was
// installed, or after another KEK has taken over (see Rewrap).
func (r *Ring) Settle() ([]byte, error) {
	if !r.waits {
		return nil, nil
	}
	return r.write(r.keys.Load().handles)
}

// Reopen opens the stored form of this installation's ring, as it lies in a
// copy of the state, under the KEK of this one.
func (r *Ring) Reopen(kept []byte) (*Ring, error) { return openRing(r.outer, kept, r.instance) }
