// Package trail writes the audit: events in a chain, each bound to the one before.
// It takes addresses and people out of old events, and the oldest ones away, in a
// way that leaves the chain whole and any other change to be found; Walker finds it.
//
// What is taken out is signed in its place with the key of the audit, and so is
// where the audit begins; without that key nobody can take out anything unseen. The
// package decides neither when nor what, and belongs to package sqlite, whose one
// writing goroutine alone may use a Book. Package rows and tests may use Walker.
package trail

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
)

// Memory remembers the end of the audit.
type Memory struct {
	Vault store.Vault
	// Alarm is told of an audit that is not as it was written.
	Alarm func(account.Event)
	head  atomic.Pointer[End] // nil until it is read
}

// Book is the audit in one transaction.
type Book struct {
	*group.Session
	memory *Memory
	head   *End // nil until the first event
	grown  bool
}

// Open begins what is written in the session's next transaction.
func (m *Memory) Open(session *group.Session) *Book { return &Book{Session: session, memory: m} }

// Append writes an event at the end of the audit.
func (b *Book) Append(e account.Event) error {
	if b.head == nil {
		var err error
		if b.head, err = b.readHead(); err != nil {
			return fmt.Errorf("reading the end of the audit: %w", err)
		}
	}
	e.Seq = b.head.Seq + 1
	body := store.AppendEvent(nil, e)
	chain := b.memory.Vault.Chain(b.head.MAC, body)
	if err := b.Exec("INSERT INTO event (seq, body, mac) VALUES (?, ?, ?)", e.Seq, body, chain); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	b.head, b.grown = &End{Seq: e.Seq, MAC: chain}, true
	return nil
}

// readHead finds the end of the audit. Where the rows disagree about it,
// somebody has been at them: that is an alarm, and the audit goes on in a way
// that leaves the gap to be found for good.
func (b *Book) readHead() (*End, error) {
	if h := b.memory.head.Load(); h != nil {
		return h, nil
	}
	last, kept := &End{}, &End{}
	err := b.QueryRow("SELECT seq, mac FROM event ORDER BY seq DESC LIMIT 1").Scan(&last.Seq, &last.MAC)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	err = b.QueryRow("SELECT seq, mac, seal FROM head").Scan(&kept.Seq, &kept.MAC, &kept.Seal)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	fresh := errors.Is(err, sql.ErrNoRows) && last.Seq == 0
	genuine := fresh || b.memory.Vault.IsHead(kept.Seq, kept.MAC, kept.Seal)
	if genuine && kept.Seq == last.Seq && store.Same(kept.MAC, last.MAC) {
		return last, nil
	}
	b.memory.Alarm(account.Event{Act: account.ActAlarm, Note: fmt.Sprintf(
		"the end of the audit is not as it was written: event %d, not %d; run: sallyport audit verify", last.Seq, kept.Seq)})
	if genuine && kept.Seq > last.Seq {
		return kept, nil
	}
	if last.Seq < math.MaxInt64-1 {
		last.Seq++ // the number left out is what audit verify names
	}
	return last, nil
}

// Finish writes what is written once a transaction.
func (b *Book) Finish() error {
	if !b.grown {
		return nil
	}
	return b.Exec(`INSERT INTO head (one, seq, mac, seal) VALUES (1, ?, ?, ?) ON CONFLICT (one)
		DO UPDATE SET seq = excluded.seq, mac = excluded.mac, seal = excluded.seal`,
		b.head.Seq, b.head.MAC, b.memory.Vault.Head(b.head.Seq, b.head.MAC))
}

// Publish remembers the end that the transaction has left.
func (b *Book) Publish() {
	if b.grown {
		b.memory.head.Store(b.head)
	}
}

// Forget has the end read anew.
func (b *Book) Forget() { b.memory.head.Store(nil) }

// foot is where the audit begins, or nil where it has lost nothing.
func (b *Book) foot() (*End, error) {
	f := &End{}
	err := b.QueryRow("SELECT seq, mac, seal FROM foot").Scan(&f.Seq, &f.MAC, &f.Seal)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint // there is none
	}
	return f, err
}

// rows reads the next events behind that number.
func (b *Book) rows(after int64, limit int) (all []Row, err error) {
	found, err := b.Query("SELECT seq, body, mac, redone FROM event WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var r Row
		if err := found.Scan(&r.Seq, &r.Body, &r.MAC, &r.Redone); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, found.Err()
}

// walker stands behind the event of that number.
func (b *Book) walker(after int64) (*Walker, error) {
	w := &Walker{Vault: b.memory.Vault}
	foot, err := b.foot()
	if err != nil {
		return nil, err
	}
	if w.Begin(foot); w.Seq >= after {
		return w, nil
	}
	err = b.QueryRow("SELECT seq, mac FROM event WHERE seq = ?", after).Scan(&w.Seq, &w.Link)
	return w, err
}

// Redo lets change take something out of the next events behind that number, and
// signs what is left of those of which it says that it has. It returns the number
// of the last event that it has looked at, 0 at the end, and how many lost
// something. An event that is not as it was written stays so, to be found.
func (b *Book) Redo(after int64, limit int, change func(*account.Event) bool) (last int64, changed int, err error) {
	all, err := b.rows(after, limit)
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	w, err := b.walker(all[0].Seq - 1)
	if errors.Is(err, sql.ErrNoRows) {
		w, err = &Walker{Vault: b.memory.Vault}, nil // a gap, which is for Walker to find
	}
	if err != nil {
		return 0, 0, err
	}
	for _, r := range all {
		previous := w.Link
		w.Broken = 0
		w.Next(r)
		e, err := store.ParseEvent(r.Body)
		if w.Broken > 0 || err != nil || !change(&e) {
			continue
		}
		body := store.AppendEvent(nil, e)
		signature := b.memory.Vault.Redone(store.Place{Seq: r.Seq, Previous: previous, Link: r.MAC}, body)
		if err := b.Exec("UPDATE event SET body = ?, redone = ? WHERE seq = ?", body, signature, r.Seq); err != nil {
			return 0, 0, err
		}
		changed++
	}
	return all[len(all)-1].Seq, changed, nil
}

// Trim takes away the oldest events that are from before that time, at most as many,
// and signs where the audit begins now. The newest event stays always. Where they
// are not as they were written it takes nothing, so that this stays to be found.
func (b *Book) Trim(before time.Time, limit int) (gone int, err error) {
	w, err := b.walker(0)
	if err != nil {
		return 0, err
	}
	all, err := b.rows(0, limit+1)
	if err != nil {
		return 0, err
	}
	foot := *w
	for i, r := range all {
		e, err := store.ParseEvent(r.Body)
		if i == len(all)-1 || err == nil && !e.At.Before(before) {
			break
		}
		w.Next(r)
		if w.Broken > 0 {
			b.memory.Alarm(account.Event{Act: account.ActAlarm, Note: fmt.Sprintf(
				"old events stay: event %d is not as it was written; run: sallyport audit verify", w.Broken)})
			return 0, nil
		}
		foot, gone = *w, gone+1
	}
	if gone == 0 {
		return 0, nil
	}
	if err := b.Exec("DELETE FROM event WHERE seq <= ?", foot.Seq); err != nil {
		return 0, err
	}
	return gone, b.Exec(`INSERT INTO foot (one, seq, mac, seal) VALUES (1, ?, ?, ?) ON CONFLICT (one)
		DO UPDATE SET seq = excluded.seq, mac = excluded.mac, seal = excluded.seal`,
		foot.Seq, foot.Link, b.memory.Vault.Foot(foot.Seq, foot.Link))
}
