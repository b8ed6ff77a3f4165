package gather_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/wire/gather"
)

func one(int) int { return 1 }

// Whoever is alone has sent when Add returns: there is nobody to wait for.
func TestWhoIsAloneSendsAtOnce(t *testing.T) {
	var sent []int
	s := gather.New(10, one, func(items []int) { sent = append(sent, items...) })
	for i := range 3 {
		s.Add(i, false)
		if len(sent) != i+1 {
			t.Fatalf("after %d: %v", i, sent)
		}
	}
}

// Everything is sent once, what one caller adds in its order, and never by two
// at the same time.
func TestAllIsSentOnceAndInOrder(t *testing.T) {
	const callers, each = 64, 500
	var mu sync.Mutex
	var sent []int
	var arrived sync.WaitGroup
	arrived.Add(callers * each)
	s := gather.New(1000, one, func(items []int) {
		if !mu.TryLock() {
			t.Error("two send at the same time")
			mu.Lock()
		}
		defer mu.Unlock()
		sent = append(sent, items...)
		arrived.Add(-len(items))
	})
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				s.Add(c*each+i, true)
			}
		})
	}
	all.Wait()
	arrived.Wait()
	last := map[int]int{}
	for _, item := range sent {
		if before, ok := last[item/each]; ok && item <= before {
			t.Fatalf("%d came after %d", item, before)
		}
		last[item/each] = item
	}
	slices.Sort(sent)
	if len(slices.Compact(sent)) != callers*each {
		t.Errorf("%d items of %d", len(sent), callers*each)
	}
}

// While one message is being written nobody else is held up, and what they have
// goes together, as far as it fits. Nor is the first caller kept for the others.
func TestWhatComesMeanwhileGoesTogetherAndHoldsNobodyUp(t *testing.T) {
	begun, release, messages := make(chan struct{}, 10), make(chan struct{}), make(chan []int, 10)
	s := gather.New(10, func(i int) int { return i }, func(items []int) {
		begun <- struct{}{}
		<-release
		messages <- slices.Clone(items)
	})
	first := make(chan struct{})
	go func() {
		s.Add(1, true)
		close(first)
	}()
	<-begun
	for _, item := range []int{4, 5, 1, 2, 99, 3} {
		s.Add(item, true)
	}
	release <- struct{}{} // the first message is out; the second is stuck
	select {
	case <-first:
	case <-time.After(10 * time.Second):
		t.Fatal("the first caller has to send for all others")
	}
	close(release)
	for _, want := range [][]int{{1}, {4, 5, 1}, {2}, {99}, {3}} {
		select {
		case got := <-messages:
			if !slices.Equal(got, want) {
				t.Errorf("a message of %v instead of %v", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%v was not sent", want)
		}
	}
}
