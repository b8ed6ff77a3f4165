// Package moving takes the code apps of people in from other systems, and gives
// them out again.
//
// It finds people in the directory, has the factor's plugin make a record of what
// the file says, and writes one change for each person. What a record means only
// the plugin knows; what stands in a file only package reading does. It opens
// nothing: state, directory and plugin are handed to it, and the daemon is stopped
// meanwhile. It is a piece of the daemon's main, which alone may import it.
//
// Decided against: importing through the running daemon. Ten thousand secrets would
// travel over a socket, half an import would be in force while the other half is
// refused, and every write would compete with a login. Stopped, it is one pass of
// seconds, in which a login is "not now" and never "wrong".
package moving

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// frontEnd is how the audit names where an operator's acts come from.
const frontEnd = "admin"

// atOnce is how many people are looked up, and how many are written, at the same
// time: what waits together shares a search connection, a call and a flush of the
// disk.
const atOnce = 64

// Store is what is needed of the state.
type Store interface {
	Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error)
	Commit(ctx context.Context, c account.Change) error
	Census(ctx context.Context) (store.Census, error)
}

// Directory knows people.
type Directory interface {
	Find(ctx context.Context, name string) (account.Facts, error)
	Walk(ctx context.Context, each func(account.Facts) error) error
}

// Place is where records go to and come from.
type Place struct {
	Store     Store
	Directory Directory
	// Kind is the factor, Most how many records of it a person may have.
	Kind   string
	Most   int
	Factor transfer.Factor
	// Issuer labels what leaves.
	Issuer string
	// MAC is a keyed hash of 32 bytes, separate for every purpose.
	MAC func(purpose string, data []byte) []byte
	Now func() time.Time
	// Operator is named in the audit.
	Operator string
}

// Result is what became of an entry.
type Result string

const (
	// Imported is a record that is in now, and was not before.
	Imported Result = "imported"
	// Replaced is a record that took the place of what the person had.
	Replaced Result = "replaced"
	// Present is a record that was in already, by an import of before.
	Present Result = "present"
	// Skipped is an entry of somebody who has a code app of their own.
	Skipped Result = "skipped"
	// Refused is an entry that cannot be taken.
	Refused Result = "refused"
	// Missing is an entry that nobody has come to, because something was away.
	Missing Result = "missing"
)

// Outcome is an entry with what became of it, and why.
type Outcome struct {
	reading.Entry
	Result Result
	Reason string
}

// String prints the outcome without the entry's secret.
func (o Outcome) String() string { return fmt.Sprintf("%v %s %s", o.Entry, o.Result, o.Reason) }

// GoString prints the same as String, for %#v.
func (o Outcome) GoString() string { return o.String() }
