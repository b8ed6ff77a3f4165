package dovecotauth_test

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// A thousand requests and a hang-up: every one that the engine has is finished,
// and the next client is served.
func TestAThousandRequestsThenAHangUp(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f, nil)
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
