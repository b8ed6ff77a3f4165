package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/put"
	"github.com/sallyport/sallyport/daemon/store/sqlite/reseal"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// commit is a Change on its way: Put and PutTokens are sealed, and copies.
type commit struct {
	account.Change
	keep []bool // of Put: the payload that is there stays
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, change account.Change) error {
	return s.observed("commit", func() error {
		c, err := s.seal(change)
		if err != nil {
			return store.Unavailable("sealing a change", err)
		}
		if note := s.db.config.Journal; note != nil {
			done, err := note(change)
			if err != nil {
				return store.Unavailable("noting a change", err)
			}
			defer done()
		}
		return s.writer.Submit(ctx, c.run)
	})
}

// seal does what needs no database in the caller's goroutine, not the writer's.
func (s *Store) seal(change account.Change) (*commit, error) {
	c := &commit{Change: change, keep: make([]bool, len(change.Put))}
	if change.Version < 0 && len(change.Put) > 0 {
		return nil, errors.New("a change that puts records needs the version it was decided on")
	}
	if change.Compare && (change.Version < 0 || c.rewrites()) {
		return nil, errors.New("a change that compares has a version and is none of the records")
	}
	if change.Subject == "" && (change.Version >= 0 || c.rewrites()) {
		return nil, errors.New("a change without a subject")
	}
	c.Put, c.PutTokens = slices.Clone(change.Put), slices.Clone(change.PutTokens)
	for i := range c.Put {
		r := &c.Put[i]
		if r.Subject != c.Subject || r.ID == "" || r.Factor == "" {
			return nil, fmt.Errorf("%s is not one to put into a change of %s", r, c.Subject)
		}
		c.keep[i] = r.Payload == nil
		// What memory keeps must be what the database would give back.
		r.Created, r.LastUsed = store.Time(store.Nanos(r.Created)), store.Time(store.Nanos(r.LastUsed))
		r.Revoked, r.Expires = store.Time(store.Nanos(r.Revoked)), store.Time(store.Nanos(r.Expires))
		r.Services = slices.Clone(r.Services)
		var err error
		if r.Payload, err = s.reader.Vault.SealPayload(*r); err != nil {
			return nil, fmt.Errorf("sealing the payload of %s: %w", r, err)
		}
	}
	for i := range c.PutTokens {
		t := &c.PutTokens[i]
		if _, err := rows.TableOf(t.Kind); err != nil || t.Subject != c.Subject {
			return nil, fmt.Errorf("%s is not one to put into a change of %s", t, c.Subject)
		}
		t.Created, t.Expires = store.Time(store.Nanos(t.Created)), store.Time(store.Nanos(t.Expires))
		var err error
		if t.Data, err = s.reader.Vault.SealToken(*t); err != nil {
			return nil, fmt.Errorf("sealing %s: %w", t, err)
		}
	}
	return c, nil
}

// rewrites tells whether the change touches what the fingerprint covers.
func (c *commit) rewrites() bool {
	return len(c.Put) > 0 || len(c.Delete) > 0 || c.InviteRequired != nil || c.Synced
}

// run checks everything before it writes anything.
func (c *commit) run(b *batch) error {
	if err := reseal.Fresh(b.store.reader.Vault, c.Put, c.PutTokens); err != nil {
		return err
	}
	next, err := c.next(b)
	if err != nil {
		return err
	}
	if err := c.checkTokens(b); err != nil {
		return err
	}
	if err := c.writeTokens(b); err != nil {
		return fmt.Errorf("writing tokens: %w", err)
	}
	if err := b.tries.Refund(c.Refund); err != nil {
		return err
	}
	for _, bucket := range c.ClearTries {
		if err := b.tries.Clear(bucket); err != nil {
			return err
		}
	}
	for _, e := range c.Events {
		if err := b.trail.Append(e); err != nil {
			return err
		}
	}
	if next == nil {
		return nil
	}
	return c.writePerson(b, next)
}

// next is the person as the change leaves them, or nil where it leaves them
// alone.
func (c *commit) next(b *batch) (*account.Snapshot, error) {
	if c.Version < 0 && !c.rewrites() {
		return nil, nil
	}
	now, err := b.person(c.Subject)
	if err != nil {
		return nil, err
	}
	if c.Version >= 0 && c.Version != now.Version {
		return nil, group.Refuse(account.ErrConflict)
	}
	if c.Compare {
		return nil, nil
	}
	next := &account.Snapshot{Subject: c.Subject, Version: now.Version + 1, InviteRequired: now.InviteRequired, Synced: now.Synced || c.Synced}
	if c.InviteRequired != nil {
		next.InviteRequired = *c.InviteRequired
	}
	if len(now.Records)+len(c.Put) > 0 {
		next.Records = make([]account.Record, 0, len(now.Records)+len(c.Put))
	}
	for _, r := range now.Records {
		if !slices.Contains(c.Delete, r.ID) {
			next.Records = append(next.Records, r)
		}
	}
	for i, r := range c.Put {
		at := slices.IndexFunc(next.Records, func(old account.Record) bool { return old.ID == r.ID })
		if at < 0 {
			next.Records = append(next.Records, r)
			continue
		}
		if c.keep[i] {
			if old := next.Records[at]; old.Factor != r.Factor {
				return nil, group.Refuse(store.Unavailable("keeping a payload", fmt.Errorf("%s was of factor %s", r, old.Factor)))
			}
			r.Payload = next.Records[at].Payload
		}
		next.Records[at] = r
	}
	rows.SortRecords(next.Records)
	return next, nil
}

func (c *commit) writePerson(b *batch, next *account.Snapshot) error {
	for _, id := range c.Delete {
		if err := b.Exec("DELETE FROM record WHERE subject = ? AND id = ?", string(c.Subject), id); err != nil {
			return fmt.Errorf("deleting a record: %w", err)
		}
	}
	for _, r := range c.Put {
		at := slices.IndexFunc(next.Records, func(n account.Record) bool { return n.ID == r.ID })
		if err := put.Record(b, next.Records[at]); err != nil {
			return fmt.Errorf("writing %s: %w", r, err)
		}
	}
	if err := put.Subject(b, next, b.store.reader.Vault.State(*next)); err != nil {
		return fmt.Errorf("writing a subject: %w", err)
	}
	b.people[next.Subject] = next
	return nil
}
