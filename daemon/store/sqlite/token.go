package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// tableOf keeps each family of tokens apart: a pending session is never even
// looked for where the full ones are.
func tableOf(kind account.TokenKind) (string, error) {
	switch kind {
	case account.TicketPassword, account.TicketEnroll, account.TicketEntry, account.TokenInvite:
		return "grants", nil
	case account.TokenSetup:
		return "setups", nil
	case account.TokenSession:
		return "sessions", nil
	case account.TokenSource:
		return "sources", nil
	default:
		return "", fmt.Errorf("unknown kind of token %q", string(kind))
	}
}

func tokenTables() []string { return []string{"grants", "setups", "sessions", "sources"} }

// Token implements store.Store.
func (s *Store) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	var t account.Token
	err := s.observed("token", func() error {
		table, err := tableOf(ref.Kind)
		if err != nil {
			return unavailable("reading a token", err)
		}
		rows, err := s.query(ctx, tokenQuery(table), string(ref.Kind), ref.Hash[:])
		if err != nil {
			return unavailable("reading a token", err)
		}
		t, err = s.scanToken(ref, rows)
		if errors.Is(err, account.ErrNotFound) {
			return account.ErrNotFound
		}
		if err != nil {
			return unavailable("reading a token", err)
		}
		return nil
	})
	if err != nil {
		return account.Token{}, err
	}
	return t, nil
}

func tokenQuery(table string) string {
	return "SELECT subject, data, created, expires FROM " + table + " WHERE kind = ? AND hash = ?"
}

func (s *Store) scanToken(ref account.TokenRef, rows *sql.Rows) (t account.Token, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return t, err
		}
		return t, account.ErrNotFound
	}
	t = account.Token{Kind: ref.Kind, Hash: ref.Hash}
	var created, expires int64
	if err := rows.Scan(&t.Subject, &t.Data, &created, &expires); err != nil {
		return t, err
	}
	t.Created, t.Expires = store.Time(created), store.Time(expires)
	if t.Data, err = s.vault.OpenToken(t); err != nil {
		return t, s.tampered(t.Subject, "a token is not genuine", "kind", string(t.Kind))
	}
	return t, nil
}

// checkTokens makes sure that every token to be taken is there, genuine, the
// subject's own, and named once.
func (c *commit) checkTokens(b *batch) error {
	for i, ref := range c.TakeTokens {
		table, err := tableOf(ref.Kind)
		if err != nil {
			return refuse(unavailable("taking a token", err))
		}
		rows, err := b.query(tokenQuery(table), string(ref.Kind), ref.Hash[:])
		if err != nil {
			return fmt.Errorf("taking a token: %w", err)
		}
		t, err := b.store.scanToken(ref, rows)
		switch {
		case errors.Is(err, account.ErrNotFound):
			return refuse(account.ErrConflict)
		case errors.Is(err, errTampered):
			return refuse(unavailable("taking a token", err))
		case err != nil:
			return fmt.Errorf("taking a token: %w", err)
		case t.Subject != c.Subject, slices.Contains(c.TakeTokens[:i], ref):
			return refuse(account.ErrConflict)
		}
	}
	for _, kind := range c.EndTokens {
		if _, err := tableOf(kind); err != nil {
			return refuse(unavailable("ending tokens", err))
		}
	}
	return nil
}

// writeTokens takes and ends before it puts, so that one change can replace.
func (c *commit) writeTokens(b *batch) error {
	for _, ref := range c.TakeTokens {
		table, _ := tableOf(ref.Kind) // checked before
		if err := b.exec("DELETE FROM "+table+" WHERE kind = ? AND hash = ?", string(ref.Kind), ref.Hash[:]); err != nil {
			return err
		}
	}
	for _, kind := range c.EndTokens {
		table, _ := tableOf(kind) // checked before
		if err := b.exec("DELETE FROM "+table+" WHERE subject = ? AND kind = ?", string(c.Subject), string(kind)); err != nil {
			return err
		}
	}
	for _, t := range c.PutTokens {
		table, _ := tableOf(t.Kind) // checked before
		if err := b.exec("INSERT OR REPLACE INTO "+table+" (kind, hash, subject, data, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
			string(t.Kind), t.Hash[:], string(t.Subject), t.Data, store.Nanos(t.Created), store.Nanos(t.Expires)); err != nil {
			return err
		}
	}
	return nil
}
