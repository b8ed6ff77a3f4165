package watch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/watch"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// counted is what monitoring sees.
type counted struct {
	waits  map[string]int
	attack []bool
}

func (c *counted) Throttled(bucket string) { c.waits[bucket]++ }
func (c *counted) Attack(on bool)          { c.attack = append(c.attack, on) }

// busy is a store that lets nobody try.
type busy struct{}

func (busy) Fail(context.Context, account.Try) (int64, time.Duration, error) {
	return 0, time.Second, nil
}

// A surge is one warning and a gauge that is up while it lasts, however many
// wrong secrets come in; the next surge is another.
func TestASurgeIsOneWarning(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	th, err := throttle.New(throttle.Defaults(), busy{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	seen, log := &counted{waits: map[string]int{}}, &bytes.Buffer{}
	w := watch.New(th, seen, slog.New(slog.NewTextHandler(log, nil)))
	wrong := func(n int) {
		for i := range n {
			w.Slow(account.Client{Addr: netip.MustParseAddr(fmt.Sprintf("10.%d.%d.1", i>>8, i&255))}, "dav", "x")
		}
	}
	wrong(600)
	if log.Len() > 0 || len(seen.attack) > 0 {
		t.Fatalf("a busy minute is told as an attack: %s", log)
	}
	for surge := range 2 {
		wrong(2000)
		if n := strings.Count(log.String(), "level=WARN"); n != surge+1 {
			t.Errorf("surge %d: %d warnings\n%s", surge+1, n, log)
		}
		if n := len(seen.attack); n != 2*surge+1 || !seen.attack[n-1] {
			t.Errorf("surge %d: the gauge was set to %v", surge+1, seen.attack)
		}
		now = now.Add(7 * time.Minute)
		w.Look()
		w.Look()
		if n := len(seen.attack); n != 2*surge+2 || seen.attack[n-1] || strings.Count(log.String(), "the attack is over") != surge+1 {
			t.Errorf("after surge %d the gauge was set to %v\n%s", surge+1, seen.attack, log)
		}
	}
}

func TestWaitsAreCounted(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	th, err := throttle.New(throttle.Defaults(), busy{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	seen := &counted{waits: map[string]int{}}
	w := watch.New(th, seen, slog.New(slog.DiscardHandler))
	for range 61 {
		if w.MaySend(account.Client{}, "dav", "x") == 0 {
			w.Slow(account.Client{}, "dav", "x")
		}
	}
	for range 1_000_000 { // until it has had enough
		if w.Idle(account.Client{}) > 0 {
			break
		}
	}
	ctx := context.Background()
	for _, try := range []func() (int64, time.Duration, error){
		func() (int64, time.Duration, error) { return w.First(ctx, "id", false) },
		func() (int64, time.Duration, error) { return w.Second(ctx, "id", "totp") },
		func() (int64, time.Duration, error) { return w.SecondAlone(ctx, "id", "totp") },
	} {
		if _, wait, err := try(); wait != time.Second || err != nil {
			t.Errorf("%s, %v", wait, err)
		}
	}
	if seen.waits["source"] != 2 || seen.waits["first"] != 1 || seen.waits["second"] != 2 {
		t.Errorf("counted %v", seen.waits)
	}
}
