package stream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// scene is a server on a real socket.
type scene struct {
	t      *testing.T
	srv    *stream.Server
	path   string
	served chan error // what Serve returned
}

func start(t *testing.T, h stream.Handler) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, srv: stream.New(h), path: filepath.Join(dir, "s"), served: make(chan error, 1)}
	l, err := listen.Unix(listen.Config{Path: s.path})
	if err != nil {
		t.Fatal(err)
	}
	go func() { s.served <- s.srv.Serve(l) }()
	t.Cleanup(func() { s.srv.Close(); os.RemoveAll(dir) })
	return s
}

func (s *scene) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("unix", s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wait returns what comes, and fails the test if nothing does.
func wait[T any](t *testing.T, ch <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-ch:
	case <-time.After(patience):
		t.Fatal(what + ": nothing happened")
	}
	return got
}

// lines answers each line with itself; busy is told of every line, and the
// answer waits for release. Whoever has the answer knows that nothing but a
// read is left to do.
func lines(busy chan<- string, release <-chan struct{}) stream.Handler {
	return func(_ context.Context, c *stream.Conn) {
		in := bufio.NewReader(c)
		c.ReadWithin(time.Hour)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			busy <- line
			<-release
			c.ReadWithin(time.Hour)
			c.WriteWithin(patience)
			io.WriteString(c, line)
		}
	}
}

// A request under way is answered, a peer that says nothing is let go at once,
// and Shutdown waits for the first and not for the second.
func TestShutdownLetsWorkFinishAndReadersGo(t *testing.T) {
	busy, release := make(chan string, 1), make(chan struct{})
	s := start(t, lines(busy, release))
	idle, working := s.dial(), s.dial()
	io.WriteString(idle, "hi\n")
	wait(t, busy, "the handler")
	release <- struct{}{}
	if line, err := bufio.NewReader(idle).ReadString('\n'); line != "hi\n" {
		t.Fatal(line, err)
	}
	io.WriteString(working, "work\n")
	wait(t, busy, "the handler")

	down := make(chan error, 1)
	go func() { down <- s.srv.Shutdown(within(t)) }()
	if n, err := idle.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the idle reader got %d bytes, %v", n, err)
	}
	if err := wait(t, s.served, "Serve"); err != nil {
		t.Errorf("Serve after a shutdown: %v", err)
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown did not wait for the handler at work: %v", err)
	default:
	}
	close(release)
	// The answer, then the end: the handler's next read must not wait an hour,
	// although it asked for one after the shutdown had begun.
	if all, err := io.ReadAll(working); string(all) != "work\n" || err != nil {
		t.Errorf("the request under way got %q, %v", all, err)
	}
	if err := wait(t, down, "Shutdown"); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("unix", s.path); err == nil {
		c.Close()
		t.Error("somebody still listens")
	}
}

// Whatever a handler sets while its server ends, reads fail at once.
func TestReadWithinDoesNotExtendDuringAShutdown(t *testing.T) {
	began, stopped, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := start(t, func(_ context.Context, c *stream.Conn) {
		close(began)
		<-stopped
		c.ReadWithin(time.Hour)
		_, err := c.Read(make([]byte, 1))
		result <- err
	})
	c := s.dial()
	wait(t, began, "the handler")
	down := make(chan error, 1)
	go func() { down <- s.srv.Shutdown(within(t)) }()
	wait(t, s.served, "Serve") // it returns once the server is stopped
	close(stopped)
	if err := wait(t, result, "the read"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
	if err := wait(t, down, "Shutdown"); err != nil {
		t.Error(err)
	}
	c.Close()
}

// After a rush only so many goroutines wait for the next one, each connection
// is served once, and none of them outlives the server.
func TestIdleGoroutinesAreFewAndEndWithTheServer(t *testing.T) {
	const rush, mostIdle = 200, 64
	release, served := make(chan struct{}), make(chan struct{}, 2*rush)
	s := start(t, func(_ context.Context, c *stream.Conn) {
		<-release
		io.WriteString(c, "served")
		served <- struct{}{}
	})
	for range 2 { // the second time some are there already
		conns := make([]net.Conn, rush)
		for i := range conns {
			conns[i] = s.dial()
		}
		for range rush {
			go func() { release <- struct{}{} }()
		}
		for _, c := range conns {
			if all, err := io.ReadAll(c); string(all) != "served" || err != nil {
				t.Fatalf("%q, %v", all, err)
			}
		}
		settle(t, "after a rush", mostIdle)
	}
	if len(served) != 2*rush {
		t.Errorf("%d connections were served of %d", len(served), 2*rush)
	}
	if err := s.srv.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	settle(t, "after the end", 0)
}

// settle waits until at most so many goroutines serve or wait to.
func settle(t *testing.T, when string, most int) {
	t.Helper()
	buf, tick, limit := make([]byte, 4<<20), time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		n := strings.Count(string(buf[:runtime.Stack(buf, true)]), "stream.(*Server).work(")
		if n <= most {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s %d goroutines are there, allowed are %d", when, n, most)
		}
	}
}

