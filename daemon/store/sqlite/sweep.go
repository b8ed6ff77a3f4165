package sqlite

import (
	"context"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// Sweep removes what has had its time: tokens that expired a day ago, tries
// older than 31 days, records revoked 90 days ago, and those that nobody
// confirmed within a day of their expiry. All of that has been of no use for a
// day, so that a clock that is ahead by as much costs nothing; the caller sees to
// it that it is not ahead by more. Call it every hour or so; it lets others write
// between its steps.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	day := 24 * time.Hour
	old, expired := now.Add(-31*day), store.Nanos(now.Add(-day))
	steps := []sweeping{
		func(b *batch, after place) (next place, err error) {
			next.bucket, err = b.tries.Sweep(after.bucket, old)
			return next, err
		},
		func(b *batch, after place) (next place, err error) {
			next.number, err = b.seen.Sweep(after.number, store.Nanos(old))
			return next, err
		},
	}
	for _, table := range rows.TokenTables() {
		statement := "DELETE FROM " + table + " WHERE (kind, hash) IN (SELECT kind, hash FROM " + table +
			" WHERE expires > 0 AND expires <= ? LIMIT 1000)"
		steps = append(steps, func(b *batch, _ place) (next place, err error) {
			gone, err := b.Run(statement, expired)
			if err != nil {
				return place{}, err
			}
			next.number, err = gone.RowsAffected()
			b.fewer = b.fewer || next.number > 0
			return next, err
		})
	}
	for _, step := range steps {
		if err := s.walk(ctx, step); err != nil {
			return err
		}
	}
	if err := s.sweepRecords(ctx, store.Nanos(now.Add(-90*day)), expired); err != nil {
		return err
	}
	err := s.writer.Submit(ctx, func(b *batch) error {
		return b.Exec(`INSERT INTO meta (name, value) VALUES ('swept', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
			WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)`, []byte(strconv.FormatInt(store.Nanos(now), 10)))
	})
	if err != nil {
		return store.Unavailable("noting a sweep", err)
	}
	return nil
}

// place is how far a walk has come; the zero place is its begin and its end.
type place struct {
	number int64
	bucket string
}

// sweeping is a step of a walk, which tells where the next one begins.
type sweeping func(b *batch, after place) (next place, err error)

// walk takes steps, each in a transaction of its own, until there is no next.
func (s *Store) walk(ctx context.Context, step sweeping) error {
	for next, more := (place{}), true; more; more = next != (place{}) {
		after := next
		if err := s.writer.Submit(ctx, func(b *batch) (err error) { next, err = step(b, after); return err }); err != nil {
			return store.Unavailable("sweeping", err)
		}
	}
	return nil
}

// Swept is the newest time that Sweep was ever called with. Before the first
// call it is the time of the newest event, and zero where there is none.
func (s *Store) Swept(ctx context.Context) (time.Time, error) { return s.reader.Swept(ctx) }

// sweepRecords deletes through Commit, so that fingerprints stay right.
func (s *Store) sweepRecords(ctx context.Context, revoked, expired int64) error {
	const which = "FROM record WHERE (revoked > 0 AND revoked < ?) OR (pending = 1 AND expires > 0 AND expires < ?)"
	people, err := s.reader.Texts(ctx, "SELECT DISTINCT subject "+which, revoked, expired)
	if err != nil {
		return store.Unavailable("sweeping", err)
	}
	for _, id := range people {
		c := account.Change{Subject: account.ID(id), Version: -1}
		c.Delete, err = s.reader.Texts(ctx, "SELECT id "+which+" INTERSECT SELECT id FROM record WHERE subject = ?", revoked, expired, id)
		if err == nil {
			err = s.Commit(ctx, c)
		}
		if err != nil {
			return store.Unavailable("sweeping", err)
		}
	}
	return nil
}
