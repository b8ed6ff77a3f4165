package clock

import (
	"testing"
	"time"
)

// fakeTime moves the wall clock and the ticking clock apart.
type fakeTime struct {
	wall   time.Time
	ticked time.Duration
}

func (f *fakeTime) pass(d time.Duration) { f.wall, f.ticked = f.wall.Add(d), f.ticked+d }

func (f *fakeTime) clock() *Clock {
	c := &Clock{wall: func() time.Time { return f.wall }, ticked: func() time.Duration { return f.ticked }}
	c.trusted = c.zero()
	return c
}

func TestClockThatJumpsJudgesNoCodesUntilItHoldsStill(t *testing.T) {
	for _, by := range []time.Duration{11 * time.Second, -11 * time.Second, time.Hour, -time.Hour, 365 * 24 * time.Hour} {
		f := &fakeTime{wall: time.Unix(1_800_000_000, 0)}
		c := f.clock()
		f.pass(time.Hour)
		if !c.Safe() {
			t.Fatalf("%v: not safe before the jump", by)
		}
		f.wall = f.wall.Add(by)
		if c.Safe() {
			t.Errorf("%v: safe right after the jump", by)
		}
		f.pass(settled - time.Second)
		if c.Safe() {
			t.Errorf("%v: safe before the clock held still for a minute", by)
		}
		f.pass(2 * time.Second)
		if !c.Safe() {
			t.Errorf("%v: still not safe after a minute", by)
		}
	}
}

func TestClockThatIsCorrectedBackIsSafeAtOnce(t *testing.T) {
	f := &fakeTime{wall: time.Unix(1_800_000_000, 0)}
	c := f.clock()
	f.wall = f.wall.Add(time.Hour)
	if c.Safe() {
		t.Fatal("safe after a jump")
	}
	f.wall = f.wall.Add(-time.Hour)
	if !c.Safe() {
		t.Error("not safe although the old time is back")
	}
}

func TestClockThatKeepsJumpingNeverSettles(t *testing.T) {
	f := &fakeTime{wall: time.Unix(1_800_000_000, 0)}
	c := f.clock()
	for i := range 20 {
		f.wall = f.wall.Add(20 * time.Second)
		f.pass(30 * time.Second)
		if c.Safe() {
			t.Fatalf("safe in round %d", i)
		}
	}
}

func TestSmallCorrectionsAreSafe(t *testing.T) {
	f := &fakeTime{wall: time.Unix(1_800_000_000, 0)}
	c := f.clock()
	f.wall = f.wall.Add(9 * time.Second)
	if !c.Safe() || c.Skew() != 9*time.Second {
		t.Errorf("safe=%v skew=%v after a correction of 9 s", c.Safe(), c.Skew())
	}
}
