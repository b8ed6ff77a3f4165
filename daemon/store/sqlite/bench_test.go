package sqlite_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// fill gives people app passwords.
func fill(b *testing.B, s *sqlite.Store, people, records int) {
	b.Helper()
	next, failed := make(chan int), make(chan error, 64)
	for range 64 {
		go func() {
			var first error
			for i := range next {
				id := account.ID(fmt.Sprint("person-", i))
				c := account.Change{Subject: id}
				for j := range records {
					c.Put = append(c.Put, account.Record{ID: fmt.Sprint(id, "-", j), Subject: id, Factor: "app-password",
						Label: "Kalender", Services: []string{"dav"}, Created: storetest.Now(), Uses: -1, Format: 1, Payload: make([]byte, 48)})
				}
				if err := s.Commit(context.Background(), c); err != nil {
					first = err
				}
			}
			failed <- first
		}()
	}
	for i := range people {
		next <- i
	}
	close(next)
	for range 64 {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct{ people, records int }{{1000, 1}, {1000, 50}, {100_000, 1}, {2000, 50}} {
		b.Run(fmt.Sprintf("people=%d/records=%d", c.people, c.records), func(b *testing.B) {
			_, s := open(b, b.TempDir(), nil)
			fill(b, s, c.people, c.records)
			n := 0
			for b.Loop() {
				n = (n + 7919) % c.people
				if _, err := s.Load(context.Background(), account.ID(fmt.Sprint("person-", n)), "app-password"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, flight := range []int{1, 64} {
		b.Run(fmt.Sprintf("flight=%d", flight), func(b *testing.B) {
			_, s := open(b, b.TempDir(), nil)
			fill(b, s, flight, 1)
			var person atomic.Int64
			b.SetParallelism((flight + 1) / 2)
			work := func(next func() bool) {
				id := account.ID(fmt.Sprint("person-", person.Add(1)-1))
				r := account.Record{ID: string(id) + "-0", Subject: id, Factor: "totp", Uses: -1, Payload: make([]byte, 48)}
				for version := int64(1); next(); version++ {
					err := s.Commit(context.Background(), account.Change{Subject: id, Version: version, Put: []account.Record{r},
						Events: []account.Event{{Act: account.ActCheck, Subject: id, Name: "anna", Service: "web", Reason: account.OK}}})
					if err != nil {
						b.Error(err)
						return
					}
				}
			}
			if flight == 1 {
				work(b.Loop)
				return
			}
			b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
		})
	}
}

func BenchmarkFail(b *testing.B) {
	_, s := open(b, b.TempDir(), nil)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			t := account.Try{Bucket: fmt.Sprint("b", n.Add(1)%1000), At: storetest.Now(), Since: storetest.Now(), Allow: func([]time.Time) time.Duration { return 0 }}
			if _, _, err := s.Fail(context.Background(), t); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLogin is what a login with password and code writes: two tries
// counted, then the code used up, with the tries taken back and the audit.
func BenchmarkLogin(b *testing.B) {
	_, s := open(b, b.TempDir(), nil)
	ctx := context.Background()
	fill(b, s, 64, 1)
	var person atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		id := account.ID(fmt.Sprint("person-", person.Add(1)-1))
		r := account.Record{ID: string(id) + "-0", Subject: id, Factor: "totp", Uses: -1, Payload: make([]byte, 48)}
		for version := int64(1); pb.Next(); version++ {
			c := account.Change{Subject: id, Version: version, Put: []account.Record{r},
				Events: []account.Event{{Act: account.ActCheck, Subject: id, Name: "anna", Service: "web", Reason: account.OK}}}
			for _, bucket := range []string{"first:new:", "second:totp:"} {
				n, _, err := s.Fail(ctx, account.Try{Bucket: bucket + string(id), At: storetest.Now(), Since: storetest.Now().Add(-time.Hour),
					Allow: func([]time.Time) time.Duration { return 0 }})
				if err != nil {
					b.Error(err)
					return
				}
				c.Refund = append(c.Refund, n)
			}
			if err := s.Commit(ctx, c); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
