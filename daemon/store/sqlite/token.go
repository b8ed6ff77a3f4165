package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// Token implements store.Store.
func (s *Store) Token(ctx context.Context, ref account.TokenRef) (t account.Token, err error) {
	err = s.observed("token", func() error {
		if t, err = s.reader.Token(ctx, ref); err == nil || errors.Is(err, account.ErrNotFound) {
			return err
		}
		return store.Unavailable("reading a token", err)
	})
	return t, err
}

// checkTokens makes sure that every token to be taken is there, genuine, the
// subject's own, and named once.
func (c *commit) checkTokens(b *batch) error {
	for i, ref := range c.TakeTokens {
		table, err := rows.TableOf(ref.Kind)
		if err != nil {
			return group.Refuse(store.Unavailable("taking a token", err))
		}
		found, err := b.Query(rows.TokenQuery(table), string(ref.Kind), ref.Hash[:])
		if err != nil {
			return fmt.Errorf("taking a token: %w", err)
		}
		t, err := b.store.reader.ScanToken(ref, found)
		switch {
		case errors.Is(err, account.ErrNotFound):
			return group.Refuse(account.ErrConflict)
		case errors.Is(err, rows.ErrTampered):
			return group.Refuse(store.Unavailable("taking a token", err))
		case err != nil:
			return fmt.Errorf("taking a token: %w", err)
		case t.Subject != c.Subject, slices.Contains(c.TakeTokens[:i], ref):
			return group.Refuse(account.ErrConflict)
		}
	}
	for _, kind := range c.EndTokens {
		if _, err := rows.TableOf(kind); err != nil {
			return group.Refuse(store.Unavailable("ending tokens", err))
		}
	}
	return nil
}

// writeTokens takes and ends before it puts, so that one change can replace.
func (c *commit) writeTokens(b *batch) error {
	for _, ref := range c.TakeTokens {
		b.networks[ref] = nil
		table, _ := rows.TableOf(ref.Kind) // checked before
		if err := b.Exec("DELETE FROM "+table+" WHERE kind = ? AND hash = ?", string(ref.Kind), ref.Hash[:]); err != nil {
			return err
		}
	}
	for _, kind := range c.EndTokens {
		b.fewer = b.fewer || kind == account.TokenSource
		table, _ := rows.TableOf(kind) // checked before
		if err := b.Exec("DELETE FROM "+table+" WHERE subject = ? AND kind = ?", string(c.Subject), string(kind)); err != nil {
			return err
		}
	}
	for _, t := range c.PutTokens {
		table, _ := rows.TableOf(t.Kind) // checked before
		if err := b.Exec("INSERT OR REPLACE INTO "+table+" (kind, hash, subject, data, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
			string(t.Kind), t.Hash[:], string(t.Subject), t.Data, store.Nanos(t.Created), store.Nanos(t.Expires)); err != nil {
			return err
		}
		if t.Kind == account.TokenSource {
			b.networks[account.TokenRef{Kind: t.Kind, Hash: t.Hash}] = &t
		}
		if table != "grants" && table != "setups" {
			continue
		}
		if err := b.Exec(rows.Surplus(table), string(t.Kind), string(t.Subject), string(t.Kind), store.MaxTickets); err != nil {
			return err
		}
	}
	return nil
}
