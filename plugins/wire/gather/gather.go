// Package gather puts into one message what several callers have to send at
// about the same time: a message has a price of its own, and on a busy stream
// that was most of what a check cost.
//
// It waits for nobody: a caller who is alone sends at once. It knows nothing of
// what it sends, keeps the order, and starts a goroutine only while callers add
// faster than they are sent. It belongs to package wire, which alone may call
// it.
package gather

import (
	"runtime"
	"sync"
)

// Sender gathers for one send function, which is never called twice at once. It
// is safe for concurrent use.
type Sender[T any] struct {
	limit int
	size  func(T) int
	send  func([]T)

	mu      sync.Mutex
	sending bool
	waiting []T
	spare   []T // the array that is not being waited in
}

// New returns a sender of messages of at most limit bytes, but at least one
// item. What is sent must not be kept.
func New[T any](limit int, size func(T) int, send func([]T)) *Sender[T] {
	return &Sender[T]{limit: limit, size: size, send: send}
}

// Add sends the item soon: before it returns, if nobody is sending. In company, which
// is where others are at work who may have something for the same message, they go
// first; alone, that would only wake another thread for nothing.
func (s *Sender[T]) Add(item T, company bool) {
	s.mu.Lock()
	s.waiting = append(s.waiting, item)
	first := !s.sending
	s.sending = true
	s.mu.Unlock()
	if !first {
		return
	}
	if company {
		runtime.Gosched()
	}
	if s.sendWaiting() {
		go s.rest() // the caller has waited long enough
	}
}

// rest sends until nobody has anything left.
func (s *Sender[T]) rest() {
	for more := true; more; {
		runtime.Gosched()
		more = s.sendWaiting()
	}
}

// sendWaiting sends one message and tells whether there is another.
func (s *Sender[T]) sendWaiting() bool {
	s.mu.Lock()
	all := s.waiting
	n, bytes := 1, s.size(all[0])
	for ; n < len(all); n++ {
		if bytes += s.size(all[n]); bytes > s.limit {
			break
		}
	}
	s.waiting = append(s.spare, all[n:]...)
	s.mu.Unlock()
	s.send(all[:n])
	clear(all) // what was sent is not kept
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = all[:0]
	s.sending = len(s.waiting) > 0
	return s.sending
}
