// Package group commits for many at once: one goroutine writes, and all that
// wait share one transaction and one flush of the disk.
//
// It knows SQLite's transactions, log and checkpoints, and nothing of what is
// written. Only package sqlite may import it.
package group

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/daemon/store"
)

var errClosed = errors.New("the store is closed")

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
// an error marked by Refuse says that nothing was written, any other error
// spoils the transaction.
type op[B Batch] struct {
	ctx   context.Context
	run   func(B) error
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

// Refuse marks an error of which the transaction need not know.
func Refuse(err error) error { return refusal{err} }

// Batch is what the ops of one transaction share.
type Batch interface {
	// Finish writes what is written once a transaction, right before COMMIT.
	Finish() error
	// Publish is called when COMMIT has returned, before anybody is answered.
	Publish()
	// Forget is called when the transaction has failed. Whether a COMMIT that
	// failed was written is for the database to say.
	Forget()
}

// Config says what a Writer works on.
type Config[B Batch] struct {
	DB *sql.DB
	// Path is the database file.
	Path string
	Log  *slog.Logger
	// Begin makes what the ops of the next transaction share.
	Begin func(*Session) B
}

// Writer is the one goroutine that writes.
type Writer[B Batch] struct {
	Config[B]
	queue   chan *op[B]
	stop    chan struct{} // closed by Close
	gone    chan struct{} // closed when the writer has ended
	kick    chan struct{} // wakes the checkpointer
	once    sync.Once
	batches int
	session *Session
	helper  sync.WaitGroup
}

// New starts a writer.
func New[B Batch](c Config[B]) *Writer[B] {
	w := &Writer[B]{
		Config: c, queue: make(chan *op[B], queueSize), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), gone: make(chan struct{}),
	}
	go w.run()
	w.helper.Go(w.checkpoints)
	return w
}

// Backlog is how many wait for the writer.
func (w *Writer[B]) Backlog() int { return len(w.queue) }

// Close ends the writer after the transaction it is in. Who still waits is
// told ErrUnavailable.
func (w *Writer[B]) Close() {
	w.once.Do(func() { close(w.stop) })
	<-w.gone
	w.helper.Wait()
}

// Submit has run called in a transaction and waits for its COMMIT. run checks
// first and writes second: an error from Refuse says that nothing was written,
// any other spoils the transaction. Nothing that run has set may be read after
// an error, because the writer may still be at it.
func (w *Writer[B]) Submit(ctx context.Context, run func(B) error) error {
	o := &op[B]{ctx: ctx, run: run, done: make(chan error, 1)}
	select {
	case w.queue <- o:
	case <-ctx.Done():
		return store.Unavailable("waiting for the writer", context.Cause(ctx))
	case <-w.stop:
		return store.Unavailable("writing", errClosed)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		o.state.CompareAndSwap(waiting, givenUp)
		return store.Unavailable("waiting for the writer", context.Cause(ctx))
	case <-w.gone:
		select {
		case err := <-o.done: // it was answered just before
			return err
		default:
			return store.Unavailable("writing", errClosed)
		}
	}
}

func (w *Writer[B]) run() {
	defer close(w.gone)
	defer func() { w.dropSession() }()
	ops := make([]*op[B], 0, batchSize)
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

func (w *Writer[B]) gather(ops []*op[B]) []*op[B] {
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
func (w *Writer[B]) do(ops []*op[B]) {
	live := ops[:0]
	for _, o := range ops {
		if o.ctx.Err() == nil && o.state.CompareAndSwap(waiting, started) {
			live = append(live, o)
		} else {
			o.done <- store.Unavailable("waiting for the writer", context.Canceled)
		}
	}
	if len(live) == 0 || w.together(live) == nil {
		return
	}
	for _, o := range live {
		if err := w.together([]*op[B]{o}); err != nil {
			o.done <- err
		}
	}
}

// together runs ops in one transaction and answers them after its COMMIT. With
// an error, nothing is written and nobody has been answered.
func (w *Writer[B]) together(ops []*op[B]) error {
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
	if err := b.Finish(); err != nil {
		return w.undo(b, err)
	}
	if err := w.session.Exec("COMMIT"); err != nil {
		return w.undo(b, err)
	}
	b.Publish()
	for i, o := range ops {
		o.done <- answers[i]
	}
	return nil
}

func (w *Writer[B]) begin() (b B, err error) {
	if w.session == nil {
		conn, err := w.DB.Conn(context.Background())
		if err != nil {
			return b, store.Unavailable("connecting to the database", err)
		}
		w.session = &Session{conn: conn, statements: map[string]*sql.Stmt{}}
	}
	if err := w.session.Exec("BEGIN IMMEDIATE"); err != nil {
		w.dropSession()
		return b, store.Unavailable("beginning a transaction", err)
	}
	return w.Begin(w.session), nil
}

func (w *Writer[B]) undo(b B, cause error) error {
	if err := w.session.Exec("ROLLBACK"); err != nil {
		// Some errors have rolled back already; a fresh connection is sure.
		w.dropSession()
	}
	b.Forget()
	return store.Unavailable("writing", cause)
}

func (w *Writer[B]) dropSession() {
	if w.session == nil {
		return
	}
	if err := w.session.close(); err != nil {
		w.Log.Warn("closing a database connection", "error", err)
	}
	w.session = nil
}

// checkpoint keeps the log small: beside the writer while that is enough.
func (w *Writer[B]) checkpoint() {
	info, err := os.Stat(w.Path + "-wal")
	if err != nil || info.Size() < checkpointAt {
		return
	}
	if info.Size() >= checkpointNow && w.session != nil {
		if err := w.session.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			w.Log.Warn("checkpointing the database", "error", err)
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
func (w *Writer[B]) checkpoints() {
	for {
		select {
		case <-w.kick:
		case <-w.gone:
			return
		}
		if _, err := w.DB.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			w.Log.Warn("checkpointing the database", "error", err)
		}
	}
}
