package pam

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// What a module owes the program that it is a guest in.

func TestSignalsOfTheHost(t *testing.T) {
	d := newDesk(t)
	slow := func(c net.Conn) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := range accept {
			<-tick.C
			_, _ = io.WriteString(c, accept[i:i+1])
		}
	}
	s := serve(t, listen(t), slow)
	d.talk(t, login{user: "alice", options: options(s.path, uid()), answers: []string{"pw"}, flags: "i"}).want(t, yes, 1)
	silent := serve(t, listen(t), func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	h := d.talk(t, login{user: "alice", options: options(silent.path, uid(), "timeout=1"), answers: []string{"pw"}, flags: "i"})
	h.want(t, unavailable, 1)
	h.wantTook(t, time.Second)
}

func TestAServerThatHangsUpKillsNobody(t *testing.T) {
	d := newDesk(t)
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	seen := map[string]bool{}
	for range 60 { // who is first differs
		h := d.talk(t, login{user: "alice", options: options(l.Addr().String(), uid()), answers: []string{"pw"}})
		h.want(t, unavailable, 1)
		for _, line := range h.logged {
			seen[line[strings.LastIndex(line, "/"):]] = true
		}
	}
	t.Logf("%v", seen)
}

func TestNoMoreFiles(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	h := d.talk(t, login{user: "alice", options: options(s.path, uid()), answers: []string{"pw"}, flags: "f"})
	if h.result == yes || len(s.requests()) > 0 { // libpam itself fails behind us, and has its own word for it
		t.Errorf("result %q after %d requests", h.result, len(s.requests()))
	}
	h.wantLogged(t, "connecting: Too many open files")
}

// What was put together to be sent is gone from memory when the answer is in.
func TestSecretsAreCleared(t *testing.T) {
	dir := build(t, "")
	d := deskAt(t, dir, compilePlain(t, dir, "driver", "-lpam"))
	s := serve(t, listen(t), saying(wantsCode))
	const password, code = "correct-horse-battery", "314159"
	together := "alice:" + password
	encoded := base64.StdEncoding.EncodeToString([]byte(together + code))
	talk := func(left ...string) string {
		var hexes []string
		for _, l := range left {
			hexes = append(hexes, hex.EncodeToString([]byte(l)))
		}
		return d.talk(t, login{user: "alice", options: options(s.path, uid(), "code"), answers: []string{password, code}, flags: "m", left: strings.Join(hexes, ",")}).left
	}
	if got := talk(together, password+code, encoded[:20], encoded[len(encoded)-12:]); got != "0" {
		t.Errorf("found %s times", got)
	}
	if got := talk(password); got == "0" || got == "" { // in the arguments, at least
		t.Errorf("looking through the memory finds nothing at all: %q", got)
	}
	if len(s.requests()) != 4 {
		t.Errorf("asked %d times", len(s.requests()))
	}
}
