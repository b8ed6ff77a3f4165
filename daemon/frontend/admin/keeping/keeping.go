// Package keeping is the part of the admin socket that copies the state and
// changes its keys.
//
// Both take long and answer as a stream: a backup as its manifest in one line
// and the database after it, a change of keys as one JSON line for each step. It
// is not what does either: whoever has database and keys is handed in as a
// Keeper. Only package admin, which lets in none but operators, and the mains
// may use it.
package keeping

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// stepTimeout bounds one step of an answer, not the whole of it.
const stepTimeout = 5 * time.Minute

// Keeper copies the state and changes its keys.
type Keeper interface {
	// Backup verifies a copy of the state and only then writes the first byte.
	Backup(ctx context.Context, operator string, w io.Writer) error
	// Rotate makes new keys, or goes on with a change that was interrupted, and
	// tells of each step. A change that is cut off goes on with the next call.
	Rotate(ctx context.Context, operator string, tell func(Progress) error) error
}

// Progress is one step of a change of keys.
type Progress struct {
	// Stage is "records", "tokens", "verifying" or "done".
	Stage string `json:"stage"`
	// Done of Of rows are under the new keys.
	Done int64 `json:"done"`
	Of   int64 `json:"of"`
	// Error says, in the last line, why it was cut off.
	Error string `json:"error,omitempty"`
}

// ErrNone means that this daemon has no Keeper.
var ErrNone = errors.New("this daemon keeps no state of its own")

// Call is one request to a Keeper.
type Call struct {
	// Keeper may be nil.
	Keeper   Keeper
	Operator string
	// Now is the clock: a peer that takes nothing for long is given up, or the
	// next operator would wait for it.
	Now func() time.Time
}

// stream is an answer that may take as long as each step of it is in time.
type stream struct {
	w     http.ResponseWriter
	now   func() time.Time
	kind  string
	begun bool
}

// Write sets the headers before the first byte.
func (s *stream) Write(b []byte) (int, error) {
	control := http.NewResponseController(s.w)
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", s.kind)
		s.w.Header().Set("Cache-Control", "no-store")
	}
	// A server without deadlines, as in tests, has none to move.
	_ = control.SetWriteDeadline(s.now().Add(stepTimeout))
	n, err := s.w.Write(b)
	if err == nil {
		_ = control.Flush()
	}
	return n, err
}

// Backup answers with a backup. An error means that nothing was sent yet, so
// that the caller can say so; an answer that is cut off shows by its length.
func (c Call) Backup(w http.ResponseWriter, r *http.Request) error {
	if c.Keeper == nil {
		return ErrNone
	}
	s := &stream{w: w, now: c.Now, kind: "application/octet-stream"}
	if err := c.Keeper.Backup(r.Context(), c.Operator, s); err != nil {
		if !s.begun {
			return err
		}
		panic(http.ErrAbortHandler) // so that nobody takes a piece for the whole
	}
	return nil
}

// Rotate answers with the steps of a change of keys. An error means that nothing
// was sent yet; later ones are the last line.
func (c Call) Rotate(w http.ResponseWriter, r *http.Request) error {
	if c.Keeper == nil {
		return ErrNone
	}
	s := &stream{w: w, now: c.Now, kind: "application/jsonl"}
	lines := json.NewEncoder(s)
	err := c.Keeper.Rotate(r.Context(), c.Operator, func(p Progress) error { return lines.Encode(p) })
	if err == nil || !s.begun {
		return err
	}
	_ = lines.Encode(Progress{Stage: "stopped", Error: err.Error()}) // a peer that left needs no answer
	return nil
}
