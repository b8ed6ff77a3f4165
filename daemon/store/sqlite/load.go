package sqlite

import (
	"context"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	return s.read(ctx, id, func(p account.Snapshot) (account.Snapshot, error) { return s.reader.Copy(p, open) })
}

// LoadOne implements store.Store.
func (s *Store) LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error) {
	return s.read(ctx, id, func(p account.Snapshot) (account.Snapshot, error) { return s.reader.CopyOne(p, record) })
}

// read gives a person to what takes a copy for the caller.
func (s *Store) read(ctx context.Context, id account.ID, take func(account.Snapshot) (account.Snapshot, error)) (account.Snapshot, error) {
	var snapshot account.Snapshot
	err := s.observed("load", func() error {
		p, err := s.person(ctx, id)
		if err == nil {
			snapshot, err = take(*p)
		}
		return err
	})
	if err != nil {
		return account.Snapshot{}, store.Unavailable("loading a subject", err)
	}
	return snapshot, nil
}

// person is from memory, or read into it. It is shared, and not to be changed.
func (s *Store) person(ctx context.Context, id account.ID) (*account.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p := s.cache.Get(id); p != nil {
		return p, nil
	}
	before := s.cache.Before(id)
	p, err := bounded.Read(ctx, s.reader.Readers, func(ctx context.Context) (*account.Snapshot, error) { return s.reader.Person(ctx, id) })
	if err != nil {
		return nil, err
	}
	if p.Version > 0 { // strangers must not push people out of memory
		s.cache.Fill(id, p, before)
	}
	return p, nil
}
