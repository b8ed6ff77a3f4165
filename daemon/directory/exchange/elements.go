package exchange

import (
	"encoding/binary"

	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

// Identifiers of elements (RFC 4511 section 4; section 5.1 says how they are
// written).
const (
	boolean          = 0x01
	integer          = 0x02
	octets           = 0x04
	enumerated       = 0x0a
	sequence         = 0x30
	bindRequest      = 0x60
	bindResponse     = 0x61
	extendedRequest  = 0x77
	extendedResponse = 0x78
	name             = 0x80 // of an extended request
	simple           = 0x80 // the password of a bind
	controls         = 0xa0
	// tagOf is the part of an identifier that numbers it where it stands, and
	// policyError that number in the control of Behera's draft.
	tagOf       = 0x1f
	policyError = 1
)

// element writes one element: its identifier, the length of its contents in the
// short form or in that of four bytes, and those.
func element(identifier byte, contents ...[]byte) []byte {
	size := 0
	for _, c := range contents {
		size += len(c)
	}
	e := append(make([]byte, 0, size+6), identifier)
	if size < 0x80 {
		e = append(e, byte(size))
	} else {
		e = binary.BigEndian.AppendUint32(append(e, 0x84), uint32(size))
	}
	for _, c := range contents {
		e = append(e, c...)
	}
	return e
}

// number writes an integer that is not negative, in as few bytes as it has.
func number(n int64) []byte {
	content := []byte{byte(n)}
	for ; n > 0x7f; n >>= 8 {
		content = append([]byte{byte(n >> 8)}, content...)
	}
	return element(integer, content)
}

// elements stand one after the other. Once one is not as wanted, bad stays set.
type elements struct {
	rest []byte
	bad  bool
}

// next takes the first one off.
func (e *elements) next() (identifier byte, content []byte) {
	identifier, content, rest, err := bergate.Element(e.rest)
	e.rest, e.bad = rest, e.bad || err != nil
	return identifier, content
}

// take takes the first one off, which must be of this kind.
func (e *elements) take(identifier byte) []byte {
	got, content := e.next()
	e.bad = e.bad || got != identifier
	return content
}

// number takes one off that is a number of at most eight bytes.
func (e *elements) number(identifier byte) (n int64) {
	content := e.take(identifier)
	if e.bad = e.bad || len(content) == 0 || len(content) > 8; e.bad {
		return 0
	}
	n = int64(int8(content[0]))
	for _, b := range content[1:] {
		n = n<<8 | int64(b)
	}
	return n
}
