package seal

import (
	"bytes"
	"errors"
	"testing"
)

func reopen(t *testing.T, kek, kept []byte) *Ring {
	t.Helper()
	r, err := OpenRing(kek, kept, instance)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, b []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Through a whole rotation everything opens and every fingerprint holds; after
// it, only what is under the new keys, and the audit.
func TestRotate(t *testing.T) {
	r, _ := newRing(t)
	sealed := must2(t)(r.Seal([]byte("seed"), []byte("place")))
	macs := map[string][]byte{}
	for _, p := range purposes() {
		macs[p] = r.MAC(p, []byte("x"))
	}
	if r.Rotating() || !r.Fresh(sealed) {
		t.Error("a new ring is rotating, or what it seals is old")
	}
	kept := must2(t)(r.Rotate())
	if r.Rotating() || !r.Fresh(sealed) {
		t.Error("new keys are in use before they are kept")
	}
	if err := r.Adopt(kept); err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]*Ring{"the ring": r, "after a restart": reopen(t, testKEK(1), kept)} {
		if !ring.Rotating() || ring.Fresh(sealed) {
			t.Errorf("%s: not rotating, or the old is fresh", name)
		}
		if got, err := ring.Open(sealed, []byte("place")); err != nil || string(got) != "seed" {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
		anew := must2(t)(ring.Seal([]byte("seed"), []byte("place")))
		if !ring.Fresh(anew) {
			t.Errorf("%s seals with an old key", name)
		}
		for _, p := range purposes() {
			changed := p == "state" || p == "audit"
			if !ring.Genuine(p, []byte("x"), macs[p]) || ring.Genuine(p, []byte("y"), macs[p]) {
				t.Errorf("%s: the fingerprint for %s does not hold", name, p)
			}
			if bytes.Equal(ring.MAC(p, []byte("x")), macs[p]) == changed {
				t.Errorf("%s: the fingerprint for %s: changed is not %t", name, p, changed)
			}
		}
	}
	anew := must2(t)(r.Seal([]byte("seed"), []byte("place")))
	retired := reopen(t, testKEK(1), must2(t)(r.Retire()))
	if retired.Rotating() {
		t.Error("still rotating")
	}
	if _, err := retired.Open(sealed, []byte("place")); err == nil {
		t.Error("the old key is there still")
	}
	if got, err := retired.Open(anew, []byte("place")); err != nil || string(got) != "seed" {
		t.Errorf("opened %q, %v", got, err)
	}
	for _, p := range purposes() {
		if retired.Genuine(p, []byte("x"), macs[p]) == (p == "state") {
			t.Errorf("the old fingerprint for %s", p)
		}
	}
	if _, err := r.Open(sealed, []byte("place")); err != nil {
		t.Error("what is under way cannot be opened any more")
	}
}

func must2(t *testing.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte { t.Helper(); return must(t, b, err) }
}

// At every moment of a change of the master key, the file that lies there opens
// the ring; after the first start with the new one, that alone.
func TestRewrap(t *testing.T) {
	r, kept := newRing(t)
	sealed := must2(t)(r.Seal([]byte("seed"), nil))
	both := must2(t)(r.Rewrap(testKEK(7)))
	old := reopen(t, testKEK(1), both)
	if b, err := old.Settle(); b != nil || err != nil {
		t.Errorf("the old key settles: %d bytes, %v", len(b), err)
	}
	if _, err := old.Rotate(); err == nil {
		t.Error("rotated where the new keys cannot be put under the new master key")
	}
	next := reopen(t, testKEK(7), both)
	if got, err := next.Open(sealed, nil); err != nil || string(got) != "seed" {
		t.Errorf("opened %q, %v", got, err)
	}
	settled := must2(t)(next.Settle())
	reopen(t, testKEK(7), settled)
	if _, err := OpenRing(testKEK(1), settled, instance); !errors.Is(err, ErrWrongKEK) {
		t.Errorf("the old master key still opens it: %v", err)
	}
	if _, err := OpenRing(testKEK(7), kept, instance); !errors.Is(err, ErrWrongKEK) {
		t.Errorf("the new master key opens what is from before: %v", err)
	}
	if _, err := r.Rewrap(make([]byte, 5)); err == nil {
		t.Error("a short master key is taken")
	}
}

// A ring of before there was a journal gets its key once, and keeps it.
func TestSettleAddsTheJournal(t *testing.T) {
	r, kept := newRing(t)
	before := rewrite(t, kept, func(s *stored) { delete(s.KeySets, "mac-journal") })
	first := reopen(t, testKEK(1), before)
	settled := must2(t)(first.Settle())
	if settled == nil {
		t.Fatal("nothing is to be kept")
	}
	again := reopen(t, testKEK(1), settled)
	if !bytes.Equal(first.MAC("journal", nil), again.MAC("journal", nil)) || bytes.Equal(first.MAC("journal", nil), r.MAC("journal", nil)) {
		t.Error("the journal's key is not a new one that stays")
	}
	if b, err := again.Settle(); b != nil || err != nil {
		t.Errorf("it settles again: %d bytes, %v", len(b), err)
	}
	if !bytes.Equal(r.MAC("audit", nil), again.MAC("audit", nil)) {
		t.Error("another key changed")
	}
}
