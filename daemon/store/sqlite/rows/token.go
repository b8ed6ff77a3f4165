package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

// TableOf keeps each family of tokens apart: a pending session is never even
// looked for where the full ones are.
func TableOf(kind account.TokenKind) (string, error) {
	switch kind {
	case account.TicketPassword, account.TicketEnroll, account.TicketEntry, account.TokenInvite,
		account.TokenFlow, account.TokenFlowDone, account.TicketVisit, account.TokenVisit:
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

// TokenTables are the tables that TableOf names.
func TokenTables() []string { return []string{"grants", "setups", "sessions", "sources"} }

// TokenQuery finds a token by kind and hash, for ScanToken.
func TokenQuery(table string) string {
	return "SELECT subject, data, created, expires FROM " + table + " WHERE kind = ? AND hash = ?"
}

// Surplus removes all but the newest tokens of a kind that a person has. It takes the
// kind, the person, the kind again and how many stay. SQLite must be told the index:
// by itself it reads the tokens of everybody, at each login of ten thousand.
func Surplus(table string) string {
	return "DELETE FROM " + table + " WHERE kind = ? AND hash IN (SELECT hash FROM " + table + " INDEXED BY " + table +
		"_subject WHERE subject = ? AND kind = ? ORDER BY created DESC, expires DESC LIMIT -1 OFFSET ?)"
}

// Token reads a token, account.ErrNotFound if there is none. A network that
// somebody has logged in from is asked about at each login, so those stay in
// memory; that there is none does not, or strangers could push them out.
func (r *Reader) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	if kept := r.Networks.Get(ref); kept != nil {
		return r.openToken(*kept)
	}
	table, err := TableOf(ref.Kind)
	if err != nil {
		return account.Token{}, err
	}
	before := r.Networks.Before(ref)
	t, err := bounded.Read(ctx, r.Readers, func(ctx context.Context) (account.Token, error) {
		found, err := r.Query(ctx, TokenQuery(table), string(ref.Kind), ref.Hash[:])
		if err != nil {
			return account.Token{}, err
		}
		return scanToken(ref, found)
	})
	if err != nil {
		return account.Token{}, err
	}
	if ref.Kind == account.TokenSource {
		r.Networks.Fill(ref, &t, before)
	}
	return r.openToken(t)
}

// ScanToken reads the row of TokenQuery; account.ErrNotFound if there is none.
func (r *Reader) ScanToken(ref account.TokenRef, rows *sql.Rows) (account.Token, error) {
	t, err := scanToken(ref, rows)
	if err != nil {
		return account.Token{}, err
	}
	return r.openToken(t)
}

// scanToken leaves the data as it is in the database.
func scanToken(ref account.TokenRef, rows *sql.Rows) (t account.Token, err error) {
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
	return t, nil
}

func (r *Reader) openToken(t account.Token) (account.Token, error) {
	data, err := r.Vault.OpenToken(t)
	if err != nil {
		return account.Token{}, r.Tampered(t.Subject, "a token is not genuine: "+string(t.Kind), "")
	}
	t.Data = data
	return t, nil
}

// EachEvent reads pairs of a number and an event.
func EachEvent(rows *sql.Rows, do func(number int64, e account.Event)) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var number int64
		var body []byte
		if err := rows.Scan(&number, &body); err != nil {
			return err
		}
		e, err := store.ParseEvent(body)
		if err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
		do(number, e)
	}
	return rows.Err()
}

// Texts reads a column of texts.
func (r *Reader) Texts(ctx context.Context, query string, args ...any) (texts []string, err error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
