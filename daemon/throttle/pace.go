package throttle

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Pace bounds how often one address may do what is no guess but costs something,
// in memory of fixed size. It is safe for concurrent use.
type Pace struct {
	every time.Duration
	now   func() time.Time
	table *sketch
}

// NewPace lets one address act so often a minute, in the long run and in one
// burst, and the network around it eight times as often.
func NewPace(perMinute int, now func() time.Time) (*Pace, error) {
	if perMinute <= 0 || perMinute > mostPerMinute {
		return nil, fmt.Errorf("a pace of %d a minute is none: it must be from 1 to %d", perMinute, mostPerMinute)
	}
	return &Pace{every: time.Minute / time.Duration(perMinute), now: now, table: newSketch()}, nil
}

// Step counts one act of the client, or says how long it has to wait. Clients of
// whom no address is known share the budget of a network.
func (p *Pace) Step(c account.Client) time.Duration {
	now, keys := p.now(), around(c, p.every)
	var wait time.Duration
	for _, k := range keys {
		wait = max(wait, p.table.wait(k, now))
	}
	if wait > 0 {
		return wait
	}
	for _, k := range keys {
		p.table.spend(k, now)
	}
	return 0
}

// around are the buckets of an address and of the network around it.
func around(c account.Client, every time.Duration) []key {
	near := c.Network()
	if !near.IsValid() {
		return []key{{text: "unknown", every: every / wide}}
	}
	far := 24
	if near.Addr().Is6() {
		far = 48
	}
	wider, _ := near.Addr().Prefix(far) // bits fit the family: no error
	return []key{{text: bare(near), every: every}, {text: bare(wider), every: every / wide}}
}

// bare is a network as nobody has to read it.
func bare(p netip.Prefix) string {
	return string(append(p.Addr().AsSlice(), byte(p.Bits())))
}
