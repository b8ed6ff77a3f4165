package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const welcome = "HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n"

// faults are answers that no healthy daemon gives, in the order of the
// connections; the last one stays.
func faults() map[string][]string {
	head := func(status string, lines ...string) string {
		return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
	}
	return map[string][]string{
		"outage":     {head("503 x", "X-Sallyport-Reason: directory_unavailable", "Retry-After: 7")},
		"recovers":   {head("503 x"), "", head("503 x"), welcome},
		"closes":     {""},
		"breaks off": {"HTTP/1.1 204 No Content\r\nX-Sallyport-User: ali"},
		"forbidden":  {head("403 x")},
		"throttled":  {head("429 x", "Retry-After: 9")},
		"malformed":  {head("400 x")},
		"broken":     {head("500 x")},
		"redirects":  {head("302 x", "Location: http://elsewhere", "X-Sallyport-User: alice")},
		"plain":      {head("200 OK", "X-Sallyport-User: alice")},
		"no login":   {head("204 x")},
		"two logins": {head("204 x", "X-Sallyport-User: alice", "X-Sallyport-User: bert")},
		"bad login":  {head("204 x", "X-Sallyport-User: al\xc2\x85ice")},
		"loud":       {head("401 x", "X-Sallyport-Reason: bad; User=alice")},
		"foreign":    {"SSH-2.0-OpenSSH\r\n\r\n"},
		"endless":    {"HTTP/1.1 204 No Content\r\nX-A: " + strings.Repeat("a", 1<<20)},
		"hangs":      {"hangs"},
	}
}

// cmdFault is "fault KIND": from now on the socket $FAULT has it.
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	kind, path := strings.Join(args, " "), ts.Getenv("FAULT")
	_ = os.Remove(path) // of the fault before
	switch kind {
	case "missing":
	case "dead":
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		ts.Check(err)
		l.SetUnlinkOnClose(false)
		ts.Check(l.Close())
	case "late":
		// The script's own list of what to undo is not for other goroutines.
		listening := make(chan net.Listener, 1)
		timer := time.AfterFunc(time.Second, func() {
			l, err := answerWith(path, []string{welcome})
			if err != nil {
				close(listening) // the next fault has the path already
				return
			}
			listening <- l
		})
		ts.Defer(func() {
			if timer.Stop() {
				return
			}
			if l := <-listening; l != nil {
				l.Close()
			}
		})
	case "full", "crowded":
		ts.Check(crowd(ts, path, kind == "crowded"))
	default:
		lines, ok := faults()[kind]
		if !ok {
			ts.Fatalf("no fault is called %q", kind)
		}
		l, err := answerWith(path, lines)
		ts.Check(err)
		ts.Defer(func() { l.Close() })
	}
}

// answerWith listens and gives the lines in turn, the last one for ever.
func answerWith(path string, lines []string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go reply(c, lines[min(i, len(lines)-1)])
		}
	}()
	return l, nil
}

// reply reads a question to its end and gives the answer.
func reply(c net.Conn, line string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		s, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if s == "\r\n" {
			break
		}
	}
	if line == "hangs" {
		_, _ = in.ReadByte() // until the other side has had enough
		return
	}
	_, _ = c.Write([]byte(line))
}

// crowd is a listener whose queue is full; with calm somebody begins to accept
// after a second.
func crowd(ts *testscript.TestScript, path string, calm bool) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), path)
	ts.Defer(func() { f.Close() })
	for i := 0; ; i++ {
		c, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil || i > 100 {
			return fmt.Errorf("the queue does not fill: %d, %v", i, err)
		}
		ts.Defer(func() { c.Close() })
	}
	if !calm {
		return nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return err
	}
	ts.Defer(func() { l.Close() })
	timer := time.AfterFunc(time.Second, func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go reply(c, welcome)
		}
	})
	ts.Defer(func() { timer.Stop() })
	return nil
}

// become gives a folder to another user and goes on as that one.
func become(uid int, dir string) error {
	if uid == os.Geteuid() {
		return nil
	}
	return errors.Join(os.Chown(dir, uid, -1), syscall.Setgroups(nil), syscall.Setuid(uid))
}
