package totp

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// No code that may have been accepted up to the floor is accepted after it by a
// record that has forgotten; soon after, the phone's own code is.
func TestFloor(t *testing.T) {
	ask := func(d device, code string, now, floor time.Time) factor.Result {
		got, err := Factor{}.Verify(context.Background(), factor.Request{Input: code, Records: []factor.Record{d.record("r")}, Now: now, Floor: floor})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 2000 {
		d := phone(byte(rand.N(250)))
		d.period = uint16(minPeriod + rand.N(maxPeriod-minPeriod+1))
		period := time.Duration(d.period) * time.Second
		floor := at().Add(rand.N(time.Hour))
		used := floor.Add(-rand.N(3 * period))
		code := func(now time.Time, off int64) string {
			c, err := d.code(d.base32(), uint64(now.Unix()/int64(d.period)+off))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		old := code(used, int64(rand.N(3)-1))
		if got := ask(d, old, used, time.Time{}); got.Verdict != factor.Accept {
			t.Fatalf("the code was never good: %+v", got)
		}
		now := floor.Add(rand.N(3 * period))
		if got := ask(d, old, now, floor); got.Verdict == factor.Accept {
			// A later step may have the same six digits by chance.
			if d.last = spent(t, got); d.last <= uint64(floor.Unix()/int64(d.period)+window) {
				t.Fatalf("a code of %s is good again at %s, floor %s", used, now, floor)
			}
			d.last = 0
		} else if got.Reason == factor.Used && got.Record != "r" {
			t.Fatalf("%+v", got)
		}
		if next := floor.Add(2 * period); ask(d, code(next, 0), next, floor).Verdict != factor.Accept {
			t.Fatalf("the phone's own code is refused at %s, floor %s", next, floor)
		}
	}
}

func TestFloorSaysUsed(t *testing.T) {
	d := phone(1)
	got, err := Factor{}.Verify(context.Background(), factor.Request{Input: d.shows(t, 0), Records: []factor.Record{d.record("r")}, Now: at(), Floor: at()})
	if err != nil || got.Verdict != factor.Deny || got.Reason != factor.Used {
		t.Errorf("%+v, %v", got, err)
	}
	// What was spent beyond it stays spent, and a floor before 1970 is none.
	d.last = uint64(at().Unix()/30) + 1
	if d.spend(at().Add(-time.Hour)).last != d.last || d.spend(time.Unix(-5, 0)).last != d.last {
		t.Error("the floor gives steps back")
	}
}
