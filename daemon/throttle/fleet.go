package throttle

import (
	"sync"
	"time"
)

// fleet watches how many wrong secrets come in altogether. While the last full
// minute brought surge times more than is usual, sources and passwords from
// unfamiliar networks have tight times less room. Nobody is closed out, and a
// familiar network keeps its budget.
type fleet struct {
	mu sync.Mutex
	// minute is the one being counted, since 1970; count is its wrong secrets.
	minute int64
	count  float64
	// usual is the running mean of the minutes before.
	usual float64
	// until is the end of the tight times, in minutes since 1970.
	until int64
}

const (
	// surge is how many times the usual rate is an attack.
	surge = 10
	// tight divides the limits of sources and first factors meanwhile.
	tight = 4
	// quiet is the rate a minute up to which nothing is an attack on the fleet:
	// ten sources alone can bring it within their own limits.
	quiet = 600
	// weight is what one minute counts in the running mean: about half an hour
	// of memory.
	weight = 1.0 / 32
	// lasting is for how many minutes limits stay tight after a surge.
	lasting = 5
)

// UnderAttack tells whether wrong secrets come in so much faster than usual, or
// did a few minutes ago, that the limits are tight.
func (t *Throttle) UnderAttack() bool { return t.fleet.tight(t.now()) }

// wrong counts one wrong secret.
func (f *fleet) wrong(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.move(now)
	f.count++
}

// tight tells whether the limits are to be tightened.
func (f *fleet) tight(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.move(now)
	return f.minute < f.until || f.surging()
}

func (f *fleet) surging() bool { return f.count > max(quiet, surge*f.usual) }

// move closes the minutes that have passed. A surge does not teach what is
// usual beyond what would not have been one. A clock that was set back starts
// a new minute.
func (f *fleet) move(now time.Time) {
	minute := now.Unix() / 60
	if minute == f.minute {
		return
	}
	if f.surging() {
		f.until = f.minute + 1 + lasting
	}
	// After a day of silence nothing is left of the mean anyhow.
	for passed := min(minute-f.minute, 24*60); passed > 0; passed-- {
		f.usual += weight * (min(f.count, max(quiet, surge*f.usual)) - f.usual)
		f.count = 0
	}
	if minute < f.minute {
		f.until = min(f.until, minute+lasting)
	}
	f.minute, f.count = minute, 0
}
