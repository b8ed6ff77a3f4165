// Package parts names what an engine needs of the house around it: a directory, a
// store, a throttle, a journal and a clock.
//
// It holds no code: each of these is a part of its own, and the mains pass them
// in. It belongs to package check, whose users name them as check.Store and so
// on.
package parts

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Directory answers who somebody is and whether a password is theirs.
type Directory interface {
	// Find returns account.ErrNotFound for a name nobody has; the Name of the
	// facts is then the one form of all its spellings, if it could be a name.
	Find(ctx context.Context, name string) (account.Facts, error)
	// Bind returns account.OK, or the reason of a deny; an error means that
	// nobody could tell.
	Bind(ctx context.Context, f account.Facts, password account.Secret) (account.Reason, error)
	// Decoy costs what Bind costs and tells nothing.
	Decoy(ctx context.Context, password account.Secret) error
}

// Store keeps what must survive. Its methods keep to the context's deadline, as
// those of all parts do: an answer is owed within four seconds.
type Store interface {
	// Load opens the payloads of the named factors.
	Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error)
	// LoadOne is Load with no record but that one, if there is one of that ID.
	LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error)
	Commit(ctx context.Context, c account.Change) error
	Token(ctx context.Context, ref account.TokenRef) (account.Token, error)
}

// Throttle says who may try now.
type Throttle interface {
	// Who is one text for all spellings; it stands in for a missing address.
	MaySend(c account.Client, service, who string) time.Duration
	// Idle is for what cannot be right: it counts one, or says how long to wait.
	Idle(c account.Client) time.Duration
	Slow(c account.Client, service, who string)
	First(ctx context.Context, id account.ID, familiar bool) (int64, time.Duration, error)
	// Second is for codes behind a right password, SecondAlone for those that
	// no password stands before.
	Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error)
	SecondAlone(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error)
}

// Journal hears of every finished act. It never blocks.
type Journal interface {
	Record(e account.Event)
	Used(r account.Record)
}

// Clock is the only time that the engine knows.
type Clock interface {
	Now() time.Time
	// Safe says whether codes may be judged by this clock.
	Safe() bool
	// WaitUntil returns at the given time, or when the context ends.
	WaitUntil(ctx context.Context, at time.Time)
}
