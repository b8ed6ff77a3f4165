package pam

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// impostor is a server that the real one is never.
type impostor struct {
	path   string
	mu     sync.Mutex
	got    []string
	closed chan struct{}
}

// serve answers each connection with serve, until the test ends.
func serve(t *testing.T, l net.Listener, answer func(net.Conn)) *impostor {
	t.Helper()
	s := &impostor{path: l.Addr().String(), closed: make(chan struct{})}
	var open sync.WaitGroup
	go func() {
		defer close(s.closed)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 8192)
				n, _ := io.ReadAtLeast(c, buf, 1) // a client that leaves sends nothing
				for n > 0 && !strings.HasSuffix(string(buf[:n]), "\r\n\r\n") {
					m, err := c.Read(buf[n:])
					if err != nil {
						break
					}
					n += m
				}
				s.mu.Lock()
				s.got = append(s.got, string(buf[:n]))
				s.mu.Unlock()
				answer(c)
			})
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-s.closed
		open.Wait()
	})
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(folder(t), "s"))
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	return l
}

func (s *impostor) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// saying answers with a text.
func saying(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// uid is the option that names the test's own user as the server.
func uid() string { return fmt.Sprintf("uid=%d", os.Geteuid()) }

const accept = "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n"

// answers are what a server may say, and what becomes of alice then.
func answers() []struct{ name, answer, result string } {
	return []struct{ name, answer, result string }{
		{"an accept", accept, yes},
		{"nothing", "", unavailable},
		{"garbage", "\x00\x01\x02\xff\r\n\r\n", unavailable},
		{"another protocol", "220 mail.example.org ESMTP\r\n", unavailable},
		{"half a line", "HTTP/1.1 204 No Con", unavailable},
		{"half of the headers", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n", unavailable},
		{"the end in mid-newline", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r", unavailable},
		{"an older version", "HTTP/1.0 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a newer version", "HTTP/2 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a status of two digits", "HTTP/1.1 20 x\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a status of four digits", "HTTP/1.1 2040 x\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a preliminary answer", "HTTP/1.1 100 Continue\r\n\r\n" + accept, unavailable},
		{"a 200", "HTTP/1.1 200 OK\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a 302", "HTTP/1.1 302 Found\r\nX-Sallyport-User: alice\r\nLocation: /\r\n\r\n", unavailable},
		{"an accept of nobody", "HTTP/1.1 204 No Content\r\n\r\n", unavailable},
		{"an accept of an empty name", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: \r\n\r\n", unavailable},
		{"an accept of two", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"an accept with a body", accept + "x", unavailable},
		{"an accept with a length", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\nContent-Length: 1\r\n\r\n", unavailable},
		{"an accept in chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\nX-Sallyport-User: alice\r\n\r\n", unavailable},
		{"a folded header", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: al\r\n ice\r\n\r\n", unavailable},
		{"a name with a control character", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\x01\r\n\r\n", unavailable},
		{"a name with a NUL", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\x00\r\n\r\n", unavailable},
		{"a header without a colon", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\nhello\r\n\r\n", unavailable},
		{"bare line feeds", "HTTP/1.1 204 No Content\nX-Sallyport-User: alice\n\n", unavailable},
		{"an endless header", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", unavailable},
		{"an endless name", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: " + strings.Repeat("x", 257) + "\r\n\r\n", unavailable},
		{"a refusal without a reason", "HTTP/1.1 401 Unauthorized\r\n\r\n", unavailable},
		{"a refusal with two reasons", "HTTP/1.1 401 Unauthorized\r\nX-Sallyport-Reason: code_required\r\nX-Sallyport-Reason: ok\r\n\r\n", unavailable},
		{"a refusal", "HTTP/1.1 401 Unauthorized\r\nX-Sallyport-Reason: bad_credentials\r\nContent-Length: 0\r\n\r\n", authErr},
		{"an unknown person", "HTTP/1.1 401 Unauthorized\r\nX-Sallyport-Reason: unknown_user\r\n\r\n", userUnknown},
		{"throttled", "HTTP/1.1 429 Too Many Requests\r\nX-Sallyport-Reason: throttled\r\nRetry-After: 3\r\n\r\n", maxTries},
		{"an outage", "HTTP/1.1 503 Service Unavailable\r\nX-Sallyport-Reason: store_unavailable\r\n\r\n", unavailable},
		{"a service that may not be asked", "HTTP/1.1 403 Forbidden\r\n\r\n{}", unavailable},
		{"a request that was not understood", "HTTP/1.1 400 Bad Request\r\n\r\n{}", unavailable},
		{"somebody else", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: bert\r\n\r\n", authErr},
		{"another spelling", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: Alice\r\n\r\n", authErr},
		{"a beginning of the name", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alic\r\n\r\n", authErr},
		{"a header in other capitals, blanks around", "HTTP/1.1 204 No Content\r\nx-sallyport-user:\t alice \r\n\r\n", yes},
	}
}

func TestWhatIsNoAnswerLetsNobodyIn(t *testing.T) {
	d := newDesk(t)
	for _, c := range answers() {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, listen(t), saying(c.answer))
			h := d.talk(t, login{user: "alice", options: options(s.path, uid()), answers: []string{"the-secret"}})
			h.want(t, c.result, 1, "the-secret")
			if len(s.requests()) != 1 {
				t.Errorf("asked %d times", len(s.requests()))
			}
			if h.result == unavailable && len(h.logged) == 0 {
				t.Error("an outage, and nothing in the log")
			}
		})
	}
}

func TestFourSecondsInAll(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	full := listen(t) // with a queue that nobody empties
	for i := 0; ; i++ {
		c, err := net.DialTimeout("unix", full.Addr().String(), 100*time.Millisecond)
		if err != nil {
			break
		}
		defer func() { _ = c.Close() }()
		if i > 1<<14 {
			t.Fatal("the queue has no end")
		}
	}
	t.Cleanup(func() { _ = full.Close() })
	dribble := func(c net.Conn) {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		_, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\nX: ")
		for err == nil {
			<-tick.C
			_, err = io.WriteString(c, "x")
		}
	}
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	paths := map[string]string{
		"full":     full.Addr().String(),
		"dribbles": serve(t, listen(t), dribble).path,
		"silent":   serve(t, listen(t), silent).path,
	}
	for name, path := range paths {
		for _, c := range []struct {
			option string
			limit  time.Duration
		}{{"timeout=1", time.Second}, {"", 4 * time.Second}} {
			t.Run(name+" "+c.option, func(t *testing.T) {
				t.Parallel()
				h := d.talk(t, login{user: "alice", options: options(path, uid(), c.option), answers: []string{"the-secret"}})
				h.want(t, unavailable, 1, "the-secret")
				h.wantTook(t, c.limit)
				h.wantLogged(t, "timed out")
			})
		}
	}
}

// wantTook compares how long the module took with its limit, all but used up.
func (h heard) wantTook(t *testing.T, limit time.Duration) {
	t.Helper()
	const load = time.Second // what a machine with other work may add
	if h.took < limit-100*time.Millisecond || h.took > limit+load {
		t.Errorf("took %s, want %s", h.took, limit)
	}
}

// Both questions share the four seconds; the time that people take is theirs.
func TestFourSecondsForBothQuestions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	talk := func(t *testing.T, first, second func(net.Conn), option string) heard {
		var asked atomic.Int32
		s := serve(t, listen(t), func(c net.Conn) {
			if asked.Add(1) == 1 {
				first(c)
			} else {
				second(c)
			}
		})
		h := d.talk(t, login{user: "alice", options: options(s.path, uid(), "code", option), answers: []string{"pw", "123456"}, flags: "w"})
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		return h
	}
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	late := func(c net.Conn) {
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		<-timer.C
		saying(wantsCode)(c)
	}
	t.Run("a late answer, then none", func(t *testing.T) {
		t.Parallel()
		h := talk(t, late, silent, "")
		h.want(t, unavailable, 2)
		h.wantTook(t, 4*time.Second)
		h.wantLogged(t, "timed out")
	})
	t.Run("people who take longer than that", func(t *testing.T) {
		t.Parallel()
		talk(t, saying(wantsCode), saying(accept), "timeout=1").want(t, yes, 2)
	})
}

func TestNobodyListens(t *testing.T) {
	d := newDesk(t)
	dead := listen(t)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	file := filepath.Join(folder(t), "file")
	run.Write(t, file, "", 0o644)
	for name, c := range map[string]struct{ path, logged string }{
		"no socket":       {"/nowhere/check.sock", "No such file or directory"},
		"a dead socket":   {dead.Addr().String(), "Connection refused"},
		"a file":          {file, "Connection refused"},
		"a path too long": {"/" + strings.Repeat("x", 120), "File name too long"},
	} {
		t.Run(name, func(t *testing.T) {
			h := d.talk(t, login{user: "alice", options: options(c.path, "code"), answers: []string{"the-secret"}})
			h.want(t, unavailable, 1, "the-secret")
			h.wantLogged(t, c.logged)
			if len(h.told) != 1 || !strings.Contains(h.told[0], "it is not your password.") {
				t.Errorf("told %q", h.told)
			}
		})
	}
}

// foreign listens as another user. The kernel notes who calls listen.
func foreign(t *testing.T, id int) net.Listener {
	t.Helper()
	run.NeedRoot(t)
	dir := folder(t)
	if err := os.Chown(dir, id, -1); err != nil {
		t.Fatal(err)
	}
	type opened struct {
		l   net.Listener
		err error
	}
	done := make(chan opened)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with this function
		const keep = ^uintptr(0)
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(id), keep); e != 0 {
			done <- opened{nil, e}
			return
		}
		l, err := net.Listen("unix", filepath.Join(dir, "s"))
		done <- opened{l, err}
	}()
	o := <-done
	if o.err != nil {
		t.Fatalf("listening as uid %d: %v", id, o.err)
	}
	return o.l
}

func TestAStrangersSocketGetsNoByte(t *testing.T) {
	const nobody = 65534
	d := newDesk(t)
	s := serve(t, foreign(t, nobody), saying(accept))
	for _, more := range []string{"", "uid=0", "uid=root", "uid=65533"} {
		h := d.talk(t, login{user: "alice", options: options(s.path, more), answers: []string{"the-secret"}})
		h.want(t, unavailable, 1, "the-secret")
		h.wantLogged(t, "uid 65534 listens")
	}
	if err := run.Within(run.Patience, func() error {
		if n := len(s.requests()); n != 4 {
			return fmt.Errorf("%d connections", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := strings.Join(s.requests(), ""); got != "" {
		t.Errorf("a stranger was sent %q", got)
	}
	for _, more := range []string{"uid=65534", "uid=nobody"} {
		d.talk(t, login{user: "alice", options: options(s.path, more), answers: []string{"the-secret"}}).want(t, yes, 1)
	}
}
