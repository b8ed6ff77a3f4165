package sqlite

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/sqlite/seen"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
	"github.com/sallyport/sallyport/daemon/store/sqlite/tries"
)

// Store is the store.Store on a DB.
type Store struct {
	reader *rows.Reader
	db     *DB
	cache  *rows.Cache[account.ID, account.Snapshot]
	tries  *tries.Counter
	seen   *seen.Memory
	trail  *trail.Memory
	writer *group.Writer[*batch]
}

var _ store.Store = (*Store)(nil)

func newStore(db *DB, sealer store.Sealer) *Store {
	s := &Store{
		reader: &rows.Reader{
			DB: db.file.Read, Log: db.config.Log, Alarm: db.config.Alarm, Vault: store.Vault{Sealer: sealer, Instance: db.instance}, Readers: bounded.New(),
			Networks: rows.NewCache[account.TokenRef](max(1, db.config.CacheRows/4), func(*account.Token) int { return 1 }),
		},
		db: db, tries: tries.New(max(1, db.config.CacheRows/4)), seen: seen.New(max(1, db.config.CacheRows/8)),
		cache: rows.NewCache[account.ID](db.config.CacheRows, func(p *account.Snapshot) int { return 1 + len(p.Records) }),
	}
	s.trail = &trail.Memory{Vault: s.reader.Vault, Alarm: db.config.Alarm}
	s.writer = group.New(group.Config[*batch]{
		DB: db.file.Write, Path: db.file.Path, Log: db.config.Log,
		Begin: func(session *group.Session) *batch { return newBatch(s, session) },
	})
	return s
}

// Backlog is how many operations wait for the writer.
func (s *Store) Backlog() int { return s.writer.Backlog() }

// Close ends the writer after the transaction it is in. Who still waits is
// told ErrUnavailable.
func (s *Store) Close() {
	s.writer.Close()
	s.reader.Close()
}

// Report is what Verify found.
type Report = rows.Report

// Verify walks over everything that is kept, past what is in memory: the
// database's own structure, the audit from its first event, every person's
// fingerprint and payloads, and every token. Anchors were noted elsewhere. The error
// says that it could not look; what it saw is in the report.
func (s *Store) Verify(ctx context.Context, anchors ...trail.Anchor) (Report, error) {
	return s.reader.Verify(ctx, anchors...)
}

// Anchor is a note of where the audit ends, to be kept elsewhere; account.ErrNotFound
// before the first event.
func (s *Store) Anchor(ctx context.Context, now time.Time) (trail.Anchor, error) {
	return s.reader.Anchor(ctx, now)
}

// Holds tells at a glance whether the audit still fits an anchor.
func (s *Store) Holds(ctx context.Context, a trail.Anchor) (bool, error) {
	return s.reader.Holds(ctx, a)
}

// observed runs do and tells the observer about it.
func (s *Store) observed(name string, do func() error) error {
	observe := s.db.config.Observe
	if observe == nil {
		return do()
	}
	start := s.db.config.Now()
	err := do()
	observe(name, s.db.config.Now().Sub(start), err)
	return err
}
