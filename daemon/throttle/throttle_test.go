package throttle_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// memory is a store of tries that forgets nothing.
type memory struct {
	mu    sync.Mutex
	tries map[string][]time.Time
	err   error
	since time.Time
}

func (m *memory) Fail(_ context.Context, t account.Try) (int64, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, 0, m.err
	}
	if m.tries == nil {
		m.tries = map[string][]time.Time{}
	}
	m.since = t.Since
	earlier := slices.DeleteFunc(slices.Clone(m.tries[t.Bucket]), func(at time.Time) bool { return at.Before(t.Since) })
	slices.SortFunc(earlier, time.Time.Compare) // oldest first, as a store does
	if wait := t.Allow(earlier); wait > 0 {
		return 0, wait, nil
	}
	m.tries[t.Bucket] = append(m.tries[t.Bucket], t.At)
	return int64(len(m.tries[t.Bucket])), 0, nil
}

// watch is a clock moved by hand.
type watch struct {
	mu  sync.Mutex
	now time.Time
}

func newWatch() *watch { return &watch{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watch) move(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newThrottle(t testing.TB, l throttle.Limits, s throttle.Store, w *watch) *throttle.Throttle {
	t.Helper()
	th, err := throttle.New(l, s, w.Now)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestZeroNeverMeansUnlimited(t *testing.T) {
	for i, edit := range []func(*throttle.Limits, int){
		func(l *throttle.Limits, n int) { l.SourcePerMinute = n },
		func(l *throttle.Limits, n int) { l.FirstQuick = n },
		func(l *throttle.Limits, n int) { l.FirstMaxWait = time.Duration(n) },
		func(l *throttle.Limits, n int) { l.FirstPerHour = n },
		func(l *throttle.Limits, n int) { l.SecondQuick = n },
		func(l *throttle.Limits, n int) { l.SecondPerDay = n },
		func(l *throttle.Limits, n int) { l.SecondPerMonth = n },
	} {
		for _, n := range []int{0, -1} {
			l := throttle.Defaults()
			edit(&l, n)
			if _, err := throttle.New(l, &memory{}, newWatch().Now); err == nil {
				t.Errorf("limit %d was taken as %d", i, n)
			}
		}
	}
	for n, ok := range map[int]bool{1_000_000: true, 1_000_001: false, 1 << 40: false} {
		l := throttle.Defaults()
		l.SourcePerMinute = n
		if _, err := throttle.New(l, &memory{}, newWatch().Now); (err == nil) != ok {
			t.Errorf("SourcePerMinute %d: %v", n, err)
		}
	}
}

// waits are what somebody is told who tries, waits as long as told, and tries
// again.
func waits(t *testing.T, w *watch, n int, try func() time.Duration) []time.Duration {
	t.Helper()
	var all []time.Duration
	for range n {
		d := try()
		all = append(all, d)
		if d == 0 {
			continue
		}
		w.move(d - time.Nanosecond)
		if try() == 0 {
			t.Fatalf("a wait of %s ended a moment early", d)
		}
		w.move(time.Nanosecond)
		if again := try(); again != 0 {
			t.Fatalf("after a wait of %s it is %s more", d, again)
		}
	}
	return all
}

func TestPasswordsThreeQuickThenDoubling(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	got := waits(t, w, 12, func() time.Duration {
		_, d, err := th.First(context.Background(), "alice", false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
	s := time.Second
	want := []time.Duration{0, 0, 0, 1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPasswordsAnHourIsSpentAfterThirty(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	start, counted := w.Now(), 0
	for w.Now().Sub(start) < time.Hour {
		if _, d, err := th.First(context.Background(), "alice", false); err == nil && d == 0 {
			counted++
		}
		w.move(time.Second)
	}
	if counted != 30 {
		t.Errorf("%d passwords in an hour", counted)
	}
}

func TestCodesFiveQuickThenDoublingToAnHour(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	got := waits(t, w, 12, func() time.Duration {
		_, d, err := th.Second(context.Background(), "alice", "totp")
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
	m := time.Minute
	// The five of one moment fill their minute, so the first half minute
	// becomes a whole one.
	want := []time.Duration{0, 0, 0, 0, 0, 1 * m, 1 * m, 2 * m, 4 * m, 8 * m, 16 * m, 32 * m}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if d := got; d[len(d)-1] > time.Hour {
		t.Error("a step is over an hour")
	}
	slow := newThrottle(t, throttle.Defaults(), &memory{}, w)
	for range 5 {
		if _, d, err := slow.Second(context.Background(), "bert", "totp"); d != 0 || err != nil {
			t.Fatal(d, err)
		}
		w.move(15 * time.Second)
	}
	if _, d, err := slow.Second(context.Background(), "bert", "totp"); d != 15*time.Second || err != nil {
		t.Errorf("after five slow ones: %s, %v, want half a minute after the last", d, err)
	}
}

// windows are what the documentation promises of codes.
func windows(l throttle.Limits) map[time.Duration]int {
	return map[time.Duration]int{time.Minute: l.SecondQuick, 24 * time.Hour: l.SecondPerDay, 30 * 24 * time.Hour: l.SecondPerMonth}
}

func most(times []time.Time, window time.Duration) int {
	n := 0
	for i := range times {
		in := 0
		for _, at := range times[i:] {
			if at.Sub(times[i]) < window {
				in++
			}
		}
		n = max(n, in)
	}
	return n
}

// However somebody tries, no window ever holds more than its limit, and whoever
// waits as long as told may go ahead.
func TestNoWindowEverHoldsMoreThanItsLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, m := newWatch(), &memory{}
		l := throttle.Defaults()
		l.SecondPerDay = rapid.IntRange(1, 20).Draw(rt, "day")
		l.SecondPerMonth = rapid.IntRange(1, 40).Draw(rt, "month")
		l.FirstPerHour = rapid.IntRange(1, 30).Draw(rt, "hour")
		th := newThrottle(t, l, m, w)
		for range rapid.IntRange(1, 150).Draw(rt, "tries") {
			w.move(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(rt, "pause")))
			_, d, err := th.Second(context.Background(), "alice", "totp")
			_, f, err2 := th.First(context.Background(), "alice", false)
			if err = errors.Join(err, err2); err != nil || d < 0 || f < 0 || d > 31*24*time.Hour || f > time.Hour {
				rt.Fatalf("waits %s and %s, %v", d, f, err)
			}
			if d > 0 && rapid.Bool().Draw(rt, "patient") {
				w.move(d)
				if _, again, _ := th.Second(context.Background(), "alice", "totp"); again != 0 {
					rt.Fatalf("told to wait %s, then %s more", d, again)
				}
			}
		}
		for window, limit := range windows(l) {
			if n := most(m.tries["second:totp:alice"], window); n > limit {
				rt.Fatalf("%d codes within %s, allowed are %d", n, window, limit)
			}
		}
		if n := most(m.tries["first:new:alice"], time.Hour); n > l.FirstPerHour {
			rt.Fatalf("%d passwords within an hour", n)
		}
	})
}

// More tries never mean a shorter wait.
func TestWaitsAreMonotonic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, m := newWatch(), &memory{tries: map[string][]time.Time{}}
		th := newThrottle(t, throttle.Defaults(), m, w)
		ages := rapid.SliceOfN(rapid.Int64Range(0, int64(40*24*time.Hour)), 0, 60).Draw(rt, "ages")
		slices.Sort(ages)
		slices.Reverse(ages)
		for _, bucket := range []string{"first:new:alice", "second:totp:alice"} {
			for _, age := range ages {
				m.tries[bucket] = append(m.tries[bucket], w.now.Add(-time.Duration(age)))
			}
		}
		for _, kind := range []string{"", "totp"} {
			before, _, err := th.Wait(context.Background(), "alice", kind)
			bucket := "first:new:alice"
			if kind != "" {
				bucket = "second:totp:alice"
			}
			m.tries[bucket] = append(m.tries[bucket], w.now)
			after, _, err2 := th.Wait(context.Background(), "alice", kind)
			if after < before || errors.Join(err, err2) != nil {
				rt.Fatalf("%q: %s, with one more %s", kind, before, after)
			}
		}
	})
}

func TestEachSubjectFactorAndNetworkHasItsOwnBudget(t *testing.T) {
	w, m := newWatch(), &memory{}
	th := newThrottle(t, throttle.Defaults(), m, w)
	ctx := context.Background()
	exhaust := func() (d time.Duration) {
		for range 10 {
			_, d, _ = th.First(ctx, "alice", false)
		}
		return d
	}
	if exhaust() == 0 {
		t.Fatal("ten passwords at once")
	}
	for _, try := range []func() (int64, time.Duration, error){
		func() (int64, time.Duration, error) { return th.First(ctx, "alice", true) },
		func() (int64, time.Duration, error) { return th.First(ctx, "bert", false) },
		func() (int64, time.Duration, error) { return th.Second(ctx, "alice", "totp") },
		func() (int64, time.Duration, error) { return th.Second(ctx, "alice", "recovery") },
		func() (int64, time.Duration, error) { return th.SecondAlone(ctx, "alice", "totp") },
	} {
		if n, d, err := try(); d != 0 || n == 0 || err != nil {
			t.Errorf("number %d, wait %s, %v", n, d, err)
		}
	}
	named := th.Buckets("alice", []string{"totp", "recovery"})
	for bucket := range m.tries {
		if bucket != "first:new:bert" && !slices.Contains(named, bucket) {
			t.Errorf("the desk does not clear %s", bucket)
		}
	}
	wait, tries, err := th.Wait(ctx, "alice", "")
	if wait != time.Second || tries != 4 || err != nil {
		t.Errorf("the desk sees %s, %d tries, %v", wait, tries, err)
	}
	if _, tries, err := th.WaitAlone(ctx, "alice", "totp"); tries != 1 || err != nil {
		t.Errorf("the desk sees %d codes without a password, %v", tries, err)
	}
	if n := len(m.tries["first:new:alice"]); n != 3 {
		t.Errorf("looking counted: %d", n)
	}
	if got := w.Now().Sub(m.since); got != 30*24*time.Hour {
		t.Errorf("asked for %s of history", got)
	}
	// A month of wrong passwords, read for each one more, would stop the writer.
	if _, _, err := th.First(ctx, "alice", false); err != nil || w.Now().Sub(m.since) != time.Hour {
		t.Errorf("a password asked for %s of history, %v", w.Now().Sub(m.since), err)
	}
}

func TestAnOutageOfTheStoreIsNoPermission(t *testing.T) {
	th := newThrottle(t, throttle.Defaults(), &memory{err: account.ErrUnavailable}, newWatch())
	ctx := context.Background()
	_, _, first := th.First(ctx, "alice", false)
	_, _, second := th.Second(ctx, "alice", "totp")
	_, _, wait := th.Wait(ctx, "alice", "")
	_, _, code := th.Wait(ctx, "alice", "totp")
	for _, err := range []error{first, second, wait, code} {
		if !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}
