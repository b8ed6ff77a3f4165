package rows

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Census counts what is good at a time.
func (r *Reader) Census(ctx context.Context, at time.Time) (c store.Census, err error) {
	now := store.Nanos(at)
	if err := r.DB.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM subject),
		(SELECT COUNT(*) FROM sessions WHERE expires > ?),
		(SELECT COALESCE(MAX(seq), 0) FROM event)`, now).Scan(&c.Subjects, &c.Sessions, &c.AuditHead); err != nil {
		return c, err
	}
	found, err := r.Query(ctx, `SELECT factor, COUNT(DISTINCT subject), COUNT(*) FROM record WHERE pending = 0
		AND revoked = 0 AND uses <> 0 AND (expires = 0 OR expires > ?) GROUP BY factor`, now)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	c.Factors = map[string]store.FactorCount{}
	for found.Next() {
		var kind string
		var n store.FactorCount
		if err := found.Scan(&kind, &n.Subjects, &n.Records); err != nil {
			return c, err
		}
		c.Factors[kind] = n
	}
	return c, found.Err()
}

// Swept is the newest time that was ever swept by. Before the first it is that
// of the newest event, and zero where there is none.
func (r *Reader) Swept(ctx context.Context) (time.Time, error) {
	var text []byte
	err := r.DB.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'swept'").Scan(&text)
	if err == nil {
		var nanos int64
		if nanos, err = strconv.ParseInt(string(text), 10, 64); err == nil {
			return store.Time(nanos), nil
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = r.DB.QueryRowContext(ctx, "SELECT body FROM event ORDER BY seq DESC LIMIT 1").Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return time.Time{}, nil
		}
		var e account.Event
		if err == nil {
			e, err = store.ParseEvent(text)
		}
		if err == nil {
			return e.At, nil
		}
	}
	return time.Time{}, store.Unavailable("reading when the store was swept", err)
}
