package endtoend

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestDrain: SIGTERM lets those finish who have asked, and the daemon ends well.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{more: 20})
	s.must("starting", s.start())
	var all errgroup.Group
	for n := range 20 {
		all.Go(func() error {
			// Refusals wait for their place in a raster of time, long enough to
			// be under way when the signal comes.
			a, err := s.check().verdict(login{name: fmt.Sprintf("u%06d", n+1), password: "wrong", service: "web"})
			if err != nil {
				return fmt.Errorf("a request under way was cut: %w", err)
			}
			return expectStatus(a, http.StatusUnauthorized)
		})
	}
	<-time.After(100 * time.Millisecond)
	s.must("stopping", s.daemon.stop())
	s.must("asking", all.Wait())
	if _, err := s.check().ask(request{method: "GET", path: "/v1/health/live"}); err == nil {
		t.Error("somebody still answers")
	}
}
