// Package reseal puts every row under the newest keys, in small steps between
// which others write, and makes sure that no row is left under an older one.
//
// It makes no keys and retires none: who calls it has done the one and will do
// the other. It belongs to package sqlite, which it reads and writes through; the
// main reads its Progress.
package reseal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

const (
	// atOnce is how many rows one step looks at: logins wait for no longer.
	atOnce = 50
	// passes is after how many it gives up: what is written meanwhile is under the
	// newest keys, so that the second finds nothing.
	passes = 5
)

// Batch is one transaction of the writer.
type Batch interface {
	Exec(query string, args ...any) error
	Query(query string, args ...any) (*sql.Rows, error)
	// Person is somebody as the transaction sees them, payloads sealed.
	Person(id account.ID) (*account.Snapshot, error)
	// Keep has memory hold the person in this form.
	Keep(p *account.Snapshot)
	// Changed has memory forget tokens.
	Changed()
}

// Store is where the rows are.
type Store struct {
	Reader *rows.Reader
	// Submit runs a step in a transaction and waits for its end.
	Submit func(ctx context.Context, run func(Batch) error) error
}

// Progress is how far it is.
type Progress struct {
	// Stage is "records", "tokens" or "verifying".
	Stage    string
	Done, Of int64
}

// All reseals every row and tells of each step. It ends once a pass over
// everything has found nothing to do.
func All(ctx context.Context, s Store, tell func(Progress) error) error {
	stage := "records"
	for range passes {
		changed, err := s.pass(ctx, stage, tell)
		if err != nil {
			return store.Unavailable("putting rows under new keys", err)
		}
		if changed == 0 {
			return nil
		}
		stage = "verifying"
	}
	return store.Unavailable("putting rows under new keys", errors.New("rows keep coming under old ones"))
}

func (s Store) pass(ctx context.Context, stage string, tell func(Progress) error) (changed int64, err error) {
	p := Progress{Stage: stage}
	if err := s.Reader.DB.QueryRowContext(ctx, "SELECT COUNT(*) FROM subject").Scan(&p.Of); err != nil {
		return 0, err
	}
	for last := ""; ; {
		ids, err := s.Reader.Texts(ctx, "SELECT id FROM subject WHERE id > ? ORDER BY id LIMIT ?", last, atOnce)
		if err != nil {
			return 0, err
		}
		if len(ids) == 0 {
			break
		}
		n := int64(0)
		if err := s.Submit(ctx, func(b Batch) (err error) { n, err = s.people(b, ids); return err }); err != nil {
			return 0, err
		}
		changed, last = changed+n, ids[len(ids)-1]
		p.Done += int64(len(ids))
		if err := tell(p); err != nil {
			return 0, err
		}
	}
	if stage == "records" {
		p.Stage = "tokens"
	}
	for _, table := range rows.TokenTables() {
		n, err := s.tokens(ctx, table)
		if err != nil {
			return 0, err
		}
		changed += n
		if err := tell(p); err != nil {
			return 0, err
		}
	}
	return changed, nil
}

// people reseals some people, and returns how many needed it.
func (s Store) people(b Batch, ids []string) (changed int64, err error) {
	for _, id := range ids {
		did, err := s.person(b, account.ID(id))
		if err != nil {
			return 0, fmt.Errorf("subject %s: %w", id, err)
		}
		if did {
			changed++
		}
	}
	return changed, nil
}

func (s Store) person(b Batch, id account.ID) (bool, error) {
	now, err := b.Person(id)
	if err != nil || now.Version == 0 { // gone since
		return false, err
	}
	next := *now
	next.Records = append([]account.Record(nil), now.Records...)
	changed := false
	for i := range next.Records {
		r := &next.Records[i]
		did, err := record(s.Reader.Vault, r)
		if err != nil {
			return false, err
		}
		if !did {
			continue
		}
		changed = true
		if err := b.Exec("UPDATE record SET payload = ? WHERE subject = ? AND id = ?", r.Payload, string(id), r.ID); err != nil {
			return false, err
		}
	}
	mac := s.Reader.Vault.State(next)
	if !changed {
		kept, err := fingerprint(b, id)
		if err != nil || store.Same(kept, mac) {
			return false, err
		}
	}
	if err := b.Exec("UPDATE subject SET mac = ? WHERE id = ?", mac, string(id)); err != nil {
		return false, err
	}
	b.Keep(&next)
	return true, nil
}

