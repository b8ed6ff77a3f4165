package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

const instance = "0b9a0c5e-6a52-4d8e-9a0f-5f6f2f0a3a10"

func testKEK(n byte) []byte {
	kek := make([]byte, KEKSize)
	for i := range kek {
		kek[i] = n + byte(i)
	}
	return kek
}

func newRing(t testing.TB) (*Ring, []byte) {
	t.Helper()
	r, kept, err := NewRing(testKEK(1), instance)
	if err != nil {
		t.Fatal(err)
	}
	return r, kept
}

func TestRingComesBackTheSame(t *testing.T) {
	first, kept := newRing(t)
	again, err := OpenRing(testKEK(1), kept, instance)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := first.Seal([]byte("seed"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, []byte("place")); err != nil || string(got) != "seed" {
		t.Errorf("opened %q, %v", got, err)
	}
	for _, p := range purposes() {
		if !bytes.Equal(first.MAC(p, []byte("x")), again.MAC(p, []byte("x"))) {
			t.Errorf("the fingerprint for %s changed", p)
		}
	}
}

func TestSealThenOpen(t *testing.T) {
	r, _ := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		sealed, err := r.Seal(plain, place)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Open(sealed, place)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, %v", got, err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Fatal("the plaintext stands in the sealed bytes")
		}
		if _, err := r.Open(sealed, append(place, 0)); err == nil {
			t.Fatal("opened in another place")
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := r.Open(sealed, place); err == nil {
			t.Fatalf("opened with byte %d changed", at)
		}
	})
}

func TestOpenRefusesEveryFlippedBitAndEveryLength(t *testing.T) {
	r, _ := newRing(t)
	sealed, err := r.Seal([]byte("a payload of some length"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[i] ^= 1 << bit
			if _, err := r.Open(b, []byte("place")); err == nil {
				t.Errorf("opened with bit %d of byte %d flipped", bit, i)
			}
		}
		if _, err := r.Open(sealed[:i], []byte("place")); err == nil {
			t.Errorf("opened when cut to %d bytes", i)
		}
	}
	if _, err := r.Open(append(bytes.Clone(sealed), 0), []byte("place")); err == nil {
		t.Error("opened with a byte more")
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	r, _ := newRing(t)
	seen := map[string]bool{}
	for range 1000 {
		b, err := r.Seal([]byte("same"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(b)] {
			t.Fatal("a nonce came twice")
		}
		seen[string(b)] = true
	}
}

func TestRingsShareNothing(t *testing.T) {
	one, _ := newRing(t)
	two, _ := newRing(t) // the same KEK and instance
	sealed, err := one.Seal([]byte("seed"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Open(sealed, nil); err == nil {
		t.Error("another ring opened it")
	}
	if bytes.Equal(one.MAC("state", nil), two.MAC("state", nil)) {
		t.Error("two rings make the same fingerprints")
	}
}

func TestMACIsOfItsPurpose(t *testing.T) {
	r, _ := newRing(t)
	seen := map[string]string{}
	for _, p := range purposes() {
		for _, data := range []string{"", "a", "b", "ab"} {
			m := r.MAC(p, []byte(data))
			if len(m) != 32 {
				t.Errorf("the fingerprint for %s has %d bytes", p, len(m))
			}
			if !bytes.Equal(m, r.MAC(p, []byte(data))) {
				t.Errorf("the fingerprint for %s of %q is not always the same", p, data)
			}
			here := p + " of " + data
			if other, ok := seen[string(m)]; ok {
				t.Errorf("%s has the fingerprint of %s", here, other)
			}
			seen[string(m)] = here
		}
	}
}

func TestMACOfAnUnknownPurposePanics(t *testing.T) {
	r, _ := newRing(t)
	for _, p := range []string{"", "State", "seal", "mac-state"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q had a key", p)
				}
			}()
			r.MAC(p, nil)
		}()
	}
}

func TestWrongKeyAndWrongInstance(t *testing.T) {
	_, kept := newRing(t)
	for name, try := range map[string]func() (*Ring, error){
		"another key":      func() (*Ring, error) { return OpenRing(testKEK(2), kept, instance) },
		"another instance": func() (*Ring, error) { return OpenRing(testKEK(1), kept, "another") },
		"no instance":      func() (*Ring, error) { return OpenRing(testKEK(1), kept, "") },
		"swapped sets": func() (*Ring, error) {
			return OpenRing(testKEK(1), rewrite(t, kept, func(s *stored) {
				s.KeySets["mac-state"], s.KeySets["mac-audit"] = s.KeySets["mac-audit"], s.KeySets["mac-state"]
			}), instance)
		},
		"a missing set": func() (*Ring, error) {
			return OpenRing(testKEK(1), rewrite(t, kept, func(s *stored) { delete(s.KeySets, "mac-token") }), instance)
		},
		"a flipped bit": func() (*Ring, error) {
			return OpenRing(testKEK(1), rewrite(t, kept, func(s *stored) { s.KeySets["seal"][40] ^= 1 }), instance)
		},
	} {
		r, err := try()
		if r != nil || !errors.Is(err, ErrWrongKEK) {
			t.Errorf("%s: %v, %v", name, r, err)
			continue
		}
		for _, want := range []string{"put back the key", "another installation"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say what to do", name, err)
			}
		}
	}
}

