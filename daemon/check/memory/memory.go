// Package memory is what an engine has learnt and would have to learn again at
// somebody's cost: secrets that were refused a moment ago, and which record a
// secret matched last.
//
// It holds no verdict that opens a door, and no secret. An engine that takes the
// place of another, with another config, takes its memory over: whoever was
// refused a moment ago costs the directory nothing twice. Package check, to which
// it belongs, uses it; the mains hand it on.
package memory

import (
	"time"

	"github.com/sallyport/sallyport/daemon/check/hint"
	"github.com/sallyport/sallyport/daemon/check/stale"
)

const (
	// auditAgain is how often a code that cost nothing is audited for one person.
	auditAgain = time.Minute
	// crossAgain is how often a login over a bridge is.
	crossAgain = 24 * time.Hour
)

// Memory is safe for concurrent use, also by two engines.
type Memory struct {
	// Stale are passwords that the directory refused, Strangers those of nobody,
	// Sent what has slowed down its source; Audited whose uncounted code, Crossed
	// whose login over a bridge has left its row. None can push out another's.
	Stale, Strangers, Sent, Audited, Crossed *stale.Secrets
	Hints                                    *hint.Memory
}

// New returns an empty memory.
func New() *Memory {
	return &Memory{
		Stale: stale.New(stale.Life), Strangers: stale.New(stale.Life),
		Sent: stale.New(stale.Life), Audited: stale.New(auditAgain), Crossed: stale.New(crossAgain), Hints: hint.New(),
	}
}