// A handler that does not end is waited for as long as the context says, and
// Close then cuts what it still holds.
func TestShutdownGivesUpAndCloseCuts(t *testing.T) {
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := start(t, func(ctx context.Context, c *stream.Conn) {
		close(began)
		<-release
		_, err := c.Write([]byte("late"))
		ended <- errors.Join(err, ctx.Err())
	})
	c := s.dial()
	wait(t, began, "the handler")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.srv.Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown without patience: %v", err)
	}
	if err := s.srv.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer got %d bytes, %v", n, err)
	}
	close(release)
	if err := wait(t, ended, "the handler"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the handler wrote into a cut connection: %v", err)
	}
	if err := s.srv.Shutdown(within(t)); err != nil {
		t.Errorf("a second end: %v", err)
	}
}

func TestServeAfterAShutdownClosesTheListener(t *testing.T) {
	srv := stream.New(func(context.Context, *stream.Conn) { t.Error("it was served") })
	if err := srv.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	l := &failing{errs: make(chan error)}
	if err := srv.Serve(l); err != nil || !l.closed() {
		t.Errorf("Serve: %v, listener closed: %v", err, l.closed())
	}
}

// failing is a listener that fails as told, or when it is closed.
type failing struct {
	mu   sync.Mutex
	shut bool
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) { return nil, <-f.errs }
func (f *failing) Addr() net.Addr            { return &net.UnixAddr{} }
func (f *failing) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = true
	return nil
}

func (f *failing) closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shut
}

func TestAListenerThatFailsIsAnError(t *testing.T) {
	broken := errors.New("out of files")
	l := &failing{errs: make(chan error, 1)}
	l.errs <- broken
	srv := stream.New(func(context.Context, *stream.Conn) {})
	if err := srv.Serve(l); !errors.Is(err, broken) {
		t.Errorf("Serve: %v", err)
	}
}

func TestThePeerIsTheKernels(t *testing.T) {
	uid := make(chan int, 1)
	s := start(t, func(_ context.Context, c *stream.Conn) {
		uid <- c.Peer().UID
		io.WriteString(c, "bye")
	})
	c := s.dial()
	if got := wait(t, uid, "the handler"); got != os.Getuid() {
		t.Errorf("the peer is %d", got)
	}
	if all, err := io.ReadAll(c); string(all) != "bye" || err != nil {
		t.Errorf("the peer got %q, %v", all, err)
	}
}

// Many come and go while the server ends: nobody is left, nothing races.
func TestNobodyIsLeftBehind(t *testing.T) {
	var mu sync.Mutex
	open := 0
	s := start(t, func(_ context.Context, c *stream.Conn) {
		mu.Lock()
		open++
		mu.Unlock()
		c.ReadWithin(time.Hour)
		io.Copy(c, c)
		mu.Lock()
		open--
		mu.Unlock()
	})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				c, err := net.Dial("unix", s.path)
				if err != nil {
					return // the server has ended
				}
				c.SetDeadline(time.Now().Add(patience))
				io.WriteString(c, "x")
				c.Read(make([]byte, 1))
				c.Close()
			}
		})
	}
	wait(t, afterSome(s), "the first connections")
	if err := s.srv.Shutdown(within(t)); err != nil {
		t.Error(err)
	}
	mu.Lock()
	if open != 0 {
		t.Errorf("%d handlers still run", open)
	}
	mu.Unlock()
	wg.Wait()
}

// afterSome tells when the server has answered a few.
func afterSome(s *scene) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 8 {
			c, err := net.Dial("unix", s.path)
			if err != nil {
				return
			}
			io.WriteString(c, "x")
			c.Read(make([]byte, 1))
			c.Close()
		}
	}()
	return done
}
