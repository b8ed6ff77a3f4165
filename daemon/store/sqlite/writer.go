package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// queueSize bounds who may wait; beyond it callers wait to be let in.
	queueSize = 1024
	// batchSize bounds how many wait for one COMMIT.
	batchSize = 256
	// checkpointAt is the size of the log in bytes at which it is copied into
	// the database beside the writer.
	checkpointAt = 4 << 20
	// checkpointNow is the size at which the writer stops for it: under
	// unbroken load the checkpoints beside it may never catch up.
	checkpointNow = 256 << 20
)

// op is one piece of work for the writer. run checks first and writes second:
// an error marked by refuse says that nothing was written, any other error
// spoils the transaction.
type op struct {
	ctx   context.Context
	run   func(*batch) error
	state atomic.Int32 // waiting, started, given up
	done  chan error   // has room for the one answer
}

const (
	waiting int32 = iota
	started
	givenUp
)

// refusal is an answer that leaves the transaction as it was.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func refuse(err error) error { return refusal{err} }

// writer is the one goroutine that writes.
type writer struct {
	store   *Store
	queue   chan *op
	stop    chan struct{} // closed by Close
	gone    chan struct{} // closed when the writer has ended
	kick    chan struct{} // wakes the checkpointer
	batches int
	session *session
}

// submit waits for the writer's answer. What the op's run has set may be read
// only if there is no error of ctx.
func (w *writer) submit(ctx context.Context, run func(*batch) error) error {
	o := &op{ctx: ctx, run: run, done: make(chan error, 1)}
	select {
	case w.queue <- o:
	case <-ctx.Done():
		return unavailable("waiting for the writer", context.Cause(ctx))
	case <-w.stop:
		return unavailable("writing", errClosed)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		o.state.CompareAndSwap(waiting, givenUp)
		return unavailable("waiting for the writer", context.Cause(ctx))
	case <-w.gone:
		select {
		case err := <-o.done: // it was answered just before
			return err
		default:
			return unavailable("writing", errClosed)
		}
	}
}

func (w *writer) run() {
	defer close(w.gone)
	defer func() { w.dropSession() }()
	ops := make([]*op, 0, batchSize)
	for {
		select {
		case o := <-w.queue:
			ops = append(ops[:0], o)
		case <-w.stop:
			return
		}
		// Those who were answered by the last COMMIT are just coming back:
		// letting them run first makes the batches large under load.
		runtime.Gosched()
		ops = w.gather(ops)
		w.do(ops)
		clear(ops)
		if w.batches++; w.batches%32 == 0 {
			w.checkpoint()
		}
	}
}

func (w *writer) gather(ops []*op) []*op {
	for len(ops) < batchSize {
		select {
		case o := <-w.queue:
			ops = append(ops, o)
		default:
			return ops
		}
	}
	return ops
}

// do runs the ops in one transaction. If that fails, each has one of its own,
// so that one that cannot be written does not take the others with it.
func (w *writer) do(ops []*op) {
	live := ops[:0]
	for _, o := range ops {
		if o.ctx.Err() == nil && o.state.CompareAndSwap(waiting, started) {
			live = append(live, o)
		} else {
			o.done <- unavailable("waiting for the writer", context.Canceled)
		}
	}
	if len(live) == 0 || w.together(live) == nil {
		return
	}
	for _, o := range live {
		if err := w.together([]*op{o}); err != nil {
			o.done <- err
		}
	}
}

// together runs ops in one transaction and answers them after its COMMIT. With
// an error, nothing is written and nobody has been answered.
func (w *writer) together(ops []*op) error {
	b, err := w.begin()
	if err != nil {
		return err
	}
	answers := make([]error, len(ops))
	for i, o := range ops {
		err := o.run(b)
		var no refusal
		if errors.As(err, &no) {
			answers[i] = no.error
			continue
		}
		if err != nil {
			return w.undo(b, err)
		}
	}
	if err := b.finish(); err != nil {
		return w.undo(b, err)
	}
	if err := w.session.exec("COMMIT"); err != nil {
		return w.undo(b, err)
	}
	b.publish()
	for i, o := range ops {
		o.done <- answers[i]
	}
	return nil
}

func (w *writer) begin() (*batch, error) {
	if w.session == nil {
		conn, err := w.store.db.write.Conn(context.Background())
		if err != nil {
			return nil, unavailable("connecting to the database", err)
		}
		w.session = &session{conn: conn, statements: map[string]*sql.Stmt{}}
	}
	if err := w.session.exec("BEGIN IMMEDIATE"); err != nil {
		w.dropSession()
		return nil, unavailable("beginning a transaction", err)
	}
	return newBatch(w.store, w.session), nil
}

func (w *writer) undo(b *batch, cause error) error {
	if err := w.session.exec("ROLLBACK"); err != nil {
		// Some errors have rolled back already; a fresh connection is sure.
		w.dropSession()
	}
	b.forget()
	return unavailable("writing", cause)
}

func (w *writer) dropSession() {
	if w.session == nil {
		return
	}
	if err := w.session.close(); err != nil {
		w.store.log.Warn("closing a database connection", "error", err)
	}
	w.session = nil
}

// checkpoint keeps the log small: beside the writer while that is enough.
func (w *writer) checkpoint() {
	info, err := os.Stat(w.store.db.config.Path + "-wal")
	if err != nil || info.Size() < checkpointAt {
		return
	}
	if info.Size() >= checkpointNow && w.session != nil {
		if err := w.session.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			w.store.log.Warn("checkpointing the database", "error", err)
		}
		return
	}
	select {
	case w.kick <- struct{}{}:
	default: // it is at it
	}
}

// checkpoints copies the log into the database on a connection of its own,
// whenever the writer asks.
func (w *writer) checkpoints() {
	for {
		select {
		case <-w.kick:
		case <-w.gone:
			return
		}
		if _, err := w.store.db.write.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			w.store.log.Warn("checkpointing the database", "error", err)
		}
	}
}

// session is a connection with its prepared statements. It takes no context:
// what has begun is finished, and a context would cost the driver a goroutine
// a statement.
type session struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if st, ok := s.statements[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.statements[query] = st
	return st, nil
}

func (s *session) exec(query string, args ...any) error {
	_, err := s.execCount(query, args...)
	return err
}

func (s *session) execCount(query string, args ...any) (sql.Result, error) {
	st, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.Exec(args...)
}

func (s *session) query(query string, args ...any) (*sql.Rows, error) {
	st, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.Query(args...)
}

func (s *session) close() error {
	var errs []error
	for _, st := range s.statements {
		errs = append(errs, st.Close())
	}
	// A connection that a failed transaction is left on must not go back to
	// the pool as if nothing were.
	if err := s.conn.Raw(func(any) error { return errBad }); err != nil && !errors.Is(err, errBad) {
		errs = append(errs, err)
	}
	if err := s.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// unavailable says what was being done, and marks the error for callers.
func unavailable(doing string, err error) error {
	if errors.Is(err, account.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", doing, account.ErrUnavailable, err)
}
