package rows

import (
	"hash/maphash"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache keeps rows in memory as they are on disk: checked, sealed. What it holds
// is never written to, only replaced.
//
// It holds at most max rows, and what belongs to one key may be many: people
// have between one and fifty. The LRU itself only orders, the counting is done
// here.
type Cache[K comparable, V any] struct {
	mu     sync.Mutex
	max    int
	rows   int
	weight func(*V) int
	kept   *simplelru.LRU[K, *V]
	// turns counts writes, in buckets by key: who has read the database before a
	// write must not put what it read into memory after it.
	turns [1024]uint64
	seed  maphash.Seed
}

// NewCache makes one of at most max rows, max being positive; weight is how many
// rows a value is.
func NewCache[K comparable, V any](max int, weight func(*V) int) *Cache[K, V] {
	c := &Cache[K, V]{max: max, weight: weight, seed: maphash.MakeSeed()}
	// The only error is a size that is not positive.
	c.kept, _ = simplelru.NewLRU(math.MaxInt32, func(_ K, v *V) { c.rows -= weight(v) })
	return c
}

func (c *Cache[K, V]) turn(key K) *uint64 {
	return &c.turns[maphash.Comparable(c.seed, key)%uint64(len(c.turns))]
}

// Get returns what is known, or nil.
func (c *Cache[K, V]) Get(key K) *V {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, _ := c.kept.Get(key)
	return v
}

// Before is called before reading the database.
func (c *Cache[K, V]) Before(key K) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.turn(key)
}

// Fill keeps what was read since before, unless somebody wrote meanwhile.
func (c *Cache[K, V]) Fill(key K, v *V, before uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.turn(key) == before {
		c.put(key, v)
	}
}

// Publish keeps what a transaction has left; nil forgets.
func (c *Cache[K, V]) Publish(values map[K]*V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, v := range values {
		*c.turn(key)++
		if v == nil {
			c.kept.Remove(key)
		} else {
			c.put(key, v)
		}
	}
}

// Clear forgets everything.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.turns {
		c.turns[i]++
	}
	c.kept.Purge()
}

func (c *Cache[K, V]) put(key K, v *V) {
	c.kept.Remove(key)
	c.kept.Add(key, v)
	for c.rows += c.weight(v); c.rows > c.max; {
		c.kept.RemoveOldest()
	}
}
