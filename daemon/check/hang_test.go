package check_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// stuck is a store on a disk that does not answer any more.
type stuck struct{ keeper }

func (stuck) Load(ctx context.Context, _ account.ID, _ ...string) (account.Snapshot, error) {
	<-ctx.Done()
	return account.Snapshot{}, fmt.Errorf("%w: %w", account.ErrUnavailable, ctx.Err())
}

func (stuck) Commit(ctx context.Context, _ account.Change) error {
	<-ctx.Done()
	return fmt.Errorf("%w: %w", account.ErrUnavailable, ctx.Err())
}

// A caller without a deadline, or that hangs up, is no reason to keep an
// attempt for ever: they would pile up behind a disk that hangs.
func TestAPartThatHangsKeepsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(s *scene) { s.store = stuck{s.store} })
		ctx, hangUp := context.WithCancel(context.Background())
		hangUp()
		begun := time.Now()
		ans := s.engine.Check(ctx, account.Attempt{Service: "dav", Name: "alice", Password: "wrong", Client: home()})
		want(t, s.engine.Check(ctx, account.Attempt{Service: "web", Name: "alice", Password: "alice-password", Client: home()}),
			factor.Unavailable, account.StoreUnavailable)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %s (%s)", took, ans.Reason)
		}
	})
}

// Whoever goes on against a password that has to wait is slowed down by
// source, or a flood of tries would be free.
func TestTriesThatHaveToWaitCountAgainstTheirSource(t *testing.T) {
	s := newScene(t, nil)
	tried := 0
	for ; tried < 200 && s.throttle.MaySend(home(), "web", "alice") == 0; tried++ {
		s.try("web", "alice", account.Secret(fmt.Sprint("wrong ", tried)), "")
	}
	if tried > s.limits.SourcePerMinute+1 {
		t.Errorf("%d tries in one moment, %d a minute are allowed", tried, s.limits.SourcePerMinute)
	}
}
