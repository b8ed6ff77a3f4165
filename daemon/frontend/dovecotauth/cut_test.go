package dovecotauth_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// endings are the ways in which a client may leave in the middle of a line: it
// has nothing more to say and listens, or it is gone.
func endings() map[string]func(*talk) {
	return map[string]func(*talk){
		"half-closed": func(k *talk) {
			if err := k.c.(*net.UnixConn).CloseWrite(); err != nil {
				k.t.Errorf("closing one half: %v", err)
			}
		},
		"closed": func(k *talk) { _ = k.c.Close() },
	}
}

// A line that is cut off is no line, wherever that happens: what was whole before
// it is answered, the rest is nobody's question, and others do not notice.
func TestALineThatIsCutIsNotAsked(t *testing.T) {
	whole := plain(1, "alice", "s")
	for name, cut := range map[string]struct {
		before []string
		want   []string // the answers to it
		asked  int      // how often the engine is asked for it
		line   string
	}{
		"VERSION": {line: "VERSION\t1\t1"},
		"CPID":    {before: []string{"VERSION\t1\t1"}, line: "CPID\t12"},
		"the first AUTH": {before: []string{"VERSION\t1\t1", "CPID\t12"},
			line: plain(2, "cut", "secret")},
		"a later AUTH": {before: []string{"VERSION\t1\t1", "CPID\t12", whole}, want: []string{"OK\t1\tuser=alice"}, asked: 1,
			line: plain(2, "cut", "secret")},
		"CONT": {before: []string{"VERSION\t1\t1", "CPID\t12", "AUTH\t2\tPLAIN\tservice=imap"}, want: []string{"CONT\t2\t"},
			line: "CONT\t2\t" + b64("\x00cut\x00secret")},
	} {
		for how, end := range endings() {
			t.Run(name+" "+how, func(t *testing.T) {
				f := &fake{}
				path, _ := serve(t, f, nil)
				other := open(t, path)
				for i := 1; i <= len(cut.line); i++ {
					k := dial(t, path)
					for k.line() != "DONE" {
					}
					k.write(strings.Join(append(cut.before, cut.line[:i]), "\n"))
					for _, want := range cut.want {
						k.expect(want)
					}
					end(k)
					if how == "half-closed" {
						k.closed()
					}
					other.send(plain(i, "bert", "s"))
					other.expect(fmt.Sprintf("FAIL\t%d\t%s", i, refused))
				}
				if n := len(f.all()); n != len(cut.line)*(1+cut.asked) {
					t.Errorf("the engine was asked %d times", n)
				}
				for _, a := range f.all() {
					if a.Name != "alice" && a.Name != "bert" {
						t.Errorf("it was asked for %q", a.Name)
					}
				}
				_ = other.c.Close()
				nobodyLeft(t)
			})
		}
	}
}

// What is being judged while a client leaves in the middle of a line is judged
// to its end, and told to whoever still listens.
func TestALineThatIsCutWhileOthersAreJudged(t *testing.T) {
	for how, end := range endings() {
		t.Run(how, func(t *testing.T) {
			f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{})}}
			path, _ := serve(t, f, nil)
			k := open(t, path)
			k.write(plain(1, "slow", "s") + "\n" + plain(2, "slow", "s") + "\n" + plain(3, "cut", "s"))
			f.await(t, 2)
			end(k)
			other := open(t, path)
			other.send(plain(1, "alice", "s"))
			other.expect("OK\t1\tuser=alice")
			close(f.gates["slow"])
			if how == "half-closed" {
				rest, err := io.ReadAll(k.r)
				if got := string(rest); err != nil || got != "OK\t1\tuser=alice\nOK\t2\tuser=alice\n" && got != "OK\t2\tuser=alice\nOK\t1\tuser=alice\n" {
					t.Errorf("answered %q, %v", got, err)
				}
			}
			_ = other.c.Close()
			nobodyLeft(t)
			if all := f.all(); len(all) != 3 || has(all, "cut") {
				t.Errorf("the engine was asked %d times", len(all))
			}
		})
	}
}

func has(asked []account.Attempt, name string) bool {
	for _, a := range asked {
		if a.Name == name {
			return true
		}
	}
	return false
}

// write sends what need not be whole lines.
func (k *talk) write(text string) {
	k.t.Helper()
	if _, err := io.WriteString(k.c, text); err != nil {
		k.t.Fatalf("sending: %v", err)
	}
}

// await waits until the engine has been asked that often.
func (f *fake) await(t *testing.T, n int) {
	t.Helper()
	tick, limit := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for len(f.all()) < n {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the engine was asked %d times, want %d", len(f.all()), n)
		}
	}
}

// nobodyLeft waits until no goroutine serves a connection or judges a request.
func nobodyLeft(t *testing.T) {
	t.Helper()
	buf, tick, limit := make([]byte, 4<<20), time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		n := strings.Count(string(buf[:runtime.Stack(buf, true)]), "dovecotauth.(*session).")
		if n == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d steps of sessions are still on somebody's way", n)
		}
	}
}