func rewrite(t *testing.T, kept []byte, change func(*stored)) []byte {
	t.Helper()
	var s stored
	if err := json.Unmarshal(kept, &s); err != nil {
		t.Fatal(err)
	}
	change(&s)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoredKeySetsThatCannotBeRead(t *testing.T) {
	_, kept := newRing(t)
	for name, b := range map[string][]byte{
		"nothing": nil, "half": kept[:len(kept)/2], "not JSON": []byte("key"),
		"a later format": rewrite(t, kept, func(s *stored) { s.Format = 2 }),
	} {
		if r, err := OpenRing(testKEK(1), b, instance); err == nil || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func TestKeysOfTheWrongSize(t *testing.T) {
	_, kept := newRing(t)
	for _, n := range []int{0, 1, 16, 31, 33, 64} {
		if _, _, err := NewRing(make([]byte, n), instance); err == nil {
			t.Errorf("a ring under a key of %d bytes", n)
		}
		if _, err := OpenRing(make([]byte, n), kept, instance); err == nil {
			t.Errorf("opened with a key of %d bytes", n)
		}
	}
}

func TestStoredKeySetsShowNoKey(t *testing.T) {
	_, kept := newRing(t)
	if bytes.Contains(kept, testKEK(1)) {
		t.Error("the key-encryption key is stored")
	}
	_, again := newRing(t)
	if bytes.Equal(kept, again) {
		t.Error("two rings are stored alike")
	}
}

func TestRingPrintsItselfRedacted(t *testing.T) {
	r, _ := newRing(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "ring", r)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "ring", r)
	//lint:ignore SA9005 that nothing comes out is what is tested
	js, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		r.String(), fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s %x %q %d", r, r, r, r, r, r, r),
	} {
		if strings.ReplaceAll(strings.ReplaceAll(got, "key ring [redacted]", ""), " ", "") != "" {
			t.Errorf("printed %q", got)
		}
	}
	if string(js) != "{}" || strings.Count(log.String(), "key ring [redacted]") != 2 {
		t.Errorf("printed %s and %s", js, log.String())
	}
}

func TestRingServesManyAtOnce(t *testing.T) {
	r, _ := newRing(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			place := fmt.Appendf(nil, "place %d", i)
			want := r.MAC("token", place)
			for range 50 {
				b, err := r.Seal(place, place)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := r.Open(b, place); err != nil || !bytes.Equal(got, place) {
					t.Errorf("opened %q, %v", got, err)
				}
				if !bytes.Equal(want, r.MAC("token", place)) {
					t.Error("another fingerprint")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpenRing(f *testing.F) {
	_, kept := newRing(f)
	f.Add(kept)
	f.Add([]byte(`{"format":1,"key_sets":{"seal":""}}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := OpenRing(testKEK(9), b, instance); err == nil || r != nil {
			t.Error("opened with a key that it was not made with")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	r, _ := newRing(b)
	sealed, err := r.Seal(make([]byte, 64), make([]byte, 150))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Open(sealed, make([]byte, 150)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMAC(b *testing.B) {
	r, _ := newRing(b)
	data := make([]byte, 1000)
	for b.Loop() {
		r.MAC("state", data)
	}
}
