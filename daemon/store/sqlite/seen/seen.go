// Package seen keeps the last tries of each person, for support to see. A try
// like the one before it is counted there and has no row of its own; the last
// one of whoever has tried lately is in memory, because every try asks for it.
//
// What is seen is no evidence: that is the audit, and nothing is decided by it.
// The package belongs to package sqlite, whose one writing goroutine alone may
// use it.
package seen

import (
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// Kept is how many last tries of a person can be seen.
const Kept = 20

// try is a row.
type try struct {
	number int64
	event  account.Event
}

// Memory holds the last tries of some people.
type Memory struct{ last *rows.Cache[account.ID, try] }

// New makes a memory of so many people, at least one.
func New(most int) *Memory {
	return &Memory{last: rows.NewCache[account.ID](most, func(*try) int { return 1 })}
}

// Book is the tries in one transaction.
type Book struct {
	*group.Session
	memory *Memory
	// changed is as this transaction leaves it; nil where memory is to forget.
	changed map[account.ID]*try
	swept   bool // tries are gone that memory may hold
}

// Open begins what is noted in the session's next transaction.
func (m *Memory) Open(session *group.Session) *Book {
	return &Book{Session: session, memory: m, changed: map[account.ID]*try{}}
}

// Note keeps a try.
func (b *Book) Note(e account.Event) error {
	last, err := b.last(e.Subject)
	if err != nil {
		return err
	}
	e.Seq, e.Count = 0, max(e.Count, 1)
	if last.number > 0 && alike(last.event, e) {
		e.Count += last.event.Count
		b.changed[e.Subject] = &try{last.number, e}
		return b.Exec("UPDATE try SET at = ?, body = ? WHERE number = ?", store.Nanos(e.At), store.AppendEvent(nil, e), last.number)
	}
	done, err := b.Run("INSERT INTO try (subject, at, body) VALUES (?, ?, ?)",
		string(e.Subject), store.Nanos(e.At), store.AppendEvent(nil, e))
	if err != nil {
		return err
	}
	number, err := done.LastInsertId()
	if err != nil {
		return err
	}
	b.changed[e.Subject] = &try{number, e}
	if number%8 != 0 { // rarely is enough
		return nil
	}
	return b.Exec(`DELETE FROM try WHERE subject = ? AND number <= (SELECT number FROM try WHERE subject = ?
		ORDER BY number DESC LIMIT 1 OFFSET ?)`, string(e.Subject), string(e.Subject), Kept)
}

// last is somebody's last try; its number is 0 where there is none.
func (b *Book) last(id account.ID) (last try, err error) {
	known := b.changed[id]
	if _, changed := b.changed[id]; !changed && !b.swept {
		known = b.memory.last.Get(id)
	}
	if known != nil {
		return *known, nil
	}
	found, err := b.Query("SELECT number, body FROM try WHERE subject = ? ORDER BY number DESC LIMIT 1", string(id))
	if err != nil {
		return last, fmt.Errorf("reading the last try: %w", err)
	}
	return last, rows.EachEvent(found, func(number int64, e account.Event) { last = try{number, e} })
}

// alike tells whether two tries differ in nothing but when, how long and how
// often.
func alike(a, b account.Event) bool {
	b.At, b.Took, b.Count = a.At, a.Took, a.Count
	return a == b
}

// Sweep deletes what is older, among the next tries after that number, and
// returns the last number that it has looked at, or 0 at the end. It walks,
// because few are old, and an index by time would be written at each login.
func (b *Book) Sweep(after, older int64) (last int64, err error) {
	err = b.QueryRow("SELECT IFNULL(MAX(number), 0) FROM (SELECT number FROM try WHERE number > ? ORDER BY number LIMIT 1000)",
		after).Scan(&last)
	if err != nil || last == 0 {
		return 0, err
	}
	b.swept = true
	return last, b.Exec("DELETE FROM try WHERE number > ? AND number <= ? AND at < ?", after, last, older)
}

// Lose has memory forget somebody's last try, whose rows are gone.
func (b *Book) Lose(id account.ID) { b.changed[id] = nil }

// Publish keeps what the transaction has left.
func (b *Book) Publish() {
	if b.swept {
		b.memory.last.Clear()
	}
	b.memory.last.Publish(b.changed)
}

// Forget makes Publish drop what the failed transaction touched.
func (b *Book) Forget() {
	for id := range b.changed {
		b.changed[id] = nil
	}
}
