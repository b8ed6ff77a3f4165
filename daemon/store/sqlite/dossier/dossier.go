// Package dossier is all that is kept of one person: shown, or removed without a
// trace.
//
// It decides nothing: whether somebody may be erased is its caller's business. It
// reads past what is in memory, and writes through the store's own goroutine, so
// that memory forgets, too. It belongs to package sqlite; the main reads its types.
//
// Decided against: sealing what is told of each person under a key of their own, and
// destroying only that (crypto-shredding). The keys would lie in the same file and in
// the same backups as what they seal, so that a copy of one gives both away; and what
// is sealed would stay for ever. So what is told goes itself, from each event and from
// the file, the rest is signed in its place, and the chain is as valid as it would be
// then. Copies elsewhere are met when one is restored: the journal knows who was erased.
package dossier

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// atOnce is how many events one step looks at: logins wait for no longer.
const atOnce = 200

// Batch is one transaction of the writer.
type Batch interface {
	Run(query string, args ...any) (sql.Result, error)
	Query(query string, args ...any) (*sql.Rows, error)
	// Trail is the audit.
	Trail() *trail.Book
	// ForgetPerson has memory forget the person.
	ForgetPerson(id account.ID)
	// ForgetTries has memory forget the person's last try.
	ForgetTries(id account.ID)
	// ClearTries takes back every try in the bucket.
	ClearTries(bucket string) error
}

// Store is where the rows are.
type Store struct {
	Reader *rows.Reader
	// Submit runs a step in a transaction and waits for its end.
	Submit func(ctx context.Context, run func(Batch) error) error
}

// Who is a person by the id, and by every login that was theirs.
type Who struct {
	ID    account.ID
	Names []string
}

// Is tells whether an event is about the person, or names them.
func (w Who) Is(e account.Event) bool {
	if e.Subject == w.ID {
		return true
	}
	for _, n := range w.Names {
		if e.Subject == "" && n != "" && strings.EqualFold(n, e.Name) {
			return true
		}
	}
	return false
}

// Kept is what lies in tables that nothing else shows.
type Kept struct {
	// Tokens are open.
	Tokens []account.Token
	// Counted are the times of counted tries by bucket, whose names do not end with
	// the id here.
	Counted map[string][]time.Time
}

// Look reads what is kept.
func Look(ctx context.Context, r *rows.Reader, id account.ID) (k Kept, err error) {
	for _, table := range rows.TokenTables() {
		some, err := tokens(ctx, r, table, id)
		if err != nil {
			return k, store.Unavailable("reading tokens", err)
		}
		k.Tokens = append(k.Tokens, some...)
	}
	k.Counted = map[string][]time.Time{}
	found, err := r.Query(ctx, "SELECT bucket, at FROM attempt WHERE substr(bucket, -length(?1)) = ?1 ORDER BY bucket, at", ":"+string(id))
	if err != nil {
		return k, store.Unavailable("reading tries", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var bucket string
		var at int64
		if err := found.Scan(&bucket, &at); err != nil {
			return k, store.Unavailable("reading tries", err)
		}
		bucket = strings.TrimSuffix(bucket, ":"+string(id))
		k.Counted[bucket] = append(k.Counted[bucket], store.Time(at))
	}
	return k, found.Err()
}

func tokens(ctx context.Context, r *rows.Reader, table string, id account.ID) (all []account.Token, err error) {
	found, err := r.Query(ctx, "SELECT kind, hash, data, created, expires FROM "+table+" WHERE subject = ? ORDER BY created", string(id))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		t := account.Token{Subject: id}
		var hash []byte
		var created, expires int64
		if err := found.Scan(&t.Kind, &hash, &t.Data, &created, &expires); err != nil {
			return nil, err
		}
		copy(t.Hash[:], hash)
		t.Created, t.Expires = store.Time(created), store.Time(expires)
		if t.Data, err = r.Vault.OpenToken(t); err != nil {
			return nil, fmt.Errorf("a token cannot be opened; run: sallyport audit verify: %w", err)
		}
		all = append(all, t)
	}
	return all, found.Err()
}

