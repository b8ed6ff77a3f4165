// Package tries counts durably what can be guessed. What was counted lately it
// keeps in memory, too: every login counts two tries before they are verified,
// and takes them back.
//
// It knows no limit and allows nothing: that is package throttle. It belongs to
// package sqlite, whose one writing goroutine alone may use it; that no other
// process writes to the file is why memory may be believed.
package tries

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/group"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
)

const (
	// mostKept is how many tries of one bucket are kept in memory: more has only
	// somebody who is being guessed at for long.
	mostKept = 512
	// atOnce is how many tries Sweep looks at.
	atOnce = 1000
)

// history is all tries of a bucket since a time, in their order. It is never
// written to, only replaced.
type history struct {
	since int64
	tries []try
}

// try is when, in nanoseconds, and which.
type try struct{ at, number int64 }

func earlier(a, b try) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) }

// Counter remembers what is in the table of tries.
type Counter struct {
	kept *rows.Cache[string, history]
	// last is the last number given. None is given twice, or a late refund would
	// take back somebody else's try; after a restart nobody is left to ask for one.
	last  int64
	names names
}

// New makes one that keeps at most so many rows, at least one.
func New(most int) *Counter {
	return &Counter{kept: rows.NewCache[string](most, func(h *history) int { return 1 + len(h.tries) })}
}

// Book is the counter in one transaction.
type Book struct {
	*group.Session
	counter *Counter
	// changed is as this transaction leaves it; nil where memory is to forget.
	changed map[string]*history
	swept   bool // tries are gone that memory may hold
}

// Open begins what is counted in the session's next transaction.
func (c *Counter) Open(session *group.Session) *Book {
	return &Book{Session: session, counter: c, changed: map[string]*history{}}
}

// Since returns the times of the bucket's tries since then, oldest first.
func (b *Book) Since(bucket string, since time.Time) ([]time.Time, error) {
	from := store.Nanos(since)
	h := b.known(bucket)
	if h == nil || h.since > from {
		var err error
		if h, err = b.read(bucket, from); err != nil {
			return nil, fmt.Errorf("reading tries: %w", err)
		}
		b.keep(bucket, h)
	}
	var times []time.Time
	for _, t := range h.tries {
		if t.at >= from {
			times = append(times, store.Time(t.at))
		}
	}
	return times, nil
}

// known is what memory holds of a bucket, or nil.
func (b *Book) known(bucket string) *history {
	if h, ok := b.changed[bucket]; ok {
		return h
	}
	return b.counter.kept.Get(bucket)
}

func (b *Book) keep(bucket string, h *history) {
	if len(h.tries) > mostKept {
		h = nil
	}
	b.changed[bucket] = h
}

func (b *Book) read(bucket string, since int64) (h *history, err error) {
	found, err := b.Query("SELECT at, number FROM attempt WHERE bucket = ? AND at >= ? ORDER BY number", bucket, since)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	h = &history{since: since}
	for found.Next() {
		var t try
		if err := found.Scan(&t.at, &t.number); err != nil {
			return nil, err
		}
		h.tries = append(h.tries, t)
	}
	// They lie in this order already, but where a clock was set back.
	slices.SortFunc(h.tries, earlier)
	return h, found.Err()
}

// Add counts a try and returns its number.
func (b *Book) Add(bucket string, at time.Time) (int64, error) {
	if b.counter.last == 0 {
		if err := b.QueryRow("SELECT IFNULL(MAX(number), 0) FROM attempt").Scan(&b.counter.last); err != nil {
			return 0, fmt.Errorf("numbering a try: %w", err)
		}
	}
	b.counter.last++
	t := try{store.Nanos(at), b.counter.last}
	if err := b.Exec("INSERT INTO attempt (bucket, number, at) VALUES (?, ?, ?)", bucket, t.number, t.at); err != nil {
		return 0, fmt.Errorf("counting a try: %w", err)
	}
	b.counter.names.add(t.number, bucket)
	if h := b.known(bucket); h != nil {
		place, _ := slices.BinarySearchFunc(h.tries, t, earlier)
		b.keep(bucket, &history{since: h.since, tries: slices.Insert(slices.Clone(h.tries), place, t)})
	}
	return t.number, nil
}

// Refund takes back the tries of these numbers, in whatever bucket they are.
func (b *Book) Refund(numbers []int64) error {
	for _, number := range numbers {
		if err := b.strike(number); err != nil {
			return fmt.Errorf("refunding a try: %w", err)
		}
	}
	return nil
}

func (b *Book) strike(number int64) error {
	bucket, known := b.counter.names.take(number)
	if !known {
		err := b.QueryRow("SELECT bucket FROM attempt WHERE number = ?", number).Scan(&bucket)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if h := b.known(bucket); h != nil {
		left := slices.DeleteFunc(slices.Clone(h.tries), func(t try) bool { return t.number == number })
		b.keep(bucket, &history{since: h.since, tries: left})
	}
	return b.Exec("DELETE FROM attempt WHERE bucket = ? AND number = ?", bucket, number)
}

// Clear takes back every try in the bucket.
func (b *Book) Clear(bucket string) error {
	b.changed[bucket] = nil
	if err := b.Exec("DELETE FROM attempt WHERE bucket = ?", bucket); err != nil {
		return fmt.Errorf("clearing tries: %w", err)
	}
	return nil
}

// Sweep deletes what is older, in the next buckets after that one, and returns
// the last bucket that it has looked at, or "" at the end. There is no index by
// time: it would be written twice a login, and is wanted once an hour.
func (b *Book) Sweep(after string, older time.Time) (string, error) {
	var last string
	err := b.QueryRow("SELECT IFNULL(MAX(bucket), '') FROM (SELECT bucket FROM attempt WHERE bucket > ? ORDER BY bucket LIMIT ?)",
		after, atOnce).Scan(&last)
	if err != nil || last == "" {
		return "", err
	}
	b.swept = true
	return last, b.Exec("DELETE FROM attempt WHERE bucket > ? AND bucket <= ? AND at < ?", after, last, store.Nanos(older))
}

// Publish keeps what the transaction has left.
func (b *Book) Publish() {
	b.counter.kept.Publish(b.changed)
	if b.swept {
		b.counter.kept.Clear()
	}
}

// Forget makes Publish drop what the failed transaction touched.
func (b *Book) Forget() {
	for bucket := range b.changed {
		b.changed[bucket] = nil
	}
}
