// Package lasting answers in pieces: an answer may take as long as it likes, as
// long as each piece of it is in time.
//
// It knows nothing of what is sent. Only package admin and those below it may use
// it.
package lasting

import (
	"net/http"
	"time"
)

// stepTimeout bounds one piece of an answer, not the whole of it.
const stepTimeout = 5 * time.Minute

// Answer is one that takes its time.
type Answer struct {
	w    http.ResponseWriter
	now  func() time.Time
	kind string
	// Begun says that something was sent, so that no problem can be told of
	// otherwise than in the answer itself.
	Begun bool
}

// New makes one of a content type. now is the clock: a peer that takes nothing for
// long is given up, or the next operator would wait for it.
func New(w http.ResponseWriter, kind string, now func() time.Time) *Answer {
	return &Answer{w: w, now: now, kind: kind}
}

// Write sets the headers before the first byte.
func (a *Answer) Write(b []byte) (int, error) {
	control := http.NewResponseController(a.w)
	if !a.Begun {
		a.Begun = true
		a.w.Header().Set("Content-Type", a.kind)
		a.w.Header().Set("Cache-Control", "no-store")
	}
	// A server without deadlines, as in tests, has none to move.
	_ = control.SetWriteDeadline(a.now().Add(stepTimeout))
	n, err := a.w.Write(b)
	if err == nil {
		_ = control.Flush()
	}
	return n, err
}