// Gone counts what was removed.
type Gone struct{ Records, Tokens, Tries, Events int }

// Erase removes all rows of a person, and all about them from the audit. What is
// left of an event is when, which act, at which service and with what verdict.
// Whoever calls it has the file rewritten afterwards: rows that are deleted lie
// there until then.
func Erase(ctx context.Context, s Store, who Who) (gone Gone, err error) {
	if err := s.Submit(ctx, func(b Batch) (err error) { gone, err = rest(b, who); return err }); err != nil {
		return Gone{}, store.Unavailable("erasing a person", err)
	}
	for last := int64(0); ; {
		next, n := int64(0), 0
		if err := s.Submit(ctx, func(b Batch) (err error) {
			next, n, err = b.Trail().Redo(last, atOnce, func(e *account.Event) bool {
				if !who.Is(*e) {
					return false
				}
				e.Subject, e.Name, e.Record, e.Label, e.Address, e.Agent, e.Note, e.Ticket = "", "", "", "", "", "", "", ""
				return true
			})
			return err
		}); err != nil {
			return gone, store.Unavailable("erasing a person from the audit", err)
		}
		if gone.Events += n; next == 0 {
			break
		}
		last = next
	}
	if err := s.left(ctx, who); err != nil {
		return gone, store.Unavailable("erasing a person from the audit", err)
	}
	return gone, nil
}

// left is an error where events about the person are still there: somebody has
// changed them, so that nothing was taken out of them.
func (s Store) left(ctx context.Context, who Who) error {
	found, err := s.Reader.Query(ctx, "SELECT seq, body FROM event")
	if err != nil {
		return err
	}
	at := int64(0)
	if err := rows.EachEvent(found, func(seq int64, e account.Event) {
		if at == 0 && who.Is(e) {
			at = seq
		}
	}); err != nil {
		return err
	}
	if at > 0 {
		return fmt.Errorf("event %d is not as it was written, and keeps what it says; run: sallyport audit verify", at)
	}
	return nil
}

// rest removes everything but the events, in one transaction.
func rest(b Batch, who Who) (gone Gone, err error) {
	id := string(who.ID)
	remove := func(into *int, query string, args ...any) {
		if err != nil {
			return
		}
		var done sql.Result
		if done, err = b.Run(query, args...); err == nil {
			n, _ := done.RowsAffected() // SQLite always knows
			*into += int(n)
		}
	}
	remove(&gone.Records, "DELETE FROM record WHERE subject = ?", id)
	remove(new(int), "DELETE FROM subject WHERE id = ?", id)
	for _, table := range rows.TokenTables() {
		remove(&gone.Tokens, "DELETE FROM "+table+" WHERE subject = ?", id)
	}
	remove(&gone.Tries, "DELETE FROM try WHERE subject = ?", id)
	if err != nil {
		return gone, err
	}
	strange, err := nameless(b, who)
	for _, number := range strange {
		remove(&gone.Tries, "DELETE FROM try WHERE number = ?", number)
	}
	if err != nil {
		return gone, err
	}
	found, err := b.Query("SELECT DISTINCT bucket FROM attempt WHERE substr(bucket, -length(?1)) = ?1", ":"+id)
	if err != nil {
		return gone, err
	}
	buckets, err := texts(found)
	for _, bucket := range buckets {
		if err == nil {
			err = b.ClearTries(bucket)
		}
	}
	b.ForgetPerson(who.ID)
	b.ForgetPerson("")
	return gone, err
}

// nameless are tries by one of the person's logins when the directory had nobody of
// that name.
func nameless(b Batch, who Who) (numbers []int64, err error) {
	found, err := b.Query("SELECT number, body FROM try WHERE subject = ''")
	if err != nil {
		return nil, err
	}
	err = rows.EachEvent(found, func(number int64, e account.Event) {
		if who.Is(e) {
			numbers = append(numbers, number)
		}
	})
	return numbers, err
}

func texts(found *sql.Rows) (all []string, err error) {
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var text string
		if err := found.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, found.Err()
}
