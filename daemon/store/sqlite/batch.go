package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/sqlite/seen"
	"github.com/sallyport/sallyport/daemon/store/sqlite/tries"
)

// batch is one transaction of the writer: what it has read and will have
// changed once it is committed.
type batch struct {
	store *Store
	*group.Session
	// people and networks are as this transaction leaves them; nil where memory
	// is to forget. fewer says that networks are gone, nobody knows which.
	people   map[account.ID]*account.Snapshot
	networks map[account.TokenRef]*account.Token
	tries    *tries.Book
	seen     *seen.Book
	fewer    bool
	head     *auditHead // nil until the first event
	grown    bool
}

// auditHead is the end of the audit.
type auditHead struct {
	seq   int64
	chain []byte
}

func newBatch(s *Store, session *group.Session) *batch {
	return &batch{
		store: s, Session: session, tries: s.tries.Open(session), seen: s.seen.Open(session),
		people: map[account.ID]*account.Snapshot{}, networks: map[account.TokenRef]*account.Token{},
	}
}

// person is somebody as this transaction sees them, payloads sealed. Nobody
// may write to what it returns.
func (b *batch) person(id account.ID) (*account.Snapshot, error) {
	if p := b.people[id]; p != nil {
		return p, nil
	}
	if _, dirty := b.people[id]; !dirty {
		if p := b.store.cache.Get(id); p != nil {
			return p, nil
		}
	}
	found, err := b.Query(rows.PersonQuery, string(id))
	if err != nil {
		return nil, fmt.Errorf("reading a subject: %w", err)
	}
	p, err := b.store.reader.ScanPerson(id, found)
	if errors.Is(err, rows.ErrTampered) {
		return nil, group.Refuse(store.Unavailable("reading a subject", err))
	}
	return p, err
}

// append writes an event at the end of the audit.
func (b *batch) append(e account.Event) error {
	if b.head == nil {
		var err error
		if b.head, err = b.readHead(); err != nil {
			return fmt.Errorf("reading the end of the audit: %w", err)
		}
	}
	e.Seq = b.head.seq + 1
	body := store.AppendEvent(nil, e)
	chain := b.store.reader.Vault.Chain(b.head.chain, body)
	if err := b.Exec("INSERT INTO event (seq, body, mac) VALUES (?, ?, ?)", e.Seq, body, chain); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	b.head, b.grown = &auditHead{seq: e.Seq, chain: chain}, true
	return nil
}

// readHead finds the end of the audit. Where the rows disagree about it,
// somebody has been at them: that is an alarm, and the audit goes on in a way
// that leaves the gap to be found for good.
func (b *batch) readHead() (*auditHead, error) {
	if h := b.store.head.Load(); h != nil {
		return h, nil
	}
	last, kept := &auditHead{}, &auditHead{}
	var seal []byte
	err := b.QueryRow("SELECT seq, mac FROM event ORDER BY seq DESC LIMIT 1").
		Scan(&last.seq, &last.chain)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	err = b.QueryRow("SELECT seq, mac, seal FROM head").Scan(&kept.seq, &kept.chain, &seal)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	fresh := errors.Is(err, sql.ErrNoRows) && last.seq == 0
	genuine := fresh || b.store.reader.Vault.IsHead(kept.seq, kept.chain, seal)
	if genuine && kept.seq == last.seq && store.Same(kept.chain, last.chain) {
		return last, nil
	}
	b.store.reader.Alarm(account.Event{Act: account.ActAlarm, Note: fmt.Sprintf(
		"the end of the audit is not as it was written: event %d, not %d; run: sallyport audit verify", last.seq, kept.seq)})
	if genuine && kept.seq > last.seq {
		return kept, nil
	}
	if last.seq < math.MaxInt64-1 {
		last.seq++ // the number left out is what audit verify names
	}
	return last, nil
}

// Finish writes what is written once a transaction.
func (b *batch) Finish() error {
	if !b.grown {
		return nil
	}
	return b.Exec(`INSERT INTO head (one, seq, mac, seal) VALUES (1, ?, ?, ?) ON CONFLICT (one)
		DO UPDATE SET seq = excluded.seq, mac = excluded.mac, seal = excluded.seal`,
		b.head.seq, b.head.chain, b.store.reader.Vault.Head(b.head.seq, b.head.chain))
}

// Publish makes the committed transaction visible to readers.
func (b *batch) Publish() {
	b.store.cache.Publish(b.people)
	b.store.reader.Networks.Publish(b.networks)
	b.tries.Publish()
	b.seen.Publish()
	if b.fewer {
		b.store.reader.Networks.Clear()
	}
	if b.grown {
		b.store.head.Store(b.head)
	}
}

// Forget drops from memory whatever the failed transaction touched. Whether a
// COMMIT that failed was written is for the database to say.
func (b *batch) Forget() {
	for id := range b.people {
		b.people[id] = nil
	}
	for ref := range b.networks {
		b.networks[ref] = nil
	}
	b.tries.Forget()
	b.seen.Forget()
	b.grown = false
	b.Publish()
	b.store.head.Store(nil)
}
