package dovecotauth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/plugins/factor"
)

// A thousand requests and a hang-up: every one that the engine has is finished,
// and the next client is served.
func TestAThousandRequestsThenAHangUp(t *testing.T) {
	f := &fake{}
	path, server := serve(t, f, nil)
	k := open(t, path)
	var lines []string
	for id := 1; id <= 1000; id++ {
		lines = append(lines, plain(id, "alice", "s"))
	}
	k.send(lines...)
	if err := k.c.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, path)
	next.send(plain(1, "alice", "s"))
	next.expect("OK\t1\tuser=alice")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("what was begun does not end: %v", err)
	}
}

// lingering is an engine whose part hangs, or whose refusals wait for the grid:
// it keeps to the deadline that it is given.
type lingering struct {
	takes time.Duration
	ans   account.Answer
}

func (l lingering) Check(ctx context.Context, _ account.Attempt) account.Answer {
	done := time.NewTimer(l.takes)
	defer done.Stop()
	select {
	case <-done.C:
		return l.ans
	case <-ctx.Done():
		return account.Answer{Reason: account.StoreUnavailable}
	}
}

// Of a thousand requests at once none waits longer than 4 seconds for its answer,
// whatever each of them takes; those for which there is no time are told so.
func TestNoAnswerOfAThousandTakesLongerThanFourSeconds(t *testing.T) {
	for name, checker := range map[string]lingering{
		"hang":    {takes: time.Hour},
		"refused": {takes: time.Second, ans: account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, _ := serve(t, &fake{}, func(c *dovecotauth.Config) { c.Checker = checker })
			k := open(t, path)
			var lines []string
			for id := 1; id <= 1000; id++ {
				lines = append(lines, plain(id, "bert", "s", "rip=192.0.2.1"))
			}
			begun := time.Now()
			k.send(lines...)
			later, no := 0, 0
			for later+no < 999 { // the last one is told by closing, see outage
				if strings.Contains(k.line(), "temp_fail") {
					later++
				} else {
					no++
				}
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("the last answer took %s", took)
			}
			if name == "hang" && no > 0 || name == "refused" && no < 64 {
				t.Errorf("%d were refused, %d told to come later", no, later)
			}
		})
	}
}

// Whoever opens requests and never goes on is told so, and holds a bounded
// number of them.
func TestOpenRequestsAreBounded(t *testing.T) {
	path, _ := serve(t, &fake{}, nil)
	k := open(t, path)
	for id := 1; id <= 1024; id++ {
		k.send(fmt.Sprintf("AUTH\t%d\tLOGIN\tservice=smtp", id))
		k.expect(fmt.Sprintf("CONT\t%d\tVXNlcm5hbWU6", id))
	}
	k.send("AUTH\t1025\tLOGIN\tservice=smtp")
	k.expect("FAIL\t1025\tcode=temp_fail")
	k.send("CANCEL\t7", plain(1026, "alice", "s"))
	k.expect("OK\t1026\tuser=alice")
}

// A client that never reads its answers is cut, and nobody else waits for it.
func TestAClientThatNeverReads(t *testing.T) {
	path, _ := serve(t, &fake{}, nil)
	deaf := open(t, path)
	ended := make(chan error, 1)
	go func() {
		for id := 1; ; id++ {
			if _, err := fmt.Fprintln(deaf.c, plain(id, "bert", "s")); err != nil {
				ended <- err
				return
			}
		}
	}()
	k := open(t, path)
	k.send(plain(1, "alice", "s"))
	k.expect("OK\t1\tuser=alice")
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		t.Error("it is still connected")
	}
}

// A daemon that stops answers what it has begun, and waits for nobody idle.
func TestStoppingAnswersWhatHasBegun(t *testing.T) {
	f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{})}}
	path, server := serve(t, f, nil)
	idle, busy := open(t, path), open(t, path)
	busy.send(plain(1, "slow", "s"))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(f.all()) == 0 {
		<-tick.C
	}
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- server.Shutdown(ctx)
	}()
	idle.closed()
	close(f.gates["slow"])
	busy.expect("OK\t1\tuser=alice")
	busy.closed()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
