package throttle

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// New limits are in force at once, and what was counted before counts.
func TestLimitsChangeAndCountsStay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	limits := Defaults()
	th, err := New(limits, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	c := account.Client{Addr: netip.MustParseAddr("192.0.2.7")}
	for range 30 {
		th.Slow(c, "dav", "alice")
	}
	if wait := th.MaySend(c, "dav", "alice"); wait != 0 {
		t.Fatalf("with 60 a minute, 30 made a wait of %s", wait)
	}
	limits.SourcePerMinute = 0
	if err := th.Limit(limits); err == nil {
		t.Error("no limit is a limit")
	}
	limits.SourcePerMinute = 1
	if err := th.Limit(limits); err != nil {
		t.Fatal(err)
	}
	if wait := th.MaySend(c, "dav", "alice"); wait == 0 {
		t.Error("with 1 a minute, what was counted before counts no more")
	}
}
