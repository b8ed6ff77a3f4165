package http1

import (
	"errors"
	"io"
)

var errTooLarge = errors.New("the head of the request is over its limit")

// limited reads from a connection no more than what is left, and keeps the last
// error of it.
type limited struct {
	from io.Reader
	left int // in bytes; negative is without limit
	err  error
}

// Read reads as much as may be.
func (l *limited) Read(b []byte) (n int, err error) {
	switch {
	case l.left == 0:
		err = errTooLarge
	case l.left < 0:
		n, err = l.from.Read(b)
	default:
		n, err = l.from.Read(b[:min(len(b), l.left)])
		l.left -= n
	}
	l.err = err
	return n, err
}

// remains is a body that knows whether something of it remains.
type remains struct {
	io.ReadCloser
	announce func() // asks for it; nil where that is not needed
	ended    bool
}

// Read reads on.
func (r *remains) Read(b []byte) (int, error) {
	if r.announce != nil {
		r.announce()
		r.announce = nil
	}
	n, err := r.ReadCloser.Read(b)
	r.ended = r.ended || errors.Is(err, io.EOF)
	return n, err
}
