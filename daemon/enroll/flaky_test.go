package enroll_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
)

// flaky is a store that fails on order.
type flaky struct {
	records.Store
	fail         string
	unsure       bool // a commit that fails has been written all the same
	blind        bool // the tokens of a question are not seen
	beforeCommit func()
}

func (f *flaky) err(what string) error {
	if f.fail != what {
		return nil
	}
	return fmt.Errorf("disk on fire: %w", account.ErrUnavailable)
}

func (f *flaky) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	if err := f.err("Load"); err != nil {
		return account.Snapshot{}, err
	}
	return f.Store.Load(ctx, id, open...)
}

func (f *flaky) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	if err := f.err("Token " + string(ref.Kind)); err != nil {
		return account.Token{}, err
	}
	if f.blind && f.beforeCommit != nil && (ref.Kind == account.TokenFlow || ref.Kind == account.TokenFlowDone) {
		return account.Token{}, account.ErrNotFound
	}
	return f.Store.Token(ctx, ref)
}

func (f *flaky) Commit(ctx context.Context, c account.Change) error {
	if do := f.beforeCommit; do != nil {
		f.beforeCommit = nil
		do()
	}
	err := f.err("Commit")
	if err == nil || f.unsure {
		err = errors.Join(f.Store.Commit(ctx, c), err)
	}
	return err
}

// broken is an app-password plugin that is away on order.
type broken struct {
	factor.Factor
	away bool
}

func (b *broken) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if b.away {
		return factor.Issued{}, errors.New("the process is gone")
	}
	return b.Factor.Enroll(ctx, e)
}
