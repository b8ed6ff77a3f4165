// Package retention removes what has had its time from what is told of people:
// addresses of clients early, and events of the audit late.
//
// It is not the sweep of what is dead anyway, and decides neither how long something
// is kept nor whether the clock is right: that is its caller's business. It belongs
// to package sqlite, through whose own goroutine it writes and which alone may call
// it; the main hands over Limits.
package retention

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

const (
	// atOnce is how many rows one step changes, and trimmed how many events one step
	// removes: logins wait for no longer.
	atOnce  = 100
	trimmed = 500
)

// Limits say for how long something is kept; 0 means for good.
type Limits struct {
	// Addresses is for how long the addresses of clients are, in events, tries and records.
	Addresses time.Duration
	// Events is for how long events of the audit are.
	Events time.Duration
}

// Apply removes what is older. It lets others write between its steps.
func Apply(ctx context.Context, s dossier.Store, now time.Time, l Limits) error {
	if l.Addresses > 0 {
		before := now.Add(-l.Addresses)
		if err := errors.Join(ofEvents(ctx, s, before), ofTries(ctx, s, before), ofRecords(ctx, s, before)); err != nil {
			return store.Unavailable("removing old addresses", err)
		}
	}
	if l.Events == 0 {
		return nil
	}
	for gone := trimmed; gone == trimmed; {
		if err := s.Submit(ctx, func(b dossier.Batch) (err error) {
			gone, err = b.Trail().Trim(now.Add(-l.Events), trimmed)
			return err
		}); err != nil {
			return store.Unavailable("removing old events", err)
		}
	}
	return nil
}

// ofEvents looks through all events, because a clock may have gone back, and has
// each that still has an old address signed without it.
func ofEvents(ctx context.Context, s dossier.Store, before time.Time) error {
	found, err := s.Reader.Query(ctx, "SELECT seq, body FROM event")
	if err != nil {
		return err
	}
	var old []int64
	if err := rows.EachEvent(found, func(seq int64, e account.Event) {
		if e.Address != "" && e.At.Before(before) {
			old = append(old, seq)
		}
	}); err != nil {
		return err
	}
	for ; len(old) > 0; old = old[min(atOnce, len(old)):] {
		if err := s.Submit(ctx, func(b dossier.Batch) error {
			for _, seq := range old[:min(atOnce, len(old))] {
				if _, _, err := b.Trail().Redo(seq-1, 1, func(e *account.Event) bool {
					e.Address = ""
					return true
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// ofTries does the same for the last tries of people, which nothing signs. A try
// that has come again meanwhile is not old any more, and stays as it is.
func ofTries(ctx context.Context, s dossier.Store, before time.Time) error {
	type try struct {
		number int64
		event  account.Event
	}
	found, err := s.Reader.Query(ctx, "SELECT number, body FROM try WHERE at < ?", store.Nanos(before))
	if err != nil {
		return err
	}
	var old []try
	if err := rows.EachEvent(found, func(number int64, e account.Event) {
		if e.Address != "" {
			e.Address = ""
			old = append(old, try{number, e})
		}
	}); err != nil {
		return err
	}
	for ; len(old) > 0; old = old[min(atOnce, len(old)):] {
		if err := s.Submit(ctx, func(b dossier.Batch) error {
			for _, t := range old[:min(atOnce, len(old))] {
				if _, err := b.Run("UPDATE try SET body = ? WHERE number = ? AND at = ?", store.AppendEvent(nil, t.event), t.number, store.Nanos(t.event.At)); err != nil {
					return err
				}
				b.ForgetTries(t.event.Subject)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// ofRecords forgets from where app passwords were last used. The fingerprint of a
// person does not cover that.
func ofRecords(ctx context.Context, s dossier.Store, before time.Time) error {
	people, err := s.Reader.Texts(ctx, "SELECT DISTINCT subject FROM record WHERE last_from <> '' AND last_used < ?", store.Nanos(before))
	for ; err == nil && len(people) > 0; people = people[min(atOnce, len(people)):] {
		err = s.Submit(ctx, func(b dossier.Batch) error {
			for _, id := range people[:min(atOnce, len(people))] {
				if _, err := b.Run("UPDATE record SET last_from = '' WHERE subject = ? AND last_used < ?", id, store.Nanos(before)); err != nil {
					return err
				}
				b.ForgetPerson(account.ID(id))
			}
			return nil
		})
	}
	return err
}
