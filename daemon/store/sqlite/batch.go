package sqlite

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/sqlite/seen"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
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
	trail    *trail.Book
}

func newBatch(s *Store, session *group.Session) *batch {
	return &batch{
		store: s, Session: session, tries: s.tries.Open(session), seen: s.seen.Open(session), trail: s.trail.Open(session),
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

// Finish writes what is written once a transaction.
func (b *batch) Finish() error { return b.trail.Finish() }

// Publish makes the committed transaction visible to readers.
func (b *batch) Publish() {
	b.store.cache.Publish(b.people)
	b.store.reader.Networks.Publish(b.networks)
	b.tries.Publish()
	b.seen.Publish()
	if b.fewer {
		b.store.reader.Networks.Clear()
	}
	b.trail.Publish()
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
	b.Publish()
	b.trail.Forget()
}
