package rows

import (
	"hash/maphash"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sallyport/sallyport/daemon/account"
)

// Cache keeps people's rows in memory as they are on disk: checked, sealed.
// What it holds is never written to, only replaced.
//
// It holds at most max rows, because people have between one and fifty of
// them: the LRU itself only orders, the counting is done here.
type Cache struct {
	mu     sync.Mutex
	max    int
	rows   int
	people *simplelru.LRU[account.ID, *account.Snapshot]
	// turns counts writes, in buckets by person: who has read the database
	// Before a write must not put what it read into memory after it.
	turns [1024]uint64
	seed  maphash.Seed
}

// NewCache makes one of at most max rows, max being positive.
func NewCache(max int) *Cache {
	c := &Cache{max: max, seed: maphash.MakeSeed()}
	// The only error is a size that is not positive.
	c.people, _ = simplelru.NewLRU(math.MaxInt32, func(_ account.ID, p *account.Snapshot) { c.rows -= weight(p) })
	return c
}

func weight(p *account.Snapshot) int { return 1 + len(p.Records) }

func (c *Cache) turn(id account.ID) *uint64 {
	return &c.turns[maphash.String(c.seed, string(id))%uint64(len(c.turns))]
}

// Get returns what is known, or nil.
func (c *Cache) Get(id account.ID) *account.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, _ := c.people.Get(id)
	return p
}

// Before is called before reading the database.
func (c *Cache) Before(id account.ID) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.turn(id)
}

// Fill keeps what was read since before, unless somebody wrote meanwhile.
func (c *Cache) Fill(p *account.Snapshot, before uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.turn(p.Subject) == before {
		c.put(p)
	}
}

// Publish keeps what a transaction has left; nil forgets.
func (c *Cache) Publish(people map[account.ID]*account.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range people {
		*c.turn(id)++
		if p == nil {
			c.people.Remove(id)
		} else {
			c.put(p)
		}
	}
}

func (c *Cache) put(p *account.Snapshot) {
	c.people.Remove(p.Subject)
	c.people.Add(p.Subject, p)
	for c.rows += weight(p); c.rows > c.max; {
		c.people.RemoveOldest()
	}
}
