package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// personQuery reads a person in one statement, and so at one moment. Records
// whose subject has no row are found too, and are an alarm.
const personQuery = `SELECT s.id IS NOT NULL, COALESCE(s.version, 0), COALESCE(s.invite, 0), s.mac,
	r.id IS NOT NULL, COALESCE(r.id, ''), COALESCE(r.factor, ''), COALESCE(r.label, ''), COALESCE(r.services, ''),
	COALESCE(r.created, 0), COALESCE(r.pending, 0), COALESCE(r.revoked, 0), COALESCE(r.expires, 0),
	COALESCE(r.uses, 0), COALESCE(r.last_used, 0), COALESCE(r.last_from, ''), COALESCE(r.last_agent, ''),
	COALESCE(r.last_service, ''), COALESCE(r.format, 0), r.payload
	FROM (SELECT ? AS id) AS k LEFT JOIN subject AS s ON s.id = k.id LEFT JOIN record AS r ON r.subject = k.id`

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, id account.ID, factors ...string) (account.Snapshot, error) {
	var snapshot account.Snapshot
	err := s.observed("load", func() (err error) {
		snapshot, err = s.load(ctx, id, factors)
		return err
	})
	if err != nil {
		return account.Snapshot{}, unavailable("loading a subject", err)
	}
	return snapshot, nil
}

func (s *Store) load(ctx context.Context, id account.ID, factors []string) (account.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return account.Snapshot{}, err
	}
	p := s.cache.get(id)
	if p == nil {
		before := s.cache.before(id)
		var err error
		if p, err = s.read(ctx, id); err != nil {
			return account.Snapshot{}, err
		}
		if p.Version > 0 { // strangers must not push people out of memory
			s.cache.fill(p, before)
		}
	}
	return s.open(*p, factors)
}

// read reads a person from the database and checks the fingerprint.
func (s *Store) read(ctx context.Context, id account.ID) (*account.Snapshot, error) {
	rows, err := s.query(ctx, personQuery, string(id))
	if err != nil {
		return nil, err
	}
	return s.scanPerson(id, rows)
}

// open copies a person for the caller, with the payloads asked for.
func (s *Store) open(p account.Snapshot, factors []string) (account.Snapshot, error) {
	p.Records = slices.Clone(p.Records)
	for i := range p.Records {
		r := &p.Records[i]
		r.Services = slices.Clone(r.Services)
		if !slices.Contains(factors, r.Factor) {
			r.Payload = nil
			continue
		}
		payload, err := s.vault.OpenPayload(*r)
		if err != nil {
			return account.Snapshot{}, s.tampered(p.Subject, "a payload cannot be opened", "record", r.ID)
		}
		r.Payload = payload
	}
	return p, nil
}

// scanPerson reads the rows of personQuery and checks them.
func (s *Store) scanPerson(id account.ID, rows *sql.Rows) (p *account.Snapshot, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	p = &account.Snapshot{Subject: id}
	var known bool
	var mac []byte
	for rows.Next() {
		var there bool
		r := account.Record{Subject: id}
		var services string
		var created, revoked, expires, used int64
		if err := rows.Scan(&known, &p.Version, &p.InviteRequired, &mac, &there, &r.ID, &r.Factor, &r.Label,
			&services, &created, &r.Pending, &revoked, &expires, &r.Uses, &used, &r.LastFrom, &r.LastAgent,
			&r.LastService, &r.Format, &r.Payload); err != nil {
			return nil, fmt.Errorf("reading a record: %w", err)
		}
		if !there {
			break
		}
		r.Created, r.Revoked = store.Time(created), store.Time(revoked)
		r.Expires, r.LastUsed = store.Time(expires), store.Time(used)
		if r.Services, err = readServices(services); err != nil {
			return nil, s.tampered(id, "a record's services cannot be read", "record", r.ID)
		}
		p.Records = append(p.Records, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	switch {
	case !known && len(p.Records) > 0:
		return nil, s.tampered(id, "records without a subject", "record", p.Records[0].ID)
	case known && !store.Same(mac, s.vault.State(*p)):
		return nil, s.tampered(id, "the fingerprint of the records is wrong")
	}
	sortRecords(p.Records)
	return p, nil
}

// sortRecords puts the oldest record first.
func sortRecords(records []account.Record) {
	slices.SortFunc(records, func(a, b account.Record) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

func writeServices(services []string) (string, error) {
	if len(services) == 0 {
		return "", nil
	}
	b, err := json.Marshal(services)
	return string(b), err
}

func readServices(text string) (services []string, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &services)
	return services, err
}
