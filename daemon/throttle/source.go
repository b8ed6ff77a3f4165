package throttle

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// wide is how many times more a whole network may send than one address.
const wide = 8

// MaySend tells how long the source has to wait before its next try; 0 means
// that it may go ahead. It counts nothing. Service and who stand in where the
// protocol carries no address, so that people behind one peer do not share one
// budget. Who must be one text for all spellings of a login: it is compared as
// it is.
func (t *Throttle) MaySend(c account.Client, service, who string) time.Duration {
	now := t.now()
	var wait time.Duration
	for _, k := range t.keys(c, service, who) {
		wait = max(wait, t.sources.wait(k, now))
	}
	return wait
}

// Slow counts one wrong secret against the source.
func (t *Throttle) Slow(c account.Client, service, who string) {
	now := t.now()
	t.fleet.wrong(now)
	for _, k := range t.keys(c, service, who) {
		t.sources.spend(k, now)
	}
}

// key is one bucket of the sketch: what is counted, and its rate.
type key struct {
	text string
	// every is the time that one wrong secret costs.
	every time.Duration
}

// idlePerMinute is how often one address may send what cannot be right. It bounds
// what that costs, and not what could be guessed: ten thousand people on the morning
// after a deadline, whose programs all send the normal password, keep nobody out who
// is behind the same address.
const idlePerMinute = 6000

// Idle counts one secret that nobody has to verify, since it is right nowhere where
// it was sent, or says how long its source has to wait. It is no wrong secret.
func (t *Throttle) Idle(c account.Client) time.Duration { return t.idle.Step(c) }

func (t *Throttle) keys(c account.Client, service, who string) []key {
	every := time.Minute / time.Duration(t.limits.Load().SourcePerMinute)
	if t.fleet.tight(t.now()) {
		every = min(burst, every*tight)
	}
	if !c.Network().IsValid() {
		return []key{{text: "who\x00" + service + "\x00" + who, every: every}}
	}
	return around(c, every)
}

// sketch holds a leaky bucket for every key in fixed memory. Each row maps a
// key to one cell; the least of a key's cells is its bucket. Keys can share
// cells and then only look busier than they are; noise evicts nobody.
type sketch struct {
	mu   sync.Mutex
	seed [rows]maphash.Seed
	// cell is when the bucket is empty again, in nanoseconds.
	cell [rows][cells]int64
	// last is the latest time seen, in nanoseconds.
	last int64
}

const (
	rows  = 4
	cells = 1 << 16 // 2 MB in all
	// burst is how far a bucket may run ahead: one minute's worth.
	burst = time.Minute
	// settled is how far apart two goroutines can read one clock; what goes
	// back further is a clock that was put right.
	settled = time.Second
)

func newSketch() *sketch {
	s := &sketch{}
	for i := range s.seed {
		s.seed[i] = maphash.MakeSeed()
	}
	return s
}

func (s *sketch) least(k key) (int64, [rows]*int64) {
	var at [rows]*int64
	least := int64(1<<63 - 1)
	for i := range at {
		at[i] = &s.cell[i][maphash.String(s.seed[i], k.text)%cells]
		least = min(least, *at[i])
	}
	return least, at
}

// turn takes the buckets along with a clock that was set back, so that nobody
// waits for a time that had never come.
func (s *sketch) turn(now int64) {
	back := s.last - now
	if back > int64(settled) {
		for i := range s.cell {
			for j := range s.cell[i] {
				s.cell[i][j] -= back
			}
		}
	}
	if back < 0 || back > int64(settled) {
		s.last = now
	}
}

// wait tells how long until the bucket has room for one more.
func (s *sketch) wait(k key, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now.UnixNano())
	empty, _ := s.least(k)
	return max(0, time.Duration(empty-now.UnixNano())+k.every-burst)
}

func (s *sketch) spend(k key, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now.UnixNano())
	empty, at := s.least(k)
	empty = max(empty, now.UnixNano()) + int64(k.every)
	for _, c := range at {
		*c = max(*c, empty)
	}
}
