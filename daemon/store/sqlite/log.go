package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/sqlite/seen"
)

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, tries []account.Event, used []account.Record) error {
	return s.observed("log", func() error {
		if len(tries) == 0 && len(used) == 0 {
			return nil
		}
		return s.writer.Submit(ctx, func(b *batch) error {
			for _, e := range tries {
				if err := b.seen.Note(e); err != nil {
					return fmt.Errorf("noting a try: %w", err)
				}
			}
			for _, r := range used {
				if err := logUse(b, r); err != nil {
					return fmt.Errorf("noting a use: %w", err)
				}
			}
			return nil
		})
	})
}

// logUse notes the use of an app password in the row and in memory; of that, the
// fingerprint has only that there was one.
func logUse(b *batch, r account.Record) error {
	if err := b.Exec(`UPDATE record SET last_used = ?, last_from = ?, last_agent = ?, last_service = ?
		WHERE subject = ? AND id = ?`,
		store.Nanos(r.LastUsed), r.LastFrom, r.LastAgent, r.LastService, string(r.Subject), r.ID); err != nil {
		return err
	}
	p, err := b.person(r.Subject)
	if errors.Is(err, rows.ErrTampered) || err == nil && p.Version == 0 {
		return nil // the alarm has been given; nobody else's tries are held up by it
	}
	if err != nil {
		return err
	}
	next := *p
	if !next.Synced {
		next.Synced = true
		if err := b.Exec("UPDATE subject SET synced = 1, mac = ? WHERE id = ?", b.store.reader.Vault.State(next), string(r.Subject)); err != nil {
			return err
		}
	}
	next.Records = slices.Clone(p.Records)
	for i := range next.Records {
		if k := &next.Records[i]; k.ID == r.ID {
			k.LastUsed = store.Time(store.Nanos(r.LastUsed))
			k.LastFrom, k.LastAgent, k.LastService = r.LastFrom, r.LastAgent, r.LastService
		}
	}
	b.people[r.Subject] = &next
	return nil
}

// Events implements store.Store.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]account.Event, error) {
	return s.events(ctx, "events", "SELECT seq, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?", after, max(limit, 0))
}

// Tries implements store.Store.
func (s *Store) Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error) {
	return s.events(ctx, "tries", "SELECT number, body FROM try WHERE subject = ? ORDER BY number DESC LIMIT ?",
		string(id), max(0, min(limit, seen.Kept)))
}

func (s *Store) events(ctx context.Context, name, query string, args ...any) (events []account.Event, err error) {
	err = s.observed(name, func() error {
		found, err := s.reader.Query(ctx, query, args...)
		if err != nil {
			return store.Unavailable("reading "+name, err)
		}
		if err := rows.EachEvent(found, func(_ int64, e account.Event) { events = append(events, e) }); err != nil {
			return store.Unavailable("reading "+name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// Census implements store.Store.
func (s *Store) Census(ctx context.Context) (c store.Census, err error) {
	err = s.observed("census", func() error {
		c, err = s.reader.Census(ctx, s.db.config.Now())
		return err
	})
	if err != nil {
		return store.Census{}, store.Unavailable("counting", err)
	}
	return c, nil
}
