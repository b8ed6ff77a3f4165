// Package bergate stands between a network connection and an LDAP library, and
// lets only whole, small, well-formed LDAP messages through.
//
// LDAP libraries decode as they read: a peer that announces two gigabytes, or
// nests a thousand sequences, is believed until memory runs out, and an answer
// of the wrong kind can pass for the one waited for. Here a message (RFC 4511
// section 4.1.1) is read to its end within a limit, walked once, and only then
// handed on. It decodes no values and knows no operation's meaning.
//
// Only package daemon/directory and its sub-packages may call it.
package bergate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// MaxMessage is the largest message let through, in bytes, headers included.
const MaxMessage = 1 << 20

const (
	maxDepth    = 24
	maxPerReply = 4 << 20
	sequence    = 0x30
	integer     = 0x02
)

// ErrMalformed means that the peer sent something that is no LDAP message.
var ErrMalformed = errors.New("not a well-formed LDAP message")

// ReadMessage reads exactly one message of at most limit bytes. io.EOF means
// that the peer closed between two messages.
func ReadMessage(r io.Reader, limit int) ([]byte, error) {
	head := make([]byte, 2, 128)
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if head[0] != sequence {
		return nil, fmt.Errorf("%w: starts with 0x%02x", ErrMalformed, head[0])
	}
	if _, err := io.ReadFull(r, head[1:2]); err != nil {
		return nil, noEOF(err)
	}
	size := int(head[1])
	if size >= 0x80 {
		count := size & 0x7f
		if count == 0 || count > 4 {
			return nil, fmt.Errorf("%w: length of %d bytes", ErrMalformed, count)
		}
		head = head[:2+count]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, noEOF(err)
		}
		size = number(head[2:])
	}
	if size+len(head) > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, size, limit)
	}
	message := make([]byte, len(head)+size)
	copy(message, head)
	if _, err := io.ReadFull(r, message[len(head):]); err != nil {
		return nil, noEOF(err)
	}
	if err := walk(message[len(head):], 1); err != nil {
		return nil, err
	}
	return message, nil
}

// Op returns the identifier byte of a message's protocol operation, for
// example 0x61 for a BindResponse.
func Op(message []byte) (byte, error) {
	_, content, _, err := Element(message)
	if err != nil {
		return 0, err
	}
	tag, _, rest, err := Element(content)
	if err != nil {
		return 0, err
	}
	if tag != integer || len(rest) == 0 {
		return 0, fmt.Errorf("%w: no message id", ErrMalformed)
	}
	return rest[0], nil
}

// walk checks that every element fits exactly into the one around it.
func walk(content []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrMalformed, maxDepth)
	}
	for len(content) > 0 {
		tag, inner, rest, err := Element(content)
		if err != nil {
			return err
		}
		if tag&0x20 != 0 {
			if err := walk(inner, depth+1); err != nil {
				return err
			}
		}
		content = rest
	}
	return nil
}

// Element splits the first element off: its identifier, its content, the rest.
func Element(data []byte) (tag byte, content, rest []byte, err error) {
	if len(data) < 2 || data[0]&0x1f == 0x1f {
		return 0, nil, nil, fmt.Errorf("%w: no element", ErrMalformed)
	}
	size, head := int(data[1]), 2
	if size >= 0x80 {
		count := size & 0x7f
		if count == 0 || count > 4 || len(data) < 2+count {
			return 0, nil, nil, fmt.Errorf("%w: length of %d bytes", ErrMalformed, count)
		}
		head += count
		size = number(data[2:head])
	}
	if size > len(data)-head {
		return 0, nil, nil, fmt.Errorf("%w: element longer than what holds it", ErrMalformed)
	}
	return data[0], data[head : head+size], data[head+size:], nil
}

func number(b []byte) int {
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Conn reads whole messages from a connection. It is for the client's end: no
// message passes but those of the kinds that were announced by Expect.
type Conn struct {
	net.Conn
	in      *bufio.Reader
	pending []byte
	allowed atomic.Uint64
	budget  atomic.Int64
}

// Wrap puts the gate before a connection. Nothing passes until Expect.
func Wrap(c net.Conn) *Conn {
	return &Conn{Conn: c, in: bufio.NewReader(c)}
}

// Expect lets messages of these application tags through (RFC 4511 section
// 4.2 and on: 1 BindResponse, 4 SearchResultEntry ...), and no others; with no
// tag, nothing. An answer can be at most four megabytes long.
func (c *Conn) Expect(tags ...uint) {
	var mask uint64
	for _, tag := range tags {
		mask |= 1 << tag
	}
	c.budget.Store(maxPerReply)
	c.allowed.Store(mask)
}

// Message returns the next message, once it has arrived whole, if it is expected.
func (c *Conn) Message() ([]byte, error) {
	message, err := ReadMessage(c.in, MaxMessage)
	if err != nil {
		return nil, err
	}
	op, err := Op(message)
	if err != nil {
		return nil, err
	}
	if op&0xe0 != 0x60 && op&0xe0 != 0x40 || c.allowed.Load()&(1<<(op&0x1f)) == 0 {
		return nil, fmt.Errorf("%w: 0x%02x was not asked for", ErrMalformed, op)
	}
	if c.budget.Add(-int64(len(message))) < 0 {
		return nil, fmt.Errorf("%w: the answer is too long", ErrMalformed)
	}
	return message, nil
}

// Read hands on bytes of messages, for a library that reads by itself.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		var err error
		if c.pending, err = c.Message(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}
