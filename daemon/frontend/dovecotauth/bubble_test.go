package dovecotauth_test

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/listen/listentest"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// dialPipe connects, and reads what the server sends as it comes: behind a pipe
// there is no buffer in which it could wait.
func dialPipe(t *testing.T, l *listentest.Pipes) *wired {
	t.Helper()
	here := l.Dial(t)
	w := &wired{t: t, c: here, lines: make(chan string, 4096)}
	go func() {
		defer close(w.lines)
		for r := bufio.NewReader(here); ; {
			line, err := r.ReadString('\n')
			if line != "" {
				w.lines <- strings.TrimSuffix(line, "\n")
			}
			if err != nil {
				return
			}
		}
	}()
	for w.line() != "DONE" {
	}
	return w
}

// wired is the client's end of a pipe.
type wired struct {
	t     *testing.T
	c     net.Conn
	lines chan string
}

func (w *wired) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.c, text); err != nil {
		w.t.Fatalf("sending %q: %v", text, err)
	}
}

func (w *wired) line() string {
	w.t.Helper()
	line, open := <-w.lines
	if !open {
		w.t.Fatal("the connection ended where a line was wanted")
	}
	return line
}

func (w *wired) expect(want string) {
	w.t.Helper()
	if got := w.line(); got != want {
		w.t.Errorf("answered %q, want %q", got, want)
	}
}

// silent wants that the server has nothing more to say for now, and is there.
func (w *wired) silent(when string) {
	w.t.Helper()
	synctest.Wait()
	select {
	case line, open := <-w.lines:
		w.t.Fatalf("%s: answered %q, connected: %v", when, line, open)
	default:
	}
}

// ended waits for the end of the connection, before which nothing more is said.
func (w *wired) ended() {
	w.t.Helper()
	select {
	case line, open := <-w.lines:
		if open {
			w.t.Errorf("instead of the end: %q", line)
		}
	case <-time.After(time.Hour):
		w.t.Fatal("connected for ever")
	}
}

// bubble runs the test with a front end whose clock is moved by waiting only. It
// fails if a goroutine is left at its end.
func bubble(t *testing.T, f *fake, test func(*testing.T, *listentest.Pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		services, err := servicemap.New([]string{"dav", "mail"}, "", map[string]string{"radicale": "dav", "smtp": "mail"})
		if err != nil {
			t.Fatal(err)
		}
		handler := handlerOf(t, dovecotauth.Config{Checker: f, Text: said(t), Services: services, PID: 4711, Rand: rand.Reader})
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

const hello = "VERSION\t1\t1\nCPID\t12\n"

// Each byte comes in a read of its own, others are served between any two of
// them, and nothing is answered before its line is whole.
func TestLinesThatComeByteByByte(t *testing.T) {
	f := &fake{}
	bubble(t, f, func(t *testing.T, l *listentest.Pipes) {
		slow, other := dialPipe(t, l), dialPipe(t, l)
		other.send(hello)
		id := 0
		for _, say := range []struct{ line, want string }{
			{"VERSION\t1\t1", ""},
			{"CPID\t12", ""},
			{plain(1, "alice", "s", "secured", "rip=192.0.2.7"), "OK\t1\tuser=alice"},
			{"GREASE\tx", ""},
			{plain(2, "müller", "ä"), "OK\t2\tuser=müller"},
			{"AUTH\t3\tLOGIN\tservice=smtp", "CONT\t3\tVXNlcm5hbWU6"},
			{"CONT\t3\t" + b64("alice"), "CONT\t3\tUGFzc3dvcmQ6"},
			{plain(4, "bert", "s"), "FAIL\t4\t" + refused},
			{"CONT\t3\t" + b64("s"), "OK\t3\tuser=alice"},
			{"AUTH\t5\tPLAIN\tservice=radicale\tresp=!!!!", "FAIL\t5\treason=The request is incomplete.\tcode=invalid_base64"},
		} {
			for i := range len(say.line) {
				slow.send(say.line[i : i+1])
				id++
				other.send(plain(id, "Alice", "s") + "\n")
				if got := other.line(); !strings.HasPrefix(got, "OK\t") {
					t.Fatalf("somebody else was told %q", got)
				}
				slow.silent(say.line[:i+1])
			}
			slow.send("\n")
			if say.want != "" {
				slow.expect(say.want)
			}
			slow.silent("after " + say.line)
		}
		asked := map[string]int{}
		for _, a := range f.all() {
			asked[a.Name+" "+a.Service+" "+a.Password.Reveal()]++
		}
		want := map[string]int{"alice dav s": 1, "müller dav ä": 1, "alice mail s": 1, "bert dav s": 1, "Alice dav s": id}
		for question, n := range want {
			if asked[question] != n {
				t.Errorf("%q was asked %d times, want %d", question, asked[question], n)
			}
		}
		if len(asked) != len(want) {
			t.Errorf("asked %v", asked)
		}
	})
}

// after waits on the clock of the bubble.
func after(d time.Duration) { <-time.After(d) }

// Who does not introduce themselves within ten seconds is cut, whatever they
// sent of it and however they spread it; nobody else waits for them.
func TestTheHandshakeHasTenSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		first string
		then  string // once a second
	}{
		"nothing":              {},
		"half a line":          {first: "VERSION\t1"},
		"half of it":           {first: "VERSION\t1\t1\n"},
		"all but its last end": {first: strings.TrimSuffix(hello, "\n")},
		"a byte a second":      {then: "x"},
		"a line a second":      {first: "VERSION\t1\t1\n", then: "GREASE\tx\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			bubble(t, f, func(t *testing.T, l *listentest.Pipes) {
				begun := time.Now()
				k, stop := dialPipe(t, l), make(chan struct{})
				defer close(stop)
				k.send(c.first)
				go func() {
					for tick := time.NewTicker(time.Second); c.then != ""; {
						select {
						case <-tick.C:
							_, _ = io.WriteString(k.c, c.then) // it may have been cut
						case <-stop:
							return
						}
					}
				}()
				after(5 * time.Second)
				other := dialPipe(t, l)
				other.send(hello + plain(1, "alice", "s") + "\n")
				other.expect("OK\t1\tuser=alice")
				after(5*time.Second - time.Millisecond)
				k.silent("before the ten seconds are over")
				k.ended()
				if took := time.Since(begun); took != 10*time.Second {
					t.Errorf("cut after %s", took)
				}
				other.send(plain(2, "alice", "s") + "\n")
				other.expect("OK\t2\tuser=alice")
				if asked := len(f.all()); asked != 2 {
					t.Errorf("the engine was asked %d times", asked)
				}
			})
		})
	}
}

// The ten seconds are for the handshake only: a client that has introduced
// itself, be it in the last moment, may pause for half an hour, again and again.
func TestAfterTheHandshakeAPauseIsAllowed(t *testing.T) {
	bubble(t, &fake{}, func(t *testing.T, l *listentest.Pipes) {
		k := dialPipe(t, l)
		after(10*time.Second - time.Millisecond)
		k.send(hello)
		for i, pause := range []time.Duration{11 * time.Second, 29 * time.Minute, 29 * time.Minute} {
			after(pause)
			k.send(plain(i+1, "bert", "s") + "\n")
			k.expect(fmt.Sprintf("FAIL\t%d\t%s", i+1, refused))
		}
		begun := time.Now()
		k.ended()
		if took := time.Since(begun); took != 30*time.Minute {
			t.Errorf("cut after a pause of %s", took)
		}
	})
}
