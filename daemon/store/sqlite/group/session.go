package group

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// Session is a connection with its prepared statements. It takes no context:
// what has begun is finished, and a context would cost the driver a goroutine
// a statement.
type Session struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func (s *Session) prepare(query string) (*sql.Stmt, error) {
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

// Exec runs a statement.
func (s *Session) Exec(query string, args ...any) error {
	_, err := s.Run(query, args...)
	return err
}

// Run runs a statement and tells what it did.
func (s *Session) Run(query string, args ...any) (sql.Result, error) {
	st, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.Exec(args...)
}

// Query runs a statement that gives rows; the caller closes them.
func (s *Session) Query(query string, args ...any) (*sql.Rows, error) {
	st, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.Query(args...)
}

// QueryRow runs a statement that gives one row. It is not kept.
func (s *Session) QueryRow(query string, args ...any) *sql.Row {
	return s.conn.QueryRowContext(context.Background(), query, args...)
}

func (s *Session) close() error {
	var errs []error
	for _, st := range s.statements {
		errs = append(errs, st.Close())
	}
	// A connection that a failed transaction is left on must not go back to
	// the pool as if nothing were.
	if err := s.conn.Raw(func(any) error { return driver.ErrBadConn }); err != nil && !errors.Is(err, driver.ErrBadConn) {
		errs = append(errs, err)
	}
	if err := s.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
