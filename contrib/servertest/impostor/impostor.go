// Package impostor stands at a check socket in place of the daemon and answers
// as the daemon never does: cut short, too long, too slowly, in another
// language, or not at all. With it the recipes show that a helper takes none of
// that for a yes, nor for a wrong password.
//
// It judges no login and knows no helper. Only the tests of the recipes may
// import it.
package impostor

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Reply is what one connection gets, whatever was asked; then it is closed.
type Reply struct {
	// Name says what is wrong with it.
	Name string
	// Text is all of it, in one piece.
	Text string
	// Every sends Text byte by byte with that pause; zero means at once.
	Every time.Duration
	// Endless sends this after Text, again and again.
	Endless string
	// Silent leaves the connection open after Text, for as long as the helper
	// stays.
	Silent bool
}

// Daemon gives the replies, to the first connection the first one; later ones
// are closed unanswered.
type Daemon struct {
	// Socket is its path.
	Socket string

	mu      sync.Mutex
	replies []Reply
	asked   int
}

// Start listens until the test ends.
func Start(t testing.TB, replies ...Reply) *Daemon {
	t.Helper()
	d := &Daemon{Socket: t.TempDir() + "/s", replies: replies}
	l, err := net.Listen("unix", d.Socket)
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	if err := os.Chmod(d.Socket, 0o666); err != nil {
		t.Fatalf("opening the socket: %v", err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := d.next()
			open.Go(func() { answer(c, r) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait() // the helpers are gone before the test is
	})
	return d
}

// Asked is how many connections there were.
func (d *Daemon) Asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *Daemon) next() (r Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked < len(d.replies) {
		r = d.replies[d.asked]
	}
	d.asked++
	return r
}

// answer reads a request to its end and sends the reply.
func answer(c net.Conn, r Reply) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
	if err := r.send(c); err == nil && r.Silent {
		_, _ = io.Copy(io.Discard, in) // until the helper leaves
	}
}

// send ends with an error where the helper has left before the end.
func (r Reply) send(w io.Writer) error {
	if r.Every == 0 {
		if _, err := io.WriteString(w, r.Text); err != nil || r.Endless == "" {
			return err
		}
		for more := strings.Repeat(r.Endless, 1000); ; {
			if _, err := io.WriteString(w, more); err != nil {
				return err
			}
		}
	}
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for i := range len(r.Text) {
		if _, err := io.WriteString(w, r.Text[i:i+1]); err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

// Crowd listens at a path until the test ends, accepts nobody, and has a queue
// that is full already.
func Crowd(t testing.TB, path string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("making a socket: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), os.Chmod(path, 0o666), syscall.Listen(fd, 0)); err != nil {
		t.Fatalf("listening: %v", err)
	}
	for range 100 {
		c, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatalf("filling the queue: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue does not fill")
}
