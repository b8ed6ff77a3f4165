// Package rows reads what stands in the tables and checks it: everything that
// leaves it is as the store wrote it, or is an error and an alarm.
//
// It writes nothing and decides nothing. Only package sqlite may import it.
package rows

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/bounded"
)

// ErrTampered means rows that are not as the store wrote them. The alarm has
// been given.
var ErrTampered = errors.New("the rows are not as the store wrote them")

// Reader reads rows and checks them. It may be used from many goroutines.
type Reader struct {
	DB    *sql.DB
	Vault store.Vault
	Log   *slog.Logger
	// Alarm is told of what must never happen.
	Alarm func(account.Event)
	// Readers read where somebody waits for an answer.
	Readers *bounded.Readers
	// Networks are the tokens of that kind that were read lately.
	Networks *Cache[account.TokenRef, account.Token]

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// Query runs a prepared statement that is kept for the next time.
func (r *Reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.mu.Lock()
	st := r.prepared[query]
	if st == nil {
		var err error
		if st, err = r.DB.PrepareContext(ctx, query); err != nil {
			r.mu.Unlock()
			return nil, err
		}
		if r.prepared == nil {
			r.prepared = map[string]*sql.Stmt{}
		}
		r.prepared[query] = st
	}
	r.mu.Unlock()
	return st.QueryContext(ctx, args...)
}

// Close lets the statements go.
func (r *Reader) Close() {
	r.Readers.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.prepared {
		if err := st.Close(); err != nil {
			r.Log.Warn("closing a statement", "error", err)
		}
	}
	clear(r.prepared)
}

// Tampered gives the alarm about a subject's rows and returns ErrTampered. The
// record may be none.
func (r *Reader) Tampered(id account.ID, why, record string) error {
	r.Alarm(account.Event{Act: account.ActAlarm, Subject: id, Record: record,
		Note: "the rows of a subject are not as the store wrote them, " + why + "; run: sallyport audit verify"})
	return ErrTampered
}
