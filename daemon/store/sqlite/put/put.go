// Package put writes rows as package rows reads them.
//
// It decides nothing and commits nothing: the transaction is its caller's. Only
// package sqlite may import it.
package put

import (
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

// Execer runs a statement in a transaction.
type Execer interface {
	Exec(query string, args ...any) error
}

// Subject inserts or replaces the row of a person, but not their records; mac is
// the fingerprint of all that.
func Subject(b Execer, p *account.Snapshot, mac []byte) error {
	return b.Exec(`INSERT INTO subject (id, version, invite, synced, mac) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)
		DO UPDATE SET version = excluded.version, invite = excluded.invite, synced = excluded.synced, mac = excluded.mac`,
		string(p.Subject), p.Version, p.InviteRequired, p.Synced, mac)
}

// Record inserts or replaces a record, payload sealed. An id that somebody else has is an error of
// the database, because ids are unique in the installation.
func Record(b Execer, r account.Record) error {
	services, err := rows.WriteServices(r.Services)
	if err != nil {
		return err
	}
	return b.Exec(`INSERT INTO record (subject, id, factor, label, services, created, pending, revoked, expires,
		uses, last_used, last_from, last_agent, last_service, format, payload, device)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (subject, id) DO UPDATE SET factor = excluded.factor, label = excluded.label,
		services = excluded.services, created = excluded.created, pending = excluded.pending,
		revoked = excluded.revoked, expires = excluded.expires, uses = excluded.uses,
		last_used = excluded.last_used, last_from = excluded.last_from, last_agent = excluded.last_agent,
		last_service = excluded.last_service, format = excluded.format, payload = excluded.payload, device = excluded.device`,
		string(r.Subject), r.ID, r.Factor, r.Label, services, store.Nanos(r.Created), r.Pending,
		store.Nanos(r.Revoked), store.Nanos(r.Expires), r.Uses, store.Nanos(r.LastUsed), r.LastFrom, r.LastAgent,
		r.LastService, r.Format, r.Payload, r.Device)
}
