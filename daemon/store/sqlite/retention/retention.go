// Package retention removes what has had its time from what is told of people:
// addresses of clients early, who has logged in a little later, and last of all who
// has changed what: the events of the audit as a whole.
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
	// Logins is for how long it is told who has logged in: in events, which go on
	// without the person, and by the last tries.
	Logins time.Duration
	// Events is for how long events of the audit are.
	Events time.Duration
}

// before are the moments up to which something has had its time; zero where it never
// has.
type before struct{ addresses, logins, events time.Time }

func (l Limits) before(now time.Time) (b before) {
	for limit, moment := range map[*time.Duration]*time.Time{&l.Addresses: &b.addresses, &l.Logins: &b.logins, &l.Events: &b.events} {
		if *limit > 0 {
			*moment = now.Add(-*limit)
		}
	}
	return b
}

// lessen takes out of an event what has had its time, and tells whether there was any.
func (b before) lessen(e *account.Event) bool {
	was := *e
	if login(was) && was.At.Before(b.logins) {
		e.Subject, e.Name, e.Record, e.Label, e.Address, e.Agent, e.Note = "", "", "", "", "", "", ""
	}
	if was.At.Before(b.addresses) {
		e.Address = ""
	}
	return *e != was
}

// login tells the logins of people from what was changed, and from what operators
// and the daemon did.
func login(e account.Event) bool {
	return e.Actor == "user" && (e.Act == account.ActCheck || e.Act == account.ActNewNetwork)
}

// Apply removes what is older. It lets others write between its steps.
func Apply(ctx context.Context, s dossier.Store, now time.Time, l Limits) error {
	old := l.before(now)
	if err := errors.Join(ofEvents(ctx, s, old), ofTries(ctx, s, old), ofRecords(ctx, s, old.addresses)); err != nil {
		return store.Unavailable("removing what has had its time", err)
	}
	if l.Events == 0 {
		return nil
	}
	for gone := trimmed; gone == trimmed; {
		if err := s.Submit(ctx, func(b dossier.Batch) (err error) {
			gone, err = b.Trail().Trim(old.events, trimmed)
			return err
		}); err != nil {
			return store.Unavailable("removing old events", err)
		}
	}
	return nil
}

// ofEvents looks through all events, because a clock may have gone back, and has
// each that tells too much signed without it.
func ofEvents(ctx context.Context, s dossier.Store, limit before) error {
	found, err := s.Reader.Query(ctx, "SELECT seq, body FROM event")
	if err != nil {
		return err
	}
	var old []int64
	if err := rows.EachEvent(found, func(seq int64, e account.Event) {
		if limit.lessen(&e) {
			old = append(old, seq)
		}
	}); err != nil {
		return err
	}
	for ; len(old) > 0; old = old[min(atOnce, len(old)):] {
		if err := s.Submit(ctx, func(b dossier.Batch) error {
			for _, seq := range old[:min(atOnce, len(old))] {
				if _, _, err := b.Trail().Redo(seq-1, 1, limit.lessen); err != nil {
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

// ofTries does the same for the last tries of people, which nothing signs; a try that
// tells of nobody any more goes. One that has come again meanwhile is not old any
// more, and stays as it is.
func ofTries(ctx context.Context, s dossier.Store, limit before) error {
	type try struct {
		number int64
		event  account.Event
		gone   bool
	}
	latest := limit.addresses
	if limit.logins.After(latest) {
		latest = limit.logins
	}
	found, err := s.Reader.Query(ctx, "SELECT number, body FROM try WHERE at < ?", store.Nanos(latest))
	if err != nil {
		return err
	}
	var old []try
	if err := rows.EachEvent(found, func(number int64, e account.Event) {
		t := try{number, e, e.At.Before(limit.logins)}
		if t.gone || e.Address != "" {
			t.event.Address = ""
			old = append(old, t)
		}
	}); err != nil {
		return err
	}
	for ; len(old) > 0; old = old[min(atOnce, len(old)):] {
		if err := s.Submit(ctx, func(b dossier.Batch) (err error) {
			for _, t := range old[:min(atOnce, len(old))] {
				at := store.Nanos(t.event.At)
				if t.gone {
					_, err = b.Run("DELETE FROM try WHERE number = ? AND at = ?", t.number, at)
				} else {
					_, err = b.Run("UPDATE try SET body = ? WHERE number = ? AND at = ?", store.AppendEvent(nil, t.event), t.number, at)
				}
				if err != nil {
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
