package listen_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/listen"
)

// web serves HTTP on a socket; a request to /slow waits for release, and says
// what became of its context.
func web(t *testing.T, release <-chan struct{}) (path string, end func() error) {
	t.Helper()
	path = filepath.Join(folder(t), "s")
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ConnState: listen.ConnState, ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		if err := r.Context().Err(); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	return path, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := errors.Join(listen.Drain(ctx, l), srv.Shutdown(ctx))
		if e := <-served; !errors.Is(e, net.ErrClosed) && !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}
}

// ask sends one request; errEnded where nothing of it could be sent.
func ask(c net.Conn, path string) (status int, err error) {
	n, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if n == 0 && errors.Is(err, syscall.EPIPE) {
		return 0, errEnded
	}
	if err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

var errEnded = errors.New("ended before a byte was sent")

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// A request under way does not hear of the end, and is answered; whoever has just
// connected may still ask; a connection that waits for later ends.
func TestDrainLetsWorkFinish(t *testing.T) {
	release := make(chan struct{})
	path, end := web(t, release)
	working, fresh := dial(t, path), dial(t, path)
	slow := make(chan int, 1)
	go func() {
		status, err := ask(working, "/slow")
		if err != nil {
			t.Error(err)
		}
		slow <- status
	}()
	if status, err := ask(fresh, "/"); status != http.StatusOK || err != nil {
		t.Fatal(status, err)
	}
	down := make(chan error, 1)
	go func() { down <- end() }()
	for { // the socket is closed first
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	<-time.After(200 * time.Millisecond) // a slow program needs that long to ask
	if status, err := ask(fresh, "/"); status != http.StatusOK || err != nil {
		t.Errorf("somebody who had just connected: %d, %v", status, err)
	}
	if n, err := fresh.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a kept connection read %d bytes, %v", n, err)
	}
	select {
	case err := <-down:
		t.Errorf("it did not wait for the request under way: %v", err)
	default:
	}
	close(release)
	if status := <-slow; status != http.StatusOK {
		t.Errorf("the request under way was answered with %d", status)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// Over TCP a request under way is answered, and so is whoever has just connected and
// asks while the server ends; a connection that is kept ends. Behind TLS it is the same.
func TestDrainOverTCP(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drainOverTCP(t, secure)
		})
	}
}

func drainOverTCP(t *testing.T, secure bool) {
	t.Helper()
	release := make(chan struct{})
	l, err := listen.TCP(t.Context(), "127.0.0.1:0", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	over := listen.Fair(l, 100, nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
	}))
	_ = srv.Listener.Close()
	srv.Listener, srv.Config.ConnState = over, listen.ConnState
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if secure {
			trust := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			trust.ServerName = "example.com"
			return tls.Client(c, trust)
		}
		return c
	}
	kept, working := dial(), dial()
	if status, err := ask(kept, "/"); status != http.StatusOK || err != nil {
		t.Fatal(status, err)
	}
	slow := make(chan error, 1)
	go func() {
		status, err := ask(working, "/slow")
		if status != http.StatusOK {
			err = errors.Join(err, fmt.Errorf("status %d", status))
		}
		slow <- err
	}()
	<-time.After(1200 * time.Millisecond) // neither of them is new any more
	fresh := dial()
	down := make(chan error, 1)
	srv.Config.SetKeepAlivesEnabled(false)
	go func() { down <- errors.Join(listen.Drain(t.Context(), over), srv.Config.Shutdown(t.Context())) }()
	if n, err := kept.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a kept connection read %d bytes, %v", n, err)
	}
	<-time.After(200 * time.Millisecond) // a slow program needs that long to ask
	if status, err := ask(fresh, "/"); status != http.StatusOK || err != nil {
		t.Errorf("somebody who had just connected: %d, %v", status, err)
	}
	<-time.After(1200 * time.Millisecond)
	select {
	case err := <-down:
		t.Errorf("it did not wait for the request under way: %v", err)
	default:
	}
	close(release)
	if err := errors.Join(<-slow, <-down); err != nil {
		t.Error(err)
	}
}

// Clients that keep their connections and ask without a pause lose nothing: each
// request is answered, or could not be sent.
func TestDrainLosesNothingBetweenRequests(t *testing.T) {
	path, end := web(t, nil)
	var all sync.WaitGroup
	var asked atomic.Int64
	begun := time.Now()
	for range 16 {
		c := dial(t, path)
		all.Go(func() {
			for {
				status, err := ask(c, "/")
				if errors.Is(err, errEnded) {
					return
				}
				if err != nil || status != http.StatusOK {
					t.Errorf("lost: %d, %v", status, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for asked.Load() < 1000 || time.Since(begun) < 1200*time.Millisecond { // the connections are no longer new
		<-tick.C
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	all.Wait()
}

// Who hangs on is left to the one who waits.
func TestDrainGivesUp(t *testing.T) {
	release := make(chan struct{})
	path, end := web(t, release)
	l, err := listen.Unix(listen.Config{Path: path + "2"})
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		held <- c
	}()
	dial(t, path+"2")
	server := <-held
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := listen.Drain(over, l); !errors.Is(err, context.Canceled) {
		t.Errorf("with a connection that is held: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := end(); err != nil {
		t.Error(err)
	}
}

// Another list holds for the next connection, and leaves those that are open.
func TestAdmitChangesWhoMayConnect(t *testing.T) {
	needRoot(t, "be root, whom the list names")
	path := filepath.Join(folder(t), "s")
	l, err := listen.Unix(listen.Config{Path: path, Allow: []string{"root"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	served := make(chan net.Conn, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Error(err)
			}
			served <- c
		}
	}()
	told := func() string {
		b := make([]byte, 8)
		n, _ := dial(t, path).Read(b)
		return string(b[:n])
	}
	if got := told(); got != "hello" {
		t.Fatalf("root was told %q", got)
	}
	other, err := listen.ParseAllow([]string{"12345"})
	if err != nil {
		t.Fatal(err)
	}
	listen.Admit(l, other)
	if got := told(); got != "" {
		t.Errorf("root, who is no longer on the list, was told %q", got)
	}
	if _, err := (<-served).Write([]byte("x")); err != nil {
		t.Errorf("a connection that was open: %v", err)
	}
	listen.Admit(l, listen.Allow{})
	if got := told(); got != "hello" {
		t.Errorf("without a list root was told %q", got)
	}
}
