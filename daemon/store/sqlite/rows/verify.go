package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// Report is what Verify found.
type Report struct {
	// Events, Subjects, Records and Tokens were looked at.
	Events, Subjects, Records, Tokens int64
	// AuditHead is the Seq of the newest event. Compare it with one that was
	// noted elsewhere: events that are missing at the end together with the
	// note of that end can only be seen from outside.
	AuditHead int64
	// AuditLink is the newest link of the chain, which stands for every event up
	// to that one; nil where there is none.
	AuditLink []byte
	// BrokenEvent is the Seq of the first event that is missing, changed or
	// out of place, 0 if there is none; BrokenWhy says which.
	BrokenEvent int64
	BrokenWhy   string
	// Anchors tells how the anchors fit that were handed in; nil where none were.
	Anchors *trail.Anchors
	// Damage names the first rows, at most 20, that are not as they were
	// written.
	Damage []string
}

// OK tells whether all is as it was written.
func (r Report) OK() bool { return r.BrokenEvent == 0 && len(r.Damage) == 0 }

func (r *Report) damage(format string, args ...any) {
	if len(r.Damage) < 20 {
		r.Damage = append(r.Damage, fmt.Sprintf(format, args...))
	}
}

// Verify walks over everything that is kept, and compares the audit with anchors
// that were kept elsewhere. The error says that it could not look; what it saw is
// in the report.
func (reader *Reader) Verify(ctx context.Context, anchors ...trail.Anchor) (Report, error) {
	var r Report
	if len(anchors) > 0 {
		r.Anchors = trail.Compare(anchors)
	}
	var state string
	if err := reader.DB.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&state); err != nil {
		return r, store.Unavailable("checking the database", err)
	}
	if state != "ok" {
		r.damage("database: %s", state)
	}
	for _, part := range []func(context.Context, *Report) error{reader.verifyAudit, reader.verifyPeople, reader.verifyTokens} {
		if err := part(ctx, &r); err != nil {
			return r, store.Unavailable("verifying", err)
		}
	}
	return r, nil
}

// verifyAudit reads events and their end in one transaction, and so at one
// moment, while the daemon goes on writing.
func (reader *Reader) verifyAudit(ctx context.Context, r *Report) (err error) {
	tx, err := reader.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	w := trail.Walker{Vault: reader.Vault, Anchors: r.Anchors}
	foot, err := end(ctx, tx, "foot")
	if err != nil {
		return err
	}
	w.Begin(foot)
	rows, err := tx.QueryContext(ctx, "SELECT seq, body, mac, redone FROM event ORDER BY seq")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row trail.Row
		if err := rows.Scan(&row.Seq, &row.Body, &row.MAC, &row.Redone); err != nil {
			return err
		}
		r.Events++
		w.Next(row)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	head, err := end(ctx, tx, "head")
	if err != nil {
		return err
	}
	w.End(head)
	r.AuditHead, r.AuditLink, r.BrokenEvent, r.BrokenWhy = w.Seq, w.Link, w.Broken, w.Why
	return nil
}

// Anchor notes where the audit ends, for somewhere else. Before the first event it
// is account.ErrNotFound; an end that is not as it was written is never noted.
func (reader *Reader) Anchor(ctx context.Context, now time.Time) (a trail.Anchor, err error) {
	tx, err := reader.DB.BeginTx(ctx, nil)
	if err != nil {
		return a, err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	head, err := end(ctx, tx, "head")
	if err != nil {
		return a, err
	}
	last := trail.End{}
	err = tx.QueryRowContext(ctx, "SELECT seq, mac FROM event ORDER BY seq DESC LIMIT 1").Scan(&last.Seq, &last.MAC)
	switch {
	case errors.Is(err, sql.ErrNoRows) && head == nil:
		return a, account.ErrNotFound
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return a, err
	case head == nil || head.Seq != last.Seq || !store.Same(head.MAC, last.MAC) || !reader.Vault.IsHead(head.Seq, head.MAC, head.Seal):
		return a, fmt.Errorf("the end of the audit is not as it was written; run: sallyport audit verify: %w", ErrTampered)
	}
	return trail.NewAnchor(reader.Vault, *head, now), nil
}

// Holds tells at a glance whether the audit still has the event of an anchor, or
// begins behind it. The links before it are for Verify to look at.
func (reader *Reader) Holds(ctx context.Context, a trail.Anchor) (bool, error) {
	var link []byte
	err := reader.DB.QueryRowContext(ctx, "SELECT mac FROM event WHERE seq = ?1 UNION ALL SELECT mac FROM foot WHERE seq = ?1", a.Seq).Scan(&link)
	if errors.Is(err, sql.ErrNoRows) {
		err = reader.DB.QueryRowContext(ctx, "SELECT mac FROM foot WHERE seq > ?", a.Seq).Scan(&link)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
	return err == nil && store.Same(link, a.Link), err
}

// end reads the note of where the audit begins or ends; nil where there is none.
func end(ctx context.Context, tx *sql.Tx, table string) (*trail.End, error) {
	e := &trail.End{}
	err := tx.QueryRowContext(ctx, "SELECT seq, mac, seal FROM "+table).Scan(&e.Seq, &e.MAC, &e.Seal)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint // there is none
	}
	return e, err
}

func (reader *Reader) verifyPeople(ctx context.Context, r *Report) error {
	const page = `SELECT id FROM (SELECT id FROM subject UNION SELECT subject FROM record) WHERE id > ? ORDER BY id LIMIT 1000`
	for last := ""; ; {
		ids, err := reader.Texts(ctx, page, last)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			r.Subjects++
			if err := reader.verifyPerson(ctx, account.ID(id), r); err != nil {
				return err
			}
		}
		last = ids[len(ids)-1]
	}
}

func (reader *Reader) verifyPerson(ctx context.Context, id account.ID, r *Report) error {
	p, err := reader.Person(ctx, id)
	if errors.Is(err, ErrTampered) {
		r.damage("subject %s: its rows do not belong together", id)
		return nil
	}
	if err != nil {
		return err
	}
	for _, record := range p.Records {
		r.Records++
		if _, err := reader.Vault.OpenPayload(record); err != nil {
			r.damage("record %s of subject %s: its payload cannot be opened", record.ID, id)
		}
	}
	return nil
}

func (reader *Reader) verifyTokens(ctx context.Context, r *Report) error {
	for _, table := range TokenTables() {
		if err := reader.verifyTable(ctx, table, r); err != nil {
			return err
		}
	}
	return nil
}

func (reader *Reader) verifyTable(ctx context.Context, table string, r *Report) (err error) {
	rows, err := reader.Query(ctx, "SELECT kind, hash, subject, data, created, expires FROM "+table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var t account.Token
		var hash []byte
		var created, expires int64
		if err := rows.Scan(&t.Kind, &hash, &t.Subject, &t.Data, &created, &expires); err != nil {
			return err
		}
		r.Tokens++
		copy(t.Hash[:], hash)
		t.Created, t.Expires = store.Time(created), store.Time(expires)
		if _, err := reader.Vault.OpenToken(t); err != nil || len(hash) != len(t.Hash) {
			r.damage("%s token of subject %s: it is not genuine", t.Kind, t.Subject)
		}
	}
	return rows.Err()
}
