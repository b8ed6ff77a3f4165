package throttle_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// noise is n wrong secrets a minute, each from a network of its own.
func noise(th *throttle.Throttle, w *watch, n, minutes int) {
	for m := range minutes {
		for i := range n {
			th.Slow(from(fmt.Sprintf("10.%d.%d.1", (i>>8+m)&255, i&255)), "dav", "x")
		}
		w.move(time.Minute)
	}
}

func quick(t *testing.T, th *throttle.Throttle, id account.ID, familiar bool) (n int) {
	t.Helper()
	for n < 100 {
		_, d, err := th.First(context.Background(), id, familiar)
		if err != nil {
			t.Fatal(err)
		}
		if d > 0 {
			break
		}
		n++
	}
	return n
}

// While the whole fleet is attacked, sources and passwords have a fourth of
// their room; familiar networks keep theirs, and nobody is closed out.
func TestAnAttackOnTheFleetTightensFourfold(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	noise(th, w, 20, 60)
	if n := spend(th, from("192.0.2.1"), 100); n != 60 {
		t.Fatalf("in quiet times a source has %d", n)
	}
	if n := quick(t, th, "alice", false); n != 3 {
		t.Fatalf("in quiet times a password has %d", n)
	}
	if th.UnderAttack() {
		t.Error("quiet times are told as an attack")
	}
	noise(th, w, 1000, 1)
	if !th.UnderAttack() {
		t.Error("the attack is not told")
	}
	for range 4 { // it lasts five minutes
		if n := spend(th, from("192.0.2.9"), 100); n == 0 || n > 15 {
			t.Errorf("under attack a source has %d", n)
		}
		w.move(time.Minute)
	}
	if n := quick(t, th, "bert", false); n != 1 {
		t.Errorf("under attack an unfamiliar network has %d passwords", n)
	}
	if n := quick(t, th, "bert", true); n != 3 {
		t.Errorf("under attack a familiar network has %d passwords", n)
	}
	w.move(5 * time.Minute)
	if th.UnderAttack() {
		t.Error("the attack is told for longer than it lasts")
	}
	if n := spend(th, from("192.0.2.77"), 100); n != 60 {
		t.Errorf("after the attack a source has %d", n)
	}
	if n := quick(t, th, "carla", false); n != 3 {
		t.Errorf("after the attack a password has %d", n)
	}
}

func TestAQuietOrABusyHouseIsNoAttack(t *testing.T) {
	w := newWatch()
	th := newThrottle(t, throttle.Defaults(), &memory{}, w)
	noise(th, w, 600, 3) // at the floor, out of the blue
	if n := quick(t, th, "alice", false); n != 3 {
		t.Errorf("six hundred wrong secrets a minute are an attack: %d", n)
	}
	for n := 600; n <= 3000; n += 120 { // a house that grows busy over an hour or two
		noise(th, w, n, 4)
	}
	if n := quick(t, th, "bert", false); n != 3 {
		t.Errorf("a busy house is an attack: %d", n)
	}
	noise(th, w, 40_000, 1)
	w.move(-24 * time.Hour) // the clock is put right: no tightness that never ends
	if d := th.MaySend(from("192.0.2.1"), "dav", "x"); d != 0 {
		t.Errorf("a fresh source waits %s", d)
	}
	w.move(6 * time.Minute)
	if n := quick(t, th, "carla", false); n != 3 {
		t.Errorf("after the clock was set back: %d", n)
	}
}
