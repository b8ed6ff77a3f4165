package sqlite

import (
	"context"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite/reseal"
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
