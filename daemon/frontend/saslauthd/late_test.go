package saslauthd_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/frontend/saslauthd"
	"github.com/sallyport/sallyport/daemon/listen/listentest"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// dialPipe connects. Whoever waits for a whole hour gets an error.
func dialPipe(t *testing.T, l *listentest.Pipes) net.Conn {
	t.Helper()
	here := l.Dial(t)
	if err := here.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return here
}

// askPipe sends a whole request and returns the answer.
func askPipe(t *testing.T, l *listentest.Pipes) string {
	t.Helper()
	c := dialPipe(t, l)
	if _, err := c.Write(counted("alice", "secret", "HTTP", "")); err != nil {
		t.Fatal(err)
	}
	return answer(t, c)
}

// bubble runs the test with a front end whose clock is moved by waiting only. It
// fails if a goroutine is left at its end.
func bubble(t *testing.T, f *fake, test func(*testing.T, *listentest.Pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		services, err := servicemap.New([]string{"dav"}, "", map[string]string{"HTTP": "dav"})
		if err != nil {
			t.Fatal(err)
		}
		handler, err := saslauthd.New(saslauthd.Config{Checker: f, Services: services})
		if err != nil {
			t.Fatal(err)
		}
		l, server, done := listentest.New(), stream.New(handler), make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		t.Cleanup(func() {
			if err := errors.Join(server.Close(), <-done); err != nil {
				t.Error(err)
			}
		})
		test(t, l)
	})
}

// Who does not send a whole request within ten seconds is cut without an answer,
// however what there is of it is spread; nobody else waits for them.
func TestARequestHasTenSeconds(t *testing.T) {
	whole := counted("alice", "secret", "HTTP", "")
	for name, c := range map[string]struct {
		first []byte
		then  []byte // of which one byte is sent each second
	}{
		"nothing":            {},
		"half a length":      {first: whole[:1]},
		"half":               {first: whole[:len(whole)/2]},
		"all but one byte":   {first: whole[:len(whole)-1]},
		"a byte a second":    {then: whole},
		"half of the fifth":  {first: append(append([]byte{}, whole...), 0, 9, '1')},
		"more, but too late": {first: whole[:len(whole)-11], then: whole[len(whole)-11:]},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answer: alice()}
			bubble(t, f, func(t *testing.T, l *listentest.Pipes) {
				begun := time.Now()
				conn, gone := dialPipe(t, l), make(chan time.Duration, 1)
				go func() {
					if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
						t.Errorf("answered %q, %v", got, err)
					}
					gone <- time.Since(begun)
				}()
				if _, err := conn.Write(c.first); err != nil {
					t.Fatal(err)
				}
				var sender sync.WaitGroup
				defer sender.Wait()
				sender.Go(func() {
					for i := range c.then {
						<-time.After(time.Second)
						if _, err := conn.Write(c.then[i : i+1]); err != nil {
							return // it has been cut
						}
					}
				})
				<-time.After(5 * time.Second)
				if got := askPipe(t, l); got != "OK" {
					t.Errorf("somebody else was told %q", got)
				}
				if took := <-gone; took != 10*time.Second {
					t.Errorf("cut after %s", took)
				}
				if asked := len(f.all()); asked != 1 {
					t.Errorf("the engine was asked %d times", asked)
				}
			})
		})
	}
}

// A request that is whole in the last moment is answered as any other.
func TestARequestOfTenSecondsIsInTime(t *testing.T) {
	f := &fake{answer: alice()}
	bubble(t, f, func(t *testing.T, l *listentest.Pipes) {
		conn, whole := dialPipe(t, l), counted("alice", "secret", "HTTP", "")
		if _, err := conn.Write(whole[:3]); err != nil {
			t.Fatal(err)
		}
		<-time.After(10*time.Second - time.Millisecond)
		if _, err := conn.Write(whole[3:]); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, conn); got != "OK" {
			t.Errorf("answered %q", got)
		}
	})
}
