package sqlite

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
	"github.com/sallyport/sallyport/daemon/store/sqlite/reseal"
	"github.com/sallyport/sallyport/daemon/store/sqlite/retention"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// Reseal puts every row under the newest keys of the ring, in steps between
// which others write, and tells of each. When it returns without error no row
// needs an older key but the audit's, which are never written again.
func (s *Store) Reseal(ctx context.Context, tell func(reseal.Progress) error) error {
	return reseal.All(ctx, reseal.Store{Reader: s.reader, Submit: func(ctx context.Context, run func(reseal.Batch) error) error {
		return s.writer.Submit(ctx, func(b *batch) error { return run(b) })
	}}, tell)
}

// Person implements reseal.Batch.
func (b *batch) Person(id account.ID) (*account.Snapshot, error) { return b.person(id) }

// Keep implements reseal.Batch.
func (b *batch) Keep(p *account.Snapshot) { b.people[p.Subject] = p }

// Changed implements reseal.Batch.
func (b *batch) Changed() { b.fewer = true }

// Kept is what is kept of a person in tables that nothing else shows.
func (s *Store) Kept(ctx context.Context, id account.ID) (dossier.Kept, error) {
	return dossier.Look(ctx, s.reader, id)
}

// Erase removes all that is kept of a person, from the file as well. Records and
// sessions are ended through Commit before, so that the journal knows. The daemon
// must have ended whatever it does for the person; a login writes anew.
func (s *Store) Erase(ctx context.Context, who dossier.Who) (gone dossier.Gone, err error) {
	gone, err = dossier.Erase(ctx, s.deep(), who)
	if err == nil {
		err = s.db.file.Scrub(ctx)
	}
	return gone, err
}

// Retain removes what has had its time from what is told of people.
func (s *Store) Retain(ctx context.Context, now time.Time, l retention.Limits) error {
	return retention.Apply(ctx, s.deep(), now, l)
}

func (s *Store) deep() dossier.Store {
	return dossier.Store{Reader: s.reader, Submit: func(ctx context.Context, run func(dossier.Batch) error) error {
		return s.writer.Submit(ctx, func(b *batch) error { return run(b) })
	}}
}

// Trail implements dossier.Batch.
func (b *batch) Trail() *trail.Book { return b.trail }

// ClearTries implements dossier.Batch.
func (b *batch) ClearTries(bucket string) error { return b.tries.Clear(bucket) }

// ForgetPerson implements dossier.Batch.
func (b *batch) ForgetPerson(id account.ID) {
	b.people[id], b.fewer = nil, true
	b.ForgetTries(id)
}

// ForgetTries implements dossier.Batch.
func (b *batch) ForgetTries(id account.ID) { b.seen.Lose(id) }
