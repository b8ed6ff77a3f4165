package sqlite

import (
	"context"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	return s.read(ctx, id, func(p account.Snapshot) (account.Snapshot, error) {
		p.Records = slices.Clone(p.Records)
		for i := range p.Records {
			r := &p.Records[i]
			if err := s.hand(r, slices.Contains(open, r.Factor) || slices.Contains(open, r.ID)); err != nil {
				return account.Snapshot{}, err
			}
		}
		return p, nil
	})
}

// LoadOne implements store.Store.
func (s *Store) LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error) {
	return s.read(ctx, id, func(p account.Snapshot) (account.Snapshot, error) {
		all := p.Records
		p.Records = nil
		for i := range all {
			if all[i].ID == record {
				p.Records = []account.Record{all[i]}
				return p, s.hand(&p.Records[0], true)
			}
		}
		return p, nil
	})
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

// hand makes a copied record the caller's own, with its payload opened or without.
func (s *Store) hand(r *account.Record, open bool) error {
	r.Services = slices.Clone(r.Services)
	if !open {
		r.Payload = nil
		return nil
	}
	payload, err := s.reader.Vault.OpenPayload(*r)
	if err != nil {
		return s.reader.Tampered(r.Subject, "a payload cannot be opened", r.ID)
	}
	r.Payload = payload
	return nil
}
