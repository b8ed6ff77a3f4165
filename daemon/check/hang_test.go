package check_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/totp"
)

// stuck is a house in which one part does not answer any more: it keeps every
// call until the caller's time is over.
type stuck struct {
	keeper
	*people
	where string
}

func (s *stuck) wait(ctx context.Context, what string) error {
	if s.where != what {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("%w: %w", account.ErrUnavailable, ctx.Err())
}

func (s *stuck) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	if err := s.wait(ctx, "load"); err != nil {
		return account.Snapshot{}, err
	}
	return s.keeper.Load(ctx, id, open...)
}

func (s *stuck) LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error) {
	if err := s.wait(ctx, "load"); err != nil {
		return account.Snapshot{}, err
	}
	return s.keeper.LoadOne(ctx, id, record)
}

func (s *stuck) Commit(ctx context.Context, c account.Change) error {
	if err := s.wait(ctx, "commit"); err != nil {
		return err
	}
	return s.keeper.Commit(ctx, c)
}

func (s *stuck) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	if err := s.wait(ctx, "token"); err != nil {
		return account.Token{}, err
	}
	return s.keeper.Token(ctx, ref)
}

func (s *stuck) Fail(ctx context.Context, t account.Try) (int64, time.Duration, error) {
	if err := s.wait(ctx, "fail"); err != nil {
		return 0, 0, err
	}
	return s.keeper.Fail(ctx, t)
}

func (s *stuck) Find(ctx context.Context, name string) (account.Facts, error) {
	if err := s.wait(ctx, "find"); err != nil {
		return account.Facts{}, err
	}
	return s.people.Find(ctx, name)
}

func (s *stuck) Bind(ctx context.Context, f account.Facts, password account.Secret) (account.Reason, error) {
	if err := s.wait(ctx, "bind"); err != nil {
		return "", err
	}
	return s.people.Bind(ctx, f, password)
}

func (s *stuck) Decoy(ctx context.Context, password account.Secret) error {
	if err := s.wait(ctx, "bind"); err != nil {
		return err
	}
	return s.people.Decoy(ctx, password)
}

func (s *stuck) Before(ctx context.Context, _ hook.Attempt) (hook.Veto, error) {
	return hook.Veto{}, s.wait(ctx, "hook")
}

func (s *stuck) After(context.Context, hook.Event) error { return nil }

// stuckFactor is a plugin of the house.
type stuckFactor struct {
	totp.Factor
	*stuck
}

func (s stuckFactor) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if err := s.wait(ctx, "plugin"); err != nil {
		return factor.Result{}, err
	}
	return s.Factor.Verify(ctx, r)
}

// ticking is a clock that really waits.
type ticking struct{}

func (ticking) Now() time.Time { return time.Now() }
func (ticking) Safe() bool     { return true }

func (ticking) WaitUntil(ctx context.Context, at time.Time) {
	ctx, cancel := context.WithDeadline(ctx, at)
	defer cancel()
	<-ctx.Done()
}

// hanging is a scene on a clock that ticks, one part of which hangs.
func hanging(t *testing.T, where string, grid time.Duration) *scene {
	return newScene(t, func(s *scene) {
		s.clock.now = time.Now()
		s.fresh()
		h := &stuck{keeper: s.real, people: s.people, where: where}
		s.store, s.cfg.Directory, s.cfg.Clock, s.cfg.Grid = h, h, ticking{}, grid
		s.cfg.Factors[0].Plugin = stuckFactor{stuck: h}
		s.cfg.Hooks = []check.Hook{{Name: "h", Hook: h, AllowOnError: true}}
	})
}

// Radicale gives up after five seconds and reports a wrong password, libsasl
// waits for ever: whatever hangs, and whatever the caller does, there is an
// answer within four seconds, and it is an outage and no wrong password.
func TestNoAnswerTakesLongerThanFourSeconds(t *testing.T) {
	for _, where := range []string{"load", "commit", "token", "fail", "find", "bind", "plugin", "hook"} {
		for _, who := range []string{"alice", "nobody"} {
			if who == "nobody" && (where == "commit" || where == "load" || where == "plugin") {
				continue // nothing that nobody does gets that far
			}
			t.Run(where+" "+who, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := hanging(t, where, time.Second)
					_, key := s.enroll("alice", totp.Factor{}, nil)
					ctx, hangUp := context.WithCancel(context.Background())
					hangUp()
					for _, c := range []context.Context{context.Background(), ctx} {
						begun := time.Now()
						ans := s.engine.Check(c, account.Attempt{Service: "web", Name: who, Password: account.Secret(who + "-password"), Code: s.code(key), Client: home()})
						if took := time.Since(begun); took > 4*time.Second || took < 3*time.Second {
							t.Errorf("it took %s", took)
						}
						if ans.Verdict != factor.Unavailable {
							t.Errorf("it is told as %s %s", ans.Verdict, ans.Reason)
						}
					}
				})
			})
		}
	}
}

// Who waits for the same question waits no longer than anybody, and is told
// that it is the directory; nothing of it stays counted.
func TestWhoWaitsForTheSameQuestionWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hanging(t, "bind", time.Second)
		begun := time.Now()
		n, others := parallel(10, func(int) account.Answer { return s.try("web", "alice", "alice-password", "") })
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %s", took)
		}
		if n != 0 || others[account.DirectoryUnavailable] != 10 || s.tries("alice", "") != 0 {
			t.Errorf("%d got in, %v, %d tries are counted", n, others, s.tries("alice", ""))
		}
	})
}

// The grid on which refusals leave does not lengthen a late one beyond that.
func TestALateRefusalLeavesWithinFourSecondsToo(t *testing.T) {
	for _, c := range []struct{ work, grid, want time.Duration }{
		{0, time.Second, time.Second},
		{2900 * time.Millisecond, time.Second, 4 * time.Second},
		{2999 * time.Millisecond, 900 * time.Millisecond, 4 * time.Second}, // the next point is too late
	} {
		synctest.Test(t, func(t *testing.T) {
			s := hanging(t, "commit", c.grid) // so that auditing the wrong code takes all the time it may
			s.enroll("alice", totp.Factor{}, nil)
			s.people.during = func() {
				ctx, cancel := context.WithTimeout(context.Background(), c.work)
				defer cancel()
				<-ctx.Done()
			}
			begun := time.Now()
			ans := s.try("web", "alice", "alice-password", "x")
			took := time.Since(begun)
			want(t, ans, factor.Deny, account.CodeWrong)
			if took != c.want {
				t.Errorf("after %s of work it left after %s, want %s", c.work, took, c.want)
			}
		})
	}
	s := newScene(t, nil)
	s.cfg.Grid = time.Second + 1
	if _, err := check.New(s.cfg); err == nil {
		t.Error("a grid of more than a second was taken")
	}
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
