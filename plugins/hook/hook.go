// Package hook is the contract between the daemon and a plugin that watches.
//
// A hook may say no before an attempt is judged, and hears of every audited
// act afterwards. It can never say yes. It sees no password, no code and no
// payload. It is not a factor: package plugins/factor is the contract of
// those. Anyone may import this package; it imports the standard library only.
package hook

import (
	"context"
	"time"
)

// Hook is asked before an attempt, and told after an act.
type Hook interface {
	// Before may veto the attempt. An error means that nobody could tell; the
	// config's on_error says what follows.
	Before(ctx context.Context, a Attempt) (Veto, error)
	// After is told of one audited act. The daemon repeats it, in order, until
	// it returns nil, also over crashes, so an act can arrive twice: Seq tells.
	After(ctx context.Context, e Event) error
}

// Attempt is a login as a hook may see it: without its secrets.
type Attempt struct {
	Service  string
	FrontEnd string
	Name     string
	// Address is the client's IP address, or empty where it is unknown.
	Address string
	Agent   string
}

// Veto is the answer of Before. The zero value lets the attempt go on.
type Veto struct {
	Refuse bool
	// Note is one line for the log, not for the person.
	Note string
}

// Event is one audited act.
type Event struct {
	// Seq counts the acts of this installation, from 1, without gaps.
	Seq int64
	At  time.Time
	// Act is what happened, for example "issue" or "reset".
	Act     string
	Subject string
	Name    string
	// Actor is who did it: "user", or the operator by login and uid.
	Actor   string
	Service string
	Factor  string
	Reason  string
	Address string
}
