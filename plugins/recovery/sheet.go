package recovery

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/plugins/factor"
)

// The payload is, in this order:
//
//	 1 byte   format, 1 for a sheet or 2 for a code of support
//	16 bytes  salt
//	10 times, or once for format 2
//	          1 byte state, 0 fresh or 1 used, and 32 bytes argon2id hash
const (
	format     = 1
	formatLone = 2
	saltSize   = 16
	hashSize   = 32
	entrySize  = 1 + hashSize
)

// entry is one code of a sheet. A used code keeps its hash, so that typing it
// again can be answered with what happened.
type entry struct {
	used bool
	hash [hashSize]byte
}

// sheet is one record, as its payload says.
type sheet struct {
	kind
	salt    [saltSize]byte
	entries []entry
}

// kind is what the format of a payload settles.
type kind struct {
	format byte
	// codes is how many there are, each of so many random characters.
	codes, random int
}

// kindOf knows every format that was ever written.
func kindOf(format uint32) (kind, bool) {
	switch format {
	case 1:
		return kind{format: 1, codes: codes, random: random}, true
	case formatLone:
		return kind{format: formatLone, codes: 1, random: randomLone}, true
	default:
		return kind{}, false
	}
}

// length is that of one code, with its check character.
func (k kind) length() int { return k.random + 1 }

// bytesPerCode holds the random bits of one code.
func (k kind) bytesPerCode() int { return (k.random*5 + 7) / 8 }

func (k kind) payloadSize() int { return 1 + saltSize + k.codes*entrySize }

// String keeps the hashes out of logs and test output.
func (s sheet) String() string { return fmt.Sprintf("sheet with %d codes left [redacted]", s.left()) }

// GoString prints the same as String, for %#v.
func (s sheet) GoString() string { return s.String() }

// payload writes the sheet in the current format.
func (s sheet) payload() []byte {
	p := make([]byte, 0, s.payloadSize())
	p = append(p, s.format)
	p = append(p, s.salt[:]...)
	for _, e := range s.entries {
		state := byte(0)
		if e.used {
			state = 1
		}
		p = append(p, state)
		p = append(p, e.hash[:]...)
	}
	return p
}

// parse reads a record's payload. Its errors never quote what they read.
func parse(r factor.Record) (sheet, error) {
	k, known := kindOf(r.Format)
	if !known {
		return sheet{}, fmt.Errorf("payload format %d is unknown", r.Format)
	}
	if len(r.Payload) != k.payloadSize() || r.Payload[0] != k.format {
		return sheet{}, errors.New("payload is damaged")
	}
	s := sheet{kind: k, entries: make([]entry, k.codes)}
	rest := r.Payload[1:]
	copy(s.salt[:], rest)
	rest = rest[saltSize:]
	for i := range s.entries {
		e := rest[i*entrySize:][:entrySize]
		if e[0] > 1 {
			return sheet{}, errors.New("payload has a code that is neither fresh nor used")
		}
		s.entries[i] = entry{used: e[0] == 1, hash: [hashSize]byte(e[1:])}
	}
	return s, nil
}

// try looks a hash up and answers false if it is not on the sheet. All entries
// are compared.
func (s sheet) try(sum [hashSize]byte) (factor.Result, bool) {
	found := -1
	for i := range s.entries {
		equal := subtle.ConstantTimeCompare(sum[:], s.entries[i].hash[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	switch {
	case found < 0:
		return factor.Result{}, false
	case s.entries[found].used:
		return factor.Result{Verdict: factor.Deny, Reason: factor.Used}, true
	}
	s.entries[found].used = true
	return factor.Result{
		Verdict: factor.Accept,
		Payload: s.payload(),
		Format:  uint32(s.format),
		Uses:    s.left(),
	}, true
}

func (s sheet) left() int {
	n := 0
	for _, e := range s.entries {
		if !e.used {
			n++
		}
	}
	return n
}
