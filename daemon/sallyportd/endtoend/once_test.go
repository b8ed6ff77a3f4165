package endtoend

import (
	"net/http"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestOneCodeIsTakenOnce: one right code, fired by many at the same moment over
// every way there is, opens one door.
func TestOneCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	p, err := s.enroll(s.browser(), "alice", "")
	s.must("setting up", err)
	code, err := s.phones.code(p.key)
	s.must("computing a code", err)
	var taken atomic.Int32
	var all errgroup.Group
	for n := range 256 {
		all.Go(func() error {
			var a answer
			var err error
			if n%2 == 0 {
				a, err = s.check().verdict(login{name: "alice", password: "alice-password", code: code, service: "web"})
			} else {
				a, err = s.check().auth(login{name: "alice", password: "alice-password" + code, service: "web"}, false)
			}
			if a.status == http.StatusOK || a.status == http.StatusNoContent {
				taken.Add(1)
			}
			return err
		})
	}
	s.must("asking", all.Wait())
	if taken.Load() != 1 {
		t.Errorf("the code was taken %d times", taken.Load())
	}
}
