package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// triesKept is how many last tries of a subject can be seen.
const triesKept = 20

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, tries []account.Event, used []account.Record) error {
	return s.observed("log", func() error {
		if len(tries) == 0 && len(used) == 0 {
			return nil
		}
		return s.writer.Submit(ctx, func(b *batch) error {
			for _, e := range tries {
				if err := logTry(b, e); err != nil {
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

func logTry(b *batch, e account.Event) error {
	found, err := b.Query("SELECT number, body FROM try WHERE subject = ? ORDER BY number DESC LIMIT 1", string(e.Subject))
	if err != nil {
		return err
	}
	var last int64
	var old account.Event
	err = rows.EachEvent(found, func(number int64, e account.Event) { last, old = number, e })
	if err != nil {
		return err
	}
	e.Seq, e.Count = 0, max(e.Count, 1)
	if last > 0 && alike(old, e) {
		e.Count += old.Count
		return b.Exec("UPDATE try SET at = ?, body = ? WHERE number = ?", store.Nanos(e.At), store.AppendEvent(nil, e), last)
	}
	done, err := b.Run("INSERT INTO try (subject, at, body) VALUES (?, ?, ?)",
		string(e.Subject), store.Nanos(e.At), store.AppendEvent(nil, e))
	if err != nil {
		return err
	}
	if number, err := done.LastInsertId(); err != nil || number%8 != 0 { // rarely is enough
		return err
	}
	return b.Exec(`DELETE FROM try WHERE subject = ? AND number <= (SELECT number FROM try WHERE subject = ?
		ORDER BY number DESC LIMIT 1 OFFSET ?)`, string(e.Subject), string(e.Subject), triesKept)
}

// alike tells whether two tries differ in nothing but when, how long and how
// often.
func alike(a, b account.Event) bool {
	b.At, b.Took, b.Count = a.At, a.Took, a.Count
	return a == b
}

// logUse notes a use in the row and in memory; the fingerprint leaves it out.
func logUse(b *batch, r account.Record) error {
	if err := b.Exec(`UPDATE record SET last_used = ?, last_from = ?, last_agent = ?, last_service = ?
		WHERE subject = ? AND id = ?`,
		store.Nanos(r.LastUsed), r.LastFrom, r.LastAgent, r.LastService, string(r.Subject), r.ID); err != nil {
		return err
	}
	p := b.people[r.Subject]
	if _, dirty := b.people[r.Subject]; !dirty {
		p = b.store.cache.Get(r.Subject)
	}
	if p == nil { // nobody has asked for them lately; they are read when needed
		b.people[r.Subject] = nil
		return nil
	}
	next := *p
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
		string(id), max(0, min(limit, triesKept)))
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