func fingerprint(b Batch, id account.ID) (mac []byte, err error) {
	found, err := b.Query("SELECT mac FROM subject WHERE id = ?", string(id))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	if found.Next() {
		err = found.Scan(&mac)
	}
	return mac, errors.Join(err, found.Err())
}

// tokens reseals one table.
func (s Store) tokens(ctx context.Context, table string) (changed int64, err error) {
	var last account.TokenRef
	for more := true; more; {
		n, found := int64(0), []account.Token(nil)
		// A step may run twice, if its COMMIT fails; so it moves nothing itself.
		err := s.Submit(ctx, func(b Batch) (err error) {
			n = 0
			if found, err = tokensAfter(b, table, last); err != nil {
				return err
			}
			for i := range found {
				did, err := s.token(b, table, &found[i])
				if err != nil {
					return err
				}
				if did {
					n++
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if more = len(found) == atOnce; more {
			t := found[len(found)-1]
			last = account.TokenRef{Kind: t.Kind, Hash: t.Hash}
		}
		changed += n
	}
	return changed, nil
}

func (s Store) token(b Batch, table string, t *account.Token) (bool, error) {
	did, err := token(s.Reader.Vault, t)
	if err != nil {
		// It opens with no key at all, so it needs none of the old ones either.
		_ = s.Reader.Tampered(t.Subject, "a token is not genuine: "+string(t.Kind), "")
		return false, nil
	}
	if !did {
		return false, nil
	}
	b.Changed()
	return true, b.Exec("UPDATE "+table+" SET data = ? WHERE kind = ? AND hash = ?", t.Data, string(t.Kind), t.Hash[:])
}

func tokensAfter(b Batch, table string, last account.TokenRef) (all []account.Token, err error) {
	found, err := b.Query("SELECT kind, hash, subject, data, created, expires FROM "+table+
		" WHERE (kind, hash) > (?, ?) ORDER BY kind, hash LIMIT ?", string(last.Kind), last.Hash[:], atOnce)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var t account.Token
		var hash []byte
		var created, expires int64
		if err := found.Scan(&t.Kind, &hash, &t.Subject, &t.Data, &created, &expires); err != nil {
			return nil, err
		}
		copy(t.Hash[:], hash)
		t.Created, t.Expires = store.Time(created), store.Time(expires)
		all = append(all, t)
	}
	return all, found.Err()
}

// Fresh puts what was sealed before the keys changed, and comes to be written
// only now, under the newest ones.
func Fresh(v store.Vault, records []account.Record, tokens []account.Token) error {
	for i := range records {
		if _, err := record(v, &records[i]); err != nil {
			return err
		}
	}
	for i := range tokens {
		if _, err := token(v, &tokens[i]); err != nil {
			return err
		}
	}
	return nil
}

func record(v store.Vault, r *account.Record) (bool, error) {
	if v.Sealer.Fresh(r.Payload) {
		return false, nil
	}
	plain := *r
	var err error
	if plain.Payload, err = v.OpenPayload(*r); err == nil {
		r.Payload, err = v.SealPayload(plain)
	}
	if err != nil {
		return false, fmt.Errorf("resealing %s: %w", r, err)
	}
	return true, nil
}

func token(v store.Vault, t *account.Token) (bool, error) {
	if v.Sealer.Fresh(t.Data) {
		return false, nil
	}
	plain := *t
	var err error
	if plain.Data, err = v.OpenToken(*t); err == nil {
		t.Data, err = v.SealToken(plain)
	}
	if err != nil {
		return false, fmt.Errorf("resealing %s: %w", t, err)
	}
	return true, nil
}
