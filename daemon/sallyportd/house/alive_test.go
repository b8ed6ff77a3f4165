package house

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Where the store's one writer is stuck, nobody can be counted or let in, and
// the house does not pass for alive. As soon as it goes on, it does.
func TestAStuckWriterIsNotAlive(t *testing.T) {
	s := newScene(t)
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return s.Alive(ctx)
	}
	if err := ask(); err != nil {
		t.Fatalf("at the start: %v", err)
	}
	stuck, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = s.store.Fail(context.Background(), account.Try{Bucket: "b", At: s.clock.Now(), Allow: func([]time.Time) time.Duration {
			close(stuck)
			<-release
			return time.Second
		}})
	}()
	<-stuck
	if err := ask(); err == nil || !strings.Contains(err.Error(), "writer does not answer") {
		t.Errorf("with a stuck writer: %v", err)
	}
	close(release)
	<-done
	if err := ask(); err != nil {
		t.Errorf("once it goes on: %v", err)
	}
	if rows := s.rows("attempt", "bucket"); len(rows) != 0 {
		t.Errorf("asking counted tries: %v", rows)
	}
}
