package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// together calls do n times at once and waits.
func together(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			do(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

func oneVersionOneWinner(t *testing.T, s store.Store) {
	for version := range int64(5) {
		var won atomic.Int64
		together(256, func(i int) {
			r := testRecord("anna", fmt.Sprint(version, "-", i))
			err := s.Commit(context.Background(), account.Change{Subject: "anna", Version: version, Put: []account.Record{r}})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, account.ErrConflict) {
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("version %d: %d winners", version, won.Load())
		}
	}
	if got := load(t, s, "anna"); got.Version != 5 || len(got.Records) != 5 {
		t.Errorf("version %d, %d records", got.Version, len(got.Records))
	}
}

func budgetHoldsUnderLoad(t *testing.T, s store.Store) {
	const budget = 5
	var counted atomic.Int64
	together(500, func(int) {
		n, wait, err := s.Fail(context.Background(), account.Try{Bucket: "b", At: Now(), Allow: func(earlier []time.Time) time.Duration {
			if len(earlier) >= budget {
				return time.Minute
			}
			return 0
		}})
		switch {
		case err != nil:
			t.Error(err)
		case wait == 0 && n != 0:
			counted.Add(1)
		case wait != time.Minute || n != 0:
			t.Errorf("number %d, wait %v", n, wait)
		}
	})
	if counted.Load() != budget || len(triesIn(t, s, "b")) != budget {
		t.Errorf("%d went ahead, %d counted", counted.Load(), len(triesIn(t, s, "b")))
	}
}

func oneTokenOneWinner(t *testing.T, s store.Store) {
	for n := range byte(5) {
		token := testToken(account.TokenInvite, "anna", n)
		commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{token}})
		var won atomic.Int64
		together(256, func(int) {
			err := s.Commit(context.Background(), account.Change{Subject: "anna", Version: -1, TakeTokens: []account.TokenRef{ref(token)}})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, account.ErrConflict) {
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("token %d: %d winners", n, won.Load())
		}
	}
}

func auditIsGaplessUnderLoad(t *testing.T, s store.Store) {
	var written atomic.Int64
	together(64, func(i int) {
		for j := range 10 {
			// Half of them conflict: all but the first write of each pair.
			id := account.ID(fmt.Sprint("subject ", i/2))
			c := account.Change{Subject: id, Version: int64(j), Events: []account.Event{testEvent(i), testEvent(j)}}
			if err := s.Commit(context.Background(), c); err == nil {
				written.Add(2)
			} else if !errors.Is(err, account.ErrConflict) {
				t.Error(err)
			}
		}
	})
	events, err := s.Events(context.Background(), 0, 10000)
	if err != nil || int64(len(events)) != written.Load() {
		t.Fatalf("%d events, %d written, %v", len(events), written.Load(), err)
	}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.Seq)
		}
	}
}

// readersSeeWholeChanges has writers keep two records alike, and readers look
// whether they ever differ or a version goes back.
func readersSeeWholeChanges(t *testing.T, s store.Store) {
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := int64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				p, err := s.Load(context.Background(), "anna", "totp")
				switch {
				case err != nil:
					t.Error(err)
					return
				case p.Version < last:
					t.Errorf("version %d after %d", p.Version, last)
				case p.Version > 0 && (len(p.Records) != 2 || string(p.Records[0].Payload) != string(p.Records[1].Payload) ||
					string(p.Records[0].Payload) != fmt.Sprint(p.Version)):
					t.Errorf("version %d: %v", p.Version, p.Records)
				}
				last = p.Version
			}
		})
	}
	for version := range int64(100) {
		a, b := testRecord("anna", "a"), testRecord("anna", "b")
		a.Payload, b.Payload = fmt.Append(nil, version+1), fmt.Append(nil, version+1)
		commit(t, s, account.Change{Subject: "anna", Version: version, Put: []account.Record{a, b}})
		if err := s.Log(context.Background(), nil, []account.Record{a}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}
