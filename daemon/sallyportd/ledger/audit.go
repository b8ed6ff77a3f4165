package ledger

import (
	"context"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
)

// atOnce is how many events are read at once.
const atOnce = 500

// Audit implements ledger.Source.
func (l Ledger) Audit(ctx context.Context, q ledger.Query, tell func(account.Event) error) error {
	if err := l.noted(ctx, account.Event{Act: account.ActExport, Actor: q.Operator, Note: "the audit"}); err != nil {
		return err
	}
	return l.events(ctx, func(e account.Event) error {
		if e.At.Before(q.From) || !q.To.IsZero() && !e.At.Before(q.To) {
			return nil
		}
		return tell(e)
	})
}

// events walks over the whole audit. A clock may have gone back, so that times say
// nothing about where to begin or to end.
func (l Ledger) events(ctx context.Context, tell func(account.Event) error) error {
	for after := int64(0); ; {
		some, err := l.Store.Events(ctx, after, atOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, e := range some {
			if err := tell(e); err != nil {
				return err
			}
		}
		after = some[len(some)-1].Seq
	}
}
