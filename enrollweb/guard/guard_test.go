package guard

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
)

func TestOnce(t *testing.T) {
	var o Once
	if !o.Take("a") || o.Take("a") {
		t.Error("a key is not taken exactly once")
	}
	if o.GiveBack("a"); !o.Take("a") {
		t.Error("a key that was given back cannot be taken")
	}
	for i := range 2 * onceLimit {
		o.Take(fmt.Sprint(i))
	}
	if len(o.taken) > onceLimit || len(o.order) > onceLimit {
		t.Errorf("remembers %d keys in %d places, at most %d", len(o.taken), len(o.order), onceLimit)
	}
	if o.Take(strings.Repeat("x", onceKey+1)) {
		t.Error("a key of somebody's own making is remembered")
	}
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if o.Take("race") {
				taken.Add(1)
			}
		})
	}
	if all.Wait(); taken.Load() != 1 {
		t.Errorf("taken %d times at once", taken.Load())
	}
}

func TestFormTokens(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range []Level{Pre, Code, Setup, Full} {
		for _, cookie := range []account.Secret{"a", "b"} {
			token := FormToken(l, cookie)
			if seen[token] || len(token) != 43 {
				t.Errorf("token %q of level %d", token, l)
			}
			seen[token] = true
		}
	}
	if FormFits("", "") || FormFits("a", "") || FormFits("a", "b") || !FormFits("a", "a") {
		t.Error("FormFits takes what does not fit")
	}
}

// A cookie that others wrote never becomes more than "no session".
func FuzzCookie(f *testing.F) {
	for _, seed := range []string{"", "c.", "s.AAAA", "AAAA", "s.%%", "c.c.AAAA", strings.Repeat("A", 9000)} {
		f.Add(seed)
	}
	s, err := New("https://login.example.org", false, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{s.name(Code) + "=" + value}
		code, setup := s.Cookie(r, Code), s.Cookie(r, Setup)
		if code != "" && setup != "" {
			t.Errorf("%q passes for two levels", value)
		}
		if len(code) > 1024 || len(setup) > 1024 {
			t.Errorf("%d bytes of cookie", len(value))
		}
	})
}

// What a proxy passes on is somebody's bytes.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "1.2.3.4", "::1, 10.0.0.1", ",,,", "1.2.3.4%eth0", strings.Repeat("10.0.0.1,", 100)} {
		f.Add(seed, "agent")
	}
	s, err := New("https://login.example.org", false, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, forwarded, agent string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"], r.Header["User-Agent"] = []string{forwarded}, []string{agent}
		if c := s.Client(r); c.Addr.String() != "192.0.2.1" || len(c.Agent) > 256 {
			t.Errorf("client %v without a trusted proxy", c)
		}
	})
}
