package memory

import (
	"sync"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/stale"
)

// A fingerprint tells places, people, secrets and memories apart, wherever one of
// its parts ends, and is the same whoever asks at the same time.
func TestFingerprintsAreApart(t *testing.T) {
	m := New(make([]byte, 32))
	seen := map[stale.Fingerprint][3]string{}
	for _, parts := range [][3]string{
		{"", "", ""}, {"a", "", ""}, {"", "a", ""}, {"", "", "a"}, {"ab", "c", "d"}, {"a", "bc", "d"}, {"a", "b", "cd"},
		{"a\x00b", "c", "d"}, {"a", "b\x00c", "d"},
	} {
		f := m.Fingerprint(parts[0], parts[1], account.Secret(parts[2]))
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q are one", parts, other)
		}
		seen[f] = parts
		if other := New([]byte{31: 1}).Fingerprint(parts[0], parts[1], account.Secret(parts[2])); other == f {
			t.Errorf("%q is the same with another key", parts)
		}
	}
	want := m.Fingerprint("a", "b", "c")
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 100 {
				m.Fingerprint("other", "people", "secrets")
				if m.Fingerprint("a", "b", "c") != want {
					t.Error("it changes")
				}
			}
		})
	}
	all.Wait()
}
