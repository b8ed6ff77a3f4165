package throttle_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
)

func from(addr string) account.Client { return account.Client{Addr: netip.MustParseAddr(addr)} }

// spend sends wrong secrets until the source has to wait.
func spend(th *throttle.Throttle, c account.Client, most int) (n int) {
	for ; n < most && th.MaySend(c, "dav", "x") == 0; n++ {
		th.Slow(c, "dav", "x")
	}
	return n
}

func TestASourceHasAMinutesWorth(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	if n := spend(th, from("192.0.2.1"), 1000); n != 60 {
		t.Fatalf("%d wrong secrets in one moment", n)
	}
	if d := th.MaySend(from("192.0.2.1"), "dav", "x"); d != time.Second {
		t.Errorf("has to wait %s", d)
	}
	w.move(time.Second)
	if n := spend(th, from("192.0.2.1"), 1000); n != 1 {
		t.Errorf("%d after a second", n)
	}
	w.move(time.Hour)
	if n := spend(th, from("192.0.2.1"), 1000); n != 60 {
		t.Errorf("%d after an hour: rest is not saved up beyond a minute", n)
	}
}

func TestNetworksThatAreOneSource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"fe80::1%eth0", "fe80::1%eth1", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	} {
		th := newThrottle(t, throttle.Defaults(), &memory{}, newWatch())
		spend(th, from(c.a), 1000)
		if blocked := th.MaySend(from(c.b), "dav", "x") > 0; blocked != c.same {
			t.Errorf("%s and %s: one source is %t", c.a, c.b, blocked)
		}
	}
}

// The network around has eight times the room of one address, and no more.
func TestTheNetworkAroundHasEightTimesTheRoom(t *testing.T) {
	for _, c := range []struct{ inside, outside string }{
		{"192.0.2.%d", "192.0.3.1"}, {"2001:db8:1:%d::1", "2001:db8:2::1"},
	} {
		th := newThrottle(t, throttle.Defaults(), &memory{}, newWatch())
		sum := 0
		for i := range 200 {
			sum += spend(th, from(fmt.Sprintf(c.inside, i+1)), 60)
		}
		if sum != 480 {
			t.Errorf("%s: %d wrong secrets from the whole network", c.inside, sum)
		}
		if d := th.MaySend(from(c.outside), "dav", "x"); d != 0 {
			t.Errorf("%s has to wait %s, too", c.outside, d)
		}
	}
}

// Who is compared as it is: the one who calls knows which spellings are one
// person, and says so (see package check).
func TestUnknownAddressesCountByServiceAndName(t *testing.T) {
	th := newThrottle(t, throttle.Defaults(), &memory{}, newWatch())
	for range 60 {
		th.Slow(account.Client{}, "dav", "alice")
	}
	for _, c := range []struct {
		service, name string
		blocked       bool
	}{{"dav", "alice", true}, {"dav", "Alice", false}, {"dav", "bert", false}, {"card", "alice", false}} {
		if blocked := th.MaySend(account.Client{}, c.service, c.name) > 0; blocked != c.blocked {
			t.Errorf("%s at %s: blocked is %t", c.name, c.service, blocked)
		}
	}
	if d := th.MaySend(from("192.0.2.1"), "dav", "alice"); d != 0 {
		t.Errorf("a known address waits %s", d)
	}
}

// A million other sources within ten minutes evict nobody, and block nobody
// who has done nothing. The sketch fills up at about 65,000 wrong secrets a
// second, for a minute.
func TestNoiseEvictsNobodyAndBlocksNobody(t *testing.T) {
	w := newWatch()
	l := throttle.Defaults()
	th := newThrottle(t, l, &memory{}, w)
	for range 60 {
		th.Slow(from("2001:db8::1"), "dav", "x")
	}
	for i := range 1_000_000 {
		th.Slow(from(fmt.Sprintf("%d.%d.%d.7", 1+i>>16, i>>8&255, i&255)), "dav", "x")
		if i%2_000 == 0 {
			w.move(1200 * time.Millisecond)
			for range 2 {
				th.Slow(from("2001:db8::1"), "dav", "x")
			}
		}
	}
	if th.MaySend(from("2001:db8::1"), "dav", "x") == 0 {
		t.Error("the noise has washed a busy source away")
	}
	blocked := 0
	for i := range 10_000 {
		if th.MaySend(from(fmt.Sprintf("2001:db8:%x:%x::1", i+1, i)), "dav", "x") > 0 {
			blocked++
		}
	}
	if blocked > 0 {
		t.Errorf("%d of 10,000 fresh sources are blocked", blocked)
	}
}

// A clock that was wrong and is put right neither blocks whoever tried in the
// meantime until the wrong time comes, nor gives anybody a new burst.
func TestAClockThatIsSetBackKeepsEveryBucketAsFullAsItWas(t *testing.T) {
	for _, back := range []time.Duration{2 * time.Second, time.Hour, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		w := newWatch()
		th := newThrottle(t, throttle.Defaults(), &memory{}, w)
		spend(th, from("192.0.2.1"), 1000)
		w.move(-back)
		if d := th.MaySend(from("192.0.2.1"), "dav", "x"); d != time.Second {
			t.Errorf("%s back: who had used a minute up waits %s", back, d)
		}
		w.move(30 * time.Second)
		if n := spend(th, from("192.0.2.1"), 1000); n != 30 {
			t.Errorf("%s back: %d wrong secrets after half a minute", back, n)
		}
	}
}

// Goroutines read the clock in another order than they come to the buckets.
func TestTimesThatComeInAnotherOrderGiveNobodyMoreRoom(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	sent := 0
	for range 300 {
		w.move(-900 * time.Millisecond)
		sent += spend(th, from("192.0.2.1"), 1000)
		w.move(900 * time.Millisecond)
		sent += spend(th, from("192.0.2.1"), 1000)
	}
	if sent != 60 {
		t.Errorf("%d wrong secrets in one moment", sent)
	}
}
