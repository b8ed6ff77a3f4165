package rows

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

// PersonQuery reads a person in one statement, and so at one moment. Records
// whose subject has no row are found too, and are an alarm.
const PersonQuery = `SELECT s.id IS NOT NULL, COALESCE(s.version, 0), COALESCE(s.invite, 0), COALESCE(s.synced, 0), s.mac,
	r.id IS NOT NULL, COALESCE(r.id, ''), COALESCE(r.factor, ''), COALESCE(r.label, ''), COALESCE(r.services, ''),
	COALESCE(r.created, 0), COALESCE(r.pending, 0), COALESCE(r.revoked, 0), COALESCE(r.expires, 0),
	COALESCE(r.uses, 0), COALESCE(r.last_used, 0), COALESCE(r.last_from, ''), COALESCE(r.last_agent, ''),
	COALESCE(r.last_service, ''), COALESCE(r.format, 0), r.payload, COALESCE(r.device, '')
	FROM (SELECT ? AS id) AS k LEFT JOIN subject AS s ON s.id = k.id LEFT JOIN record AS r ON r.subject = k.id`

// Person reads a person from the database and checks the fingerprint. Payloads
// stay sealed.
func (r *Reader) Person(ctx context.Context, id account.ID) (*account.Snapshot, error) {
	rows, err := r.Query(ctx, PersonQuery, string(id))
	if err != nil {
		return nil, err
	}
	return r.ScanPerson(id, rows)
}

// ScanPerson reads the rows of PersonQuery and checks them.
func (reader *Reader) ScanPerson(id account.ID, rows *sql.Rows) (p *account.Snapshot, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	p = &account.Snapshot{Subject: id}
	var known bool
	var mac []byte
	for rows.Next() {
		var there bool
		r := account.Record{Subject: id}
		var services string
		var created, revoked, expires, used int64
		if err := rows.Scan(&known, &p.Version, &p.InviteRequired, &p.Synced, &mac, &there, &r.ID, &r.Factor, &r.Label,
			&services, &created, &r.Pending, &revoked, &expires, &r.Uses, &used, &r.LastFrom, &r.LastAgent,
			&r.LastService, &r.Format, &r.Payload, &r.Device); err != nil {
			return nil, fmt.Errorf("reading a record: %w", err)
		}
		if !there {
			break
		}
		r.Created, r.Revoked = store.Time(created), store.Time(revoked)
		r.Expires, r.LastUsed = store.Time(expires), store.Time(used)
		if r.Services, err = readServices(services); err != nil {
			return nil, reader.Tampered(id, "a record's services cannot be read", r.ID)
		}
		p.Records = append(p.Records, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	switch {
	case !known && len(p.Records) > 0:
		return nil, reader.Tampered(id, "records without a subject", p.Records[0].ID)
	case known && !reader.Vault.IsState(*p, mac):
		return nil, reader.Tampered(id, "the fingerprint of the records is wrong", "")
	}
	SortRecords(p.Records)
	return p, nil
}

// SortRecords puts the oldest record first.
func SortRecords(records []account.Record) {
	slices.SortFunc(records, func(a, b account.Record) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// WriteServices writes services as they stand in the table.
func WriteServices(services []string) (string, error) {
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
