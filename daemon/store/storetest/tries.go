package storetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

func always([]time.Time) time.Duration { return 0 }

// triesIn returns what a bucket holds, without counting.
func triesIn(t testing.TB, s store.Store, bucket string) (found []time.Time) {
	t.Helper()
	_, wait, err := s.Fail(context.Background(), account.Try{Bucket: bucket, At: Now(), Since: time.Unix(1, 0),
		Allow: func(earlier []time.Time) time.Duration { found = earlier; return time.Second }})
	if err != nil || wait != time.Second {
		t.Fatalf("looking into a bucket: %v, %v", wait, err)
	}
	return found
}

func failCounts(t *testing.T, s store.Store) {
	ctx := context.Background()
	var want []time.Time
	seen := map[int64]bool{}
	for i := range 5 {
		at := Now().Add(time.Duration(i) * time.Second)
		n, wait, err := s.Fail(ctx, account.Try{Bucket: "b", At: at, Allow: func(earlier []time.Time) time.Duration {
			same(t, "earlier tries", earlier, want)
			return 0
		}})
		if err != nil || wait != 0 || n == 0 || seen[n] {
			t.Fatalf("try %d: number %d, wait %v, %v", i, n, wait, err)
		}
		seen[n] = true
		want = append(want, at)
	}
	same(t, "after five", triesIn(t, s, "b"), want)
	same(t, "another bucket", triesIn(t, s, "other"), []time.Time(nil))
	_, _, err := s.Fail(ctx, account.Try{Bucket: "b", At: Now(), Since: want[3], Allow: func(earlier []time.Time) time.Duration {
		same(t, "since the fourth", earlier, want[3:])
		return time.Hour
	}})
	if err != nil {
		t.Error(err)
	}
}

func refund(t *testing.T, s store.Store) {
	var numbers []int64
	for i := range 4 {
		n, _, err := s.Fail(context.Background(), account.Try{Bucket: "b", At: Now().Add(time.Duration(i)), Allow: always})
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	commit(t, s, account.Change{Subject: "anna", Version: -1, Refund: []int64{numbers[1], numbers[3], 1 << 40}})
	same(t, "after two refunds", triesIn(t, s, "b"), []time.Time{Now(), Now().Add(2)})
	n, _, err := s.Fail(context.Background(), account.Try{Bucket: "other", At: Now(), Allow: always})
	if err != nil || n <= numbers[3] {
		t.Errorf("number %d was used before: %v", n, err)
	}
	commit(t, s, account.Change{Subject: "anna", Version: -1, ClearTries: []string{"b", "not there"}})
	same(t, "cleared", triesIn(t, s, "b"), []time.Time(nil))
	same(t, "the other bucket", triesIn(t, s, "other"), []time.Time{Now()})
}

// Whatever is counted, taken back, cleared and rolled back in whatever order,
// what a rule gets to see is what a list would hold.
func triesAgreeWithAModel(t *testing.T, s store.Store) {
	type try struct {
		at     time.Time
		number int64
	}
	ctx, random := context.Background(), rand.New(rand.NewPCG(1, 2))
	model := map[string][]try{}
	buckets := []string{"a", "b", "c"}
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{activeRecord("anna", "hers", "totp")}})
	drop := func(numbers ...int64) {
		for _, b := range buckets {
			model[b] = slices.DeleteFunc(model[b], func(c try) bool { return slices.Contains(numbers, c.number) })
		}
	}
	for range 1000 {
		bucket, at := buckets[random.IntN(3)], Now().Add(time.Duration(random.IntN(100))*time.Second)
		since := Now().Add(time.Duration(random.IntN(100)) * time.Second)
		var some []int64
		for _, b := range buckets {
			if len(model[b]) > 0 && len(some) < 2 && random.IntN(2) == 0 {
				some = append(some, model[b][random.IntN(len(model[b]))].number)
			}
		}
		switch what := random.IntN(20); {
		case what < 12: // there are more and more, beyond what a memory may hold
			var want []time.Time
			for _, c := range model[bucket] {
				if !c.at.Before(since) {
					want = append(want, c.at)
				}
			}
			n, _, err := s.Fail(ctx, account.Try{Bucket: bucket, At: at, Since: since, Allow: func(earlier []time.Time) time.Duration {
				same(t, "tries in "+bucket, earlier, want)
				return 0
			}})
			if err != nil {
				t.Fatal(err)
			}
			model[bucket] = append(model[bucket], try{at, n})
			slices.SortStableFunc(model[bucket], func(a, b try) int { return a.at.Compare(b.at) })
		case what < 16:
			commit(t, s, account.Change{Subject: "anna", Version: -1, Refund: some})
			drop(some...)
		case what < 19: // another's record: nothing of the change may stay
			if err := s.Commit(ctx, account.Change{Subject: "bert", Put: []account.Record{activeRecord("bert", "hers", "totp")},
				Refund: some, ClearTries: []string{bucket}}); err == nil {
				t.Fatal("a record of somebody else was taken over")
			}
		case random.IntN(10) == 0:
			commit(t, s, account.Change{Subject: "anna", Version: -1, ClearTries: []string{bucket}})
			model[bucket] = nil
		}
		if t.Failed() {
			return
		}
	}
}

func failWithoutRule(t *testing.T, s store.Store) {
	_, _, err := s.Fail(context.Background(), account.Try{Bucket: "b", At: Now()})
	refused(t, "no rule", err)
	_, _, err = s.Fail(context.Background(), account.Try{Bucket: "b", At: Now(), Allow: func([]time.Time) time.Duration { panic("rule") }})
	refused(t, "a rule that panics", err)
	same(t, "the bucket", triesIn(t, s, "b"), []time.Time(nil))
}
