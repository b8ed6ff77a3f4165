package totp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// Six digits are few: now and then two steps, or two phones, have the same
// code. These tests look for such cases and check which one is meant.

// numbered is a device whose secret is n.
func numbered(n int) device {
	d := phone(0)
	binary.BigEndian.PutUint32(d.secret[4:], uint32(n))
	return d
}

// explainable are the codes that only explain, by the number of steps away.
func explainable(t *testing.T, d device) map[int]string {
	t.Helper()
	out := map[int]string{}
	for off := -20; off <= 20; off++ {
		if off < -window || off > window {
			out[off] = d.shows(t, time.Duration(off)*30*time.Second)
		}
	}
	return out
}

// nearer says which of two offsets is nearer to now.
func nearer(a, b int) int {
	if abs(int64(a)) < abs(int64(b)) {
		return a
	}
	return b
}

func demandDrift(t *testing.T, got factor.Result, steps int) {
	t.Helper()
	want := time.Duration(steps) * 30 * time.Second
	if got.Verdict != factor.Deny || got.Reason != factor.Wrong || got.Drift != want {
		t.Errorf("%v drift %s, want wrong with drift %s", got, got.Drift, want)
	}
}

func TestTwoStepsWithOneCode(t *testing.T) {
	found := 0
	for n := 0; found < 3; n++ {
		if n == 100_000 {
			t.Fatal("no two steps have the same code, which cannot be")
		}
		d := numbered(n)
		at := map[string]int{}
		for off, code := range explainable(t, d) {
			if other, ok := at[code]; ok && abs(int64(other)) != abs(int64(off)) {
				demandDrift(t, verify(t, code, d.record("phone")), nearer(other, off))
				found++
			}
			at[code] = off
		}
	}
}

func TestTwoPhonesWithOneCode(t *testing.T) {
	first := numbered(0)
	at := map[string]int{}
	for off, code := range explainable(t, first) {
		at[code] = off
	}
	found := 0
	for n := 1; found < 3; n++ {
		if n == 100_000 {
			t.Fatal("no two phones have the same code, which cannot be")
		}
		d := numbered(n)
		for off, code := range explainable(t, d) {
			other, ok := at[code]
			if !ok || abs(int64(other)) == abs(int64(off)) {
				continue
			}
			demandDrift(t, verify(t, code, first.record("a"), d.record("b")), nearer(other, off))
			demandDrift(t, verify(t, code, d.record("a"), first.record("b")), nearer(other, off))
			found++
		}
	}
}

// Where one record says used and another only explains, used is told.
func TestUsedBeforeExplained(t *testing.T) {
	fresh, old := phone(1), phone(1)
	old.last = uint64(at().Unix() / 30)
	code := fresh.shows(t, 5*-time.Minute)
	for _, ids := range [][2]string{{"a", "b"}, {"b", "a"}} {
		got := verify(t, code, fresh.record(ids[0]), old.record(ids[1]))
		if got.Reason != factor.Used || got.Record != ids[1] || got.Drift != 0 {
			t.Errorf("%v drift %s, want used of %s", got, got.Drift, ids[1])
		}
	}
}
