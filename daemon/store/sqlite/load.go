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
	var snapshot account.Snapshot
	err := s.observed("load", func() (err error) {
		snapshot, err = s.load(ctx, id, open)
		return err
	})
	if err != nil {
		return account.Snapshot{}, store.Unavailable("loading a subject", err)
	}
	return snapshot, nil
}

func (s *Store) load(ctx context.Context, id account.ID, open []string) (account.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return account.Snapshot{}, err
	}
	p := s.cache.Get(id)
	if p == nil {
		before := s.cache.Before(id)
		var err error
		if p, err = bounded.Read(ctx, s.reader.Readers, func(ctx context.Context) (*account.Snapshot, error) { return s.reader.Person(ctx, id) }); err != nil {
			return account.Snapshot{}, err
		}
		if p.Version > 0 { // strangers must not push people out of memory
			s.cache.Fill(id, p, before)
		}
	}
	return s.open(*p, open)
}

// open copies a person for the caller, with the payloads asked for.
func (s *Store) open(p account.Snapshot, open []string) (account.Snapshot, error) {
	p.Records = slices.Clone(p.Records)
	for i := range p.Records {
		r := &p.Records[i]
		r.Services = slices.Clone(r.Services)
		if !slices.Contains(open, r.Factor) && !slices.Contains(open, r.ID) {
			r.Payload = nil
			continue
		}
		payload, err := s.reader.Vault.OpenPayload(*r)
		if err != nil {
			return account.Snapshot{}, s.reader.Tampered(p.Subject, "a payload cannot be opened", r.ID)
		}
		r.Payload = payload
	}
	return p, nil
}
