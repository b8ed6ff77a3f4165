// Package ledger gathers what operators ask about everybody: the directory and the
// policy beside the store, the audit from end to end, and all that is kept of one
// person, which it also has erased.
//
// It is wiring between parts that do not know each other, and decides nothing about
// logins. What it calls like a machine is a guess. It is a piece of the daemon's
// main, which alone may import it.
package ledger

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
)

// frontEnd is where all of this is asked for.
const frontEnd = "admin"

// Directory is the directory, whole.
type Directory interface {
	Count(ctx context.Context) (int, error)
	Walk(ctx context.Context, each func(account.Facts) error) error
	Find(ctx context.Context, name string) (account.Facts, error)
}

// Store is what is kept.
type Store interface {
	Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error)
	Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error)
	Events(ctx context.Context, after int64, limit int) ([]account.Event, error)
	Commit(ctx context.Context, c account.Change) error
	Kept(ctx context.Context, id account.ID) (dossier.Kept, error)
	Erase(ctx context.Context, who dossier.Who) (dossier.Gone, error)
}

// Ledger is a ledger.Source.
type Ledger struct {
	Directory Directory
	Store     Store
	Policy    policy.Policy
	// Code and App are the factors that the page knows as such.
	Code, App string
	Now       func() time.Time
	// Record is told of each act once it is audited.
	Record func(account.Event)
}

var _ ledger.Source = Ledger{}

// noted audits that somebody has read about many, or about one.
func (l Ledger) noted(ctx context.Context, e account.Event) error {
	e.At, e.FrontEnd = l.Now(), frontEnd
	if err := l.Store.Commit(ctx, account.Change{Version: -1, Events: []account.Event{e}}); err != nil {
		return err
	}
	l.Record(e)
	return nil
}
