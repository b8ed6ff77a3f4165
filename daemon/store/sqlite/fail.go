package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Fail implements store.Store.
func (s *Store) Fail(ctx context.Context, t account.Try) (int64, time.Duration, error) {
	var number int64
	var wait time.Duration
	err := s.observed("fail", func() error {
		if t.Allow == nil {
			return unavailable("counting a try", errors.New("nobody says whether it is allowed"))
		}
		f := &fail{Try: t}
		if err := s.writer.submit(ctx, f.run); err != nil {
			return err // the writer may still be at f
		}
		number, wait = f.number, f.wait
		return nil
	})
	return number, wait, err
}

type fail struct {
	account.Try
	number int64
	wait   time.Duration
}

func (f *fail) run(b *batch) error {
	rows, err := b.query("SELECT at FROM attempt WHERE bucket = ? AND at >= ? ORDER BY at, number", f.Bucket, store.Nanos(f.Since))
	if err != nil {
		return fmt.Errorf("reading tries: %w", err)
	}
	earlier, err := scanTimes(rows)
	if err != nil {
		return fmt.Errorf("reading tries: %w", err)
	}
	if f.wait, err = f.allow(earlier); err != nil {
		return refuse(err)
	}
	if f.wait > 0 {
		return nil
	}
	result, err := b.execCount("INSERT INTO attempt (bucket, at) VALUES (?, ?)", f.Bucket, store.Nanos(f.At))
	if err != nil {
		return fmt.Errorf("counting a try: %w", err)
	}
	f.number, err = result.LastInsertId()
	return err
}

// allow asks the rule; one that panics must not take the writer with it.
func (f *fail) allow(earlier []time.Time) (wait time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = unavailable("counting a try", fmt.Errorf("the rule failed: %v", p))
		}
	}()
	return f.Allow(earlier), nil
}

func scanTimes(rows *sql.Rows) (times []time.Time, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return nil, err
		}
		times = append(times, store.Time(at))
	}
	return times, rows.Err()
}
