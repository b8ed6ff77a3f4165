package events

import (
	"context"
	"sync"
)

// feeds are the feeders of the hooks that are attended to now.
type feeds struct {
	mu sync.Mutex
	// life is that of Run; nil while it does not run.
	life context.Context
	// stop ends the feeders, and gone is closed once they have ended.
	stop context.CancelFunc
	gone chan struct{}
	now  []*feeder
}

// Attend tells these hooks of every act from now on, in place of those before.
// The channel is closed once nobody tells the former ones any more: each hears to
// the end what it was being told, so that it need not hear it twice.
func (b *Bus) Attend(hooks []Named, people People) (left <-chan struct{}) {
	f := &b.feeds
	f.mu.Lock()
	defer f.mu.Unlock()
	b.cfg.Hooks, b.cfg.People = hooks, people
	if f.life == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	former := f.gone
	f.stop()
	f.start(b, former)
	return former
}

// begin starts the feeders; the function that it returns ends them.
func (f *feeds) begin(life context.Context, b *Bus) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.life = life
	none := make(chan struct{})
	close(none)
	f.start(b, none)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stop()
		<-f.gone
		f.life = nil
	}
}

// start starts a feeder for each hook, once the former ones are gone.
func (f *feeds) start(b *Bus, former <-chan struct{}) {
	ctx, stop := context.WithCancel(f.life)
	f.stop, f.gone, f.now = stop, make(chan struct{}), nil
	for _, h := range b.cfg.Hooks {
		f.now = append(f.now, &feeder{Bus: b, Named: h, people: b.cfg.People, life: f.life, nudge: make(chan struct{}, 1)})
	}
	go func(now []*feeder, gone chan<- struct{}) {
		defer close(gone)
		<-former
		var all sync.WaitGroup
		for _, one := range now {
			all.Go(func() { one.feed(ctx) })
		}
		all.Wait()
	}(f.now, f.gone)
}

// nudge says that there is news.
func (f *feeds) nudge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.now {
		signal(one.nudge)
	}
}
