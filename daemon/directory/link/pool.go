package link

import (
	"context"
	"sync"
)

// pool keeps connections of one kind to one server. Searches and binds have a
// pool each, so that slow binds hold up no search.
type pool struct {
	dial  func(ctx context.Context) (*Conn, error)
	slots chan struct{}

	mu     sync.Mutex
	idle   []*Conn
	closed bool
}

func newPool(size int, dial func(ctx context.Context) (*Conn, error)) *pool {
	return &pool{dial: dial, slots: make(chan struct{}, size)}
}

// get waits for a place and hands out a connection. Reused says that it has
// lain in the pool, so that it may turn out dead.
func (p *pool) get(ctx context.Context, fresh bool) (c *Conn, reused bool, err error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if !fresh {
		if c := p.pop(); c != nil {
			return c, true, nil
		}
	}
	c, err = p.dial(ctx)
	if err != nil {
		<-p.slots
		return nil, false, err
	}
	return c, false, nil
}

// pop takes the connection used last, which is the likeliest to be alive.
func (p *pool) pop() *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if c.alive() {
			return c
		}
		_ = c.gate.Close()
	}
	return nil
}

// put gives a place back, and the connection with it if it is still good.
func (p *pool) put(c *Conn) {
	if !p.push(c) {
		c.sever()
	}
	<-p.slots
}

func (p *pool) push(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= cap(p.slots) || c.broken {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// fill dials ahead of need until want connections lie ready or are in use.
func (p *pool) fill(ctx context.Context, want int) error {
	p.prune()
	for p.count()+len(p.slots) < want {
		c, err := p.dial(ctx)
		if err != nil {
			return err
		}
		if !p.push(c) {
			c.sever() // others were quicker, or the pool is closed
			return nil
		}
	}
	return nil
}

// prune forgets connections that the server has closed.
func (p *pool) prune() {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := p.idle[:0]
	for _, c := range p.idle {
		if c.alive() {
			live = append(live, c)
		} else {
			_ = c.gate.Close()
		}
	}
	clear(p.idle[len(live):])
	p.idle = live
}

func (p *pool) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// drop closes everything that lies ready; with final, for good.
func (p *pool) drop(final bool) {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, p.closed || final
	p.mu.Unlock()
	for _, c := range idle {
		c.sever()
	}
}
