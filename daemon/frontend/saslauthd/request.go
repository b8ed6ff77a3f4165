package saslauthd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxString is the most bytes of one string, as everywhere in this daemon.
	maxString = 1024
	// maxRequest is what libsasl sends at most.
	maxRequest = 8192
)

// errRefused is a request that can be answered: with no.
var errRefused = errors.New("the request is not acceptable")

// request is what a client asks. Bytes are opaque; names are looked at by the
// engine.
type request struct{ login, password, service, realm, client string }

// readRequest reads four strings and, where it came along with the fourth, a
// fifth: newer clients send their own client's address, older ones do not, and
// nothing else tells them apart. All of them write the request in one call, so
// nobody waits for the fifth. It also returns how many bytes of buf it used.
func readRequest(r io.Reader, buf []byte) (request, int, error) {
	n := 0
	for {
		// Even an oversized request is read no further than buf.
		more, err := r.Read(buf[n:])
		n += more
		q, need, refused := parse(buf[:n])
		switch {
		case refused != nil:
			return request{}, n, refused
		case need <= n:
			return q, n, nil
		case n == len(buf):
			return request{}, n, fmt.Errorf("%w: longer than %d bytes", errRefused, maxRequest)
		case err != nil:
			return request{}, n, fmt.Errorf("reading the request: %w", err)
		}
	}
}

// parse reads a request from what has come so far. need is how many bytes it
// takes at least; where it is more than there are, the request is incomplete.
func parse(b []byte) (q request, need int, err error) {
	fields := [...]*string{&q.login, &q.password, &q.service, &q.realm, &q.client}
	at := 0
	for i, f := range fields {
		if i == 4 && at == len(b) {
			return q, at, nil
		}
		if len(b) < at+2 {
			return q, at + 2, nil
		}
		n := int(binary.BigEndian.Uint16(b[at:]))
		if n > maxString {
			return q, 0, fmt.Errorf("%w: string %d has %d bytes, allowed are %d", errRefused, i+1, n, maxString)
		}
		at += 2
		if len(b) < at+n {
			return q, at + n, nil
		}
		*f = string(b[at : at+n])
		if strings.ContainsRune(*f, 0) {
			return q, 0, fmt.Errorf("%w: string %d holds a NUL", errRefused, i+1)
		}
		at += n
	}
	if at < len(b) {
		return q, 0, fmt.Errorf("%w: something follows the fifth string", errRefused)
	}
	return q, at, nil
}
