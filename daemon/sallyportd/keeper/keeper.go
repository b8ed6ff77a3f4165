// Package keeper copies the state of the running daemon and changes its keys, as
// the admin socket asks for it.
//
// It is wiring between package backup, the ring and the store, and decides
// nothing. It is a piece of the daemon's main, which alone may import it.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/sallyportd/backup"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/store/sqlite/reseal"
)

// Keeper keeps the state of one daemon.
type Keeper struct {
	State *state.State
	// Program is the version of the program, for the manifest.
	Program string
}

var _ keeping.Keeper = Keeper{}

// Backup implements keeping.Keeper.
func (k Keeper) Backup(ctx context.Context, operator string, w io.Writer) (err error) {
	c, err := backup.Take(ctx, k.State, k.Program, operator)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Send(w)
}

// Rotate implements keeping.Keeper. The order makes it safe to be killed at any
// moment: new keys are on the disk before anything is sealed with them, and old
// ones go only after a whole pass has found nothing that needs them.
func (k Keeper) Rotate(ctx context.Context, operator string, tell func(keeping.Progress) error) error {
	if !k.State.Busy.TryLock() {
		return backup.ErrBusy
	}
	defer k.State.Busy.Unlock()
	what := "an interrupted change of the keys goes on"
	if !k.State.Ring.Rotating() {
		what = "new keys were made"
		kept, err := k.State.Ring.Rotate()
		if err != nil {
			return err
		}
		if err := k.State.DB.SaveKeysets(ctx, kept); err != nil {
			return err
		}
		if err := k.State.Ring.Adopt(kept); err != nil {
			return err
		}
	}
	if err := k.note(ctx, operator, what); err != nil {
		return err
	}
	report := func(p reseal.Progress) error {
		return tell(keeping.Progress{Stage: p.Stage, Done: p.Done, Of: p.Of})
	}
	if err := k.State.Store.Reseal(ctx, report); err != nil {
		return err
	}
	kept, err := k.State.Ring.Retire()
	if err != nil {
		return err
	}
	if err := k.State.DB.SaveKeysets(ctx, kept); err != nil {
		return err
	}
	if err := k.note(ctx, operator, "every row is under the new keys, and the old ones are gone"); err != nil {
		return err
	}
	return tell(keeping.Progress{Stage: "done"})
}

func (k Keeper) note(ctx context.Context, operator, what string) error {
	e := account.Event{At: k.State.Now(), Act: account.ActKeys, Actor: operator, FrontEnd: "admin", Note: what}
	if err := k.State.Store.Commit(ctx, account.Change{Version: -1, Events: []account.Event{e}}); err != nil {
		return fmt.Errorf("auditing a change of the keys: %w", err)
	}
	k.State.Told(e)
	return nil
}
