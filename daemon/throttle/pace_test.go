package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/throttle"
)

// steps acts until the client has to wait.
func steps(p *throttle.Pace, c account.Client, most int) (n int) {
	for n < most && p.Step(c) == 0 {
		n++
	}
	return n
}

func TestPace(t *testing.T) {
	w := newWatch()
	p, err := throttle.NewPace(30, w.Now)
	if err != nil {
		t.Fatal(err)
	}
	if n := steps(p, from("192.0.2.1"), 1000); n != 30 {
		t.Errorf("%d in one moment", n)
	}
	if wait := p.Step(from("192.0.2.1")); wait != 2*time.Second {
		t.Errorf("has to wait %s", wait)
	}
	if n := steps(p, from("198.51.100.1"), 1000); n != 30 {
		t.Errorf("somebody else has %d", n)
	}
	w.move(2 * time.Second)
	if n := steps(p, from("192.0.2.1"), 1000); n != 1 {
		t.Errorf("%d after two seconds", n)
	}
	w.move(time.Hour)
	all := 0
	for i := range 65536 {
		all += steps(p, from(fmt.Sprintf("2001:db8:1:%x::1", i)), 1)
	}
	if all != 8*30 {
		t.Errorf("a network of many addresses has %d", all)
	}
	if n := steps(p, account.Client{}, 1000); n != 8*30 {
		t.Errorf("those without an address have %d", n)
	}
	for _, bad := range []int{0, -1, 1_000_001} {
		if _, err := throttle.NewPace(bad, w.Now); err == nil {
			t.Errorf("%d a minute is taken", bad)
		}
	}
}
