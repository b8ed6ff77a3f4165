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

	"github.com/sallyport/sallyport/daemon/frontend/admin/lasting"
)

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

// Backup answers with a backup. An error means that nothing was sent yet, so
// that the caller can say so; an answer that is cut off shows by its length.
func (c Call) Backup(w http.ResponseWriter, r *http.Request) error {
	if c.Keeper == nil {
		return ErrNone
	}
	s := lasting.New(w, "application/octet-stream", c.Now)
	if err := c.Keeper.Backup(r.Context(), c.Operator, s); err != nil {
		if !s.Begun {
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
	s := lasting.New(w, "application/jsonl", c.Now)
	lines := json.NewEncoder(s)
	err := c.Keeper.Rotate(r.Context(), c.Operator, func(p Progress) error { return lines.Encode(p) })
	if err == nil || !s.Begun {
		return err
	}
	_ = lines.Encode(Progress{Stage: "stopped", Error: err.Error()}) // a peer that left needs no answer
	return nil
}
