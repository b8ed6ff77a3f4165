package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

var (
	errClosed   = errors.New("the store is closed")
	errTampered = errors.New("the rows are not as the store wrote them")
	errBad      = driver.ErrBadConn
)

// Store is the store.Store on a DB.
type Store struct {
	db     *DB
	log    *slog.Logger
	vault  store.Vault
	cache  *cache
	head   atomic.Pointer[auditHead] // nil until it is read
	writer *writer
	life   context.Context // of the writer's own reads; never cancelled
	once   sync.Once

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // on db.read
}

var _ store.Store = (*Store)(nil)

func newStore(db *DB, sealer store.Sealer) *Store {
	s := &Store{
		db: db, log: db.config.Log, cache: newCache(db.config.CacheRows), life: context.Background(),
		vault:    store.Vault{Sealer: sealer, Instance: db.instance},
		prepared: map[string]*sql.Stmt{},
	}
	s.writer = &writer{
		store: s, queue: make(chan *op, queueSize), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), gone: make(chan struct{}),
	}
	go s.writer.run()
	go s.writer.checkpoints()
	return s
}

// Backlog is how many operations wait for the writer.
func (s *Store) Backlog() int { return len(s.writer.queue) }

// Close ends the writer after the transaction it is in. Who still waits is
// told ErrUnavailable.
func (s *Store) Close() {
	s.once.Do(func() { close(s.writer.stop) })
	<-s.writer.gone
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.prepared {
		if err := st.Close(); err != nil {
			s.log.Warn("closing a statement", "error", err)
		}
	}
	clear(s.prepared)
}

// query runs a prepared statement of the reading side.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.mu.Lock()
	st := s.prepared[query]
	if st == nil {
		var err error
		if st, err = s.db.read.PrepareContext(ctx, query); err != nil {
			s.mu.Unlock()
			return nil, err
		}
		s.prepared[query] = st
	}
	s.mu.Unlock()
	return st.QueryContext(ctx, args...)
}

// observed runs do and tells the observer about it.
func (s *Store) observed(name string, do func() error) error {
	observe := s.db.config.Observe
	if observe == nil {
		return do()
	}
	start := s.db.config.Now()
	err := do()
	observe(name, s.db.config.Now().Sub(start), err)
	return err
}

// alarm tells the operator of what must never happen.
func (s *Store) alarm(what string, args ...any) {
	s.log.Error("alarm: "+what, args...)
}

func (s *Store) tampered(id account.ID, why string, args ...any) error {
	s.alarm("the rows of a subject are not as the store wrote them; run: sallyport audit verify",
		append([]any{"subject", string(id), "why", why}, args...)...)
	return errTampered
}
