package dovecotauth_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/enrollweb/words"
	"github.com/sallyport/sallyport/plugins/factor"
)

// fake answers by name, and remembers what it was asked. A name with a gate is
// answered when the gate opens.
type fake struct {
	mu    sync.Mutex
	asked []account.Attempt
	gates map[string]chan struct{}
}

func (f *fake) Check(_ context.Context, a account.Attempt) account.Answer {
	f.mu.Lock()
	f.asked = append(f.asked, a)
	gate := f.gates[a.Name]
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	switch a.Name {
	case "alice", "Alice", "slow":
		return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "a-1", Name: "alice"}}
	case "müller":
		return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "a-2", Name: "müller"}}
	case "nobody":
		return account.Answer{Verdict: factor.Accept, Reason: account.OK}
	case "outage":
		return account.Answer{Reason: account.DirectoryUnavailable}
	case "unknown":
		return account.Answer{Verdict: factor.Deny, Reason: account.UnknownUser}
	case "normal":
		return account.Answer{Verdict: factor.Deny, Reason: account.AppPasswordRequired}
	default:
		return account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	}
}

func (f *fake) all() []account.Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]account.Attempt(nil), f.asked...)
}

// said are the sentences that the daemon hands to its front ends.
func said(t testing.TB) func(account.Reason) account.Text {
	t.Helper()
	text, err := words.Reasons("", "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// handlerOf is a front end that nothing changes.
func handlerOf(t *testing.T, cfg dovecotauth.Config) stream.Handler {
	t.Helper()
	f, err := dovecotauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return dovecotauth.Handler(func() (*dovecotauth.Front, func()) { return f, func() {} })
}

// serve starts the front end on a real socket.
func serve(t *testing.T, f *fake, change func(*dovecotauth.Config)) (string, *stream.Server) {
	t.Helper()
	services, err := servicemap.New([]string{"dav", "mail"}, "", map[string]string{"radicale": "dav", "smtp": "mail", "imap": "mail"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := dovecotauth.Config{Checker: f, Text: said(t), Services: services, PID: 4711, Rand: rand.Reader, PageURL: "https://login.example.org"}
	if change != nil {
		change(&cfg)
	}
	handler := handlerOf(t, cfg)
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "auth-client")
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	server := stream.New(handler)
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path, server
}

// talk is a conversation: what is sent, and what is expected line by line.
type talk struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, path string) *talk {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &talk{t, c, bufio.NewReader(c)}
}

// open makes a connection and does the handshake.
func open(t *testing.T, path string) *talk {
	t.Helper()
	k := dial(t, path)
	for k.line() != "DONE" {
	}
	k.send("VERSION\t1\t1", "CPID\t12")
	return k
}

func (k *talk) send(lines ...string) {
	k.t.Helper()
	if _, err := io.WriteString(k.c, strings.Join(lines, "\n")+"\n"); err != nil {
		k.t.Fatalf("sending: %v", err)
	}
}

func (k *talk) line() string {
	k.t.Helper()
	line, err := k.r.ReadString('\n')
	if err != nil {
		k.t.Fatalf("reading a line: %v (%q)", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

func (k *talk) expect(want string) {
	k.t.Helper()
	if got := k.line(); got != want {
		k.t.Errorf("answered %q, want %q", got, want)
	}
}

// closed wants the connection to end without another line.
func (k *talk) closed() {
	k.t.Helper()
	if rest, err := io.ReadAll(k.r); err != nil || len(rest) > 0 {
		k.t.Errorf("instead of the end: %q, %v", rest, err)
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func plain(id int, name, password string, params ...string) string {
	p := append([]string{fmt.Sprintf("AUTH\t%d\tPLAIN\tservice=radicale", id)}, params...)
	return strings.Join(append(p, "resp="+b64("\x00"+name+"\x00"+password)), "\t")
}

const (
	refused = "reason=The login name or the password is not right."
	helps   = "reason=Only an app password works here. Your normal password and the code from the app do not. https://login.example.org"
	later   = "reason=Sign-in has a problem right now. It is not you, and it is not your password. Please try again in a few minutes."
)

// The greeting comes at once, whole, in one write and below 1,024 bytes: there
// are clients that read it with one call.
func TestGreeting(t *testing.T) {
	path, _ := serve(t, &fake{}, nil)
	for i := range 3 {
		k := dial(t, path)
		buf := make([]byte, 1024)
		n, err := k.c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`^VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t4711\nCUID\t%d\nCOOKIE\t[0-9a-f]{32}\nDONE\n$`, i+1)
		if got := string(buf[:n]); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("greeted with %q", got)
		}
	}
}

func TestConversations(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for name, lines := range map[string][]string{ // "> " is sent, "< " expected
		"accept":               {"> " + plain(1, "alice", "s"), "< OK\t1\tuser=alice"},
		"the canonical name":   {"> " + plain(1, "Alice", "s"), "< OK\t1\tuser=alice"},
		"umlauts":              {"> " + plain(1, "müller", "s"), "< OK\t1\tuser=müller"},
		"deny":                 {"> " + plain(1, "bert", "s"), "< FAIL\t1\t" + refused},
		"unknown looks alike":  {"> " + plain(1, "unknown", "s"), "< FAIL\t1\t" + refused},
		"what helps":           {"> " + plain(1, "normal", "s"), "< FAIL\t1\t" + helps},
		"a number above 2^31":  {"> " + plain(4294967295, "alice", "s"), "< OK\t4294967295\tuser=alice"},
		"numbers again, later": {"> " + plain(1, "alice", "s"), "< OK\t1\tuser=alice", "> " + plain(1, "alice", "s"), "< OK\t1\tuser=alice"},
		"plain, no initial response": {"> AUTH\t7\tPLAIN\tservice=imap", "< CONT\t7\t",
			"> CONT\t7\t" + b64("\x00alice\x00s"), "< OK\t7\tuser=alice"},
		"plain, empty initial response": {"> AUTH\t7\tplain\tservice=imap\tresp=", "< CONT\t7\t",
			"> CONT\t7\t" + b64("\x00alice\x00s"), "< OK\t7\tuser=alice"},
		"login": {"> AUTH\t2\tLOGIN\tservice=smtp\tnologin", "< CONT\t2\tVXNlcm5hbWU6",
			"> CONT\t2\t" + b64("alice"), "< CONT\t2\tUGFzc3dvcmQ6", "> CONT\t2\t" + b64("s"), "< OK\t2\tuser=alice"},
		"login with the name at once": {"> AUTH\t2\tLOGIN\tservice=smtp\tresp=" + b64("alice"), "< CONT\t2\tUGFzc3dvcmQ6",
			"> CONT\t2\t" + b64("s"), "< OK\t2\tuser=alice"},
		"authzid of oneself":  {"> AUTH\t1\tPLAIN\tservice=imap\tresp=" + b64("alice\x00alice\x00s"), "< OK\t1\tuser=alice"},
		"authzid of another":  {"> AUTH\t1\tPLAIN\tservice=imap\tresp=" + b64("bert\x00alice\x00s"), "< FAIL\t1\treason=The request is incomplete."},
		"one NUL":             {"> AUTH\t1\tPLAIN\tservice=imap\tresp=" + b64("alice\x00s"), "< FAIL\t1\treason=The request is incomplete."},
		"three NULs":          {"> AUTH\t1\tPLAIN\tservice=imap\tresp=" + b64("\x00alice\x00s\x00"), "< FAIL\t1\treason=The request is incomplete."},
		"a TAB in the name":   {"> AUTH\t1\tPLAIN\tservice=imap\tresp=" + b64("\x00al\tice\x00s"), "< FAIL\t1\treason=The request is incomplete."},
		"a name too long":     {"> " + plain(1, long, "s"), "< FAIL\t1\treason=The request is incomplete."},
		"a password too long": {"> " + plain(1, "alice", long), "< FAIL\t1\treason=The request is incomplete."},
		"broken base64 harms only its own request": {"> AUTH\t1\tPLAIN\tservice=imap\tresp=!!!!", "< FAIL\t1\treason=The request is incomplete.\tcode=invalid_base64",
			"> " + plain(2, "alice", "s"), "< OK\t2\tuser=alice"},
		"another mechanism": {"> AUTH\t1\tCRAM-MD5\tservice=imap", "< FAIL\t1\treason=The request is incomplete.",
			"> " + plain(2, "alice", "s"), "< OK\t2\tuser=alice"},
		"a word that means no service": {"> AUTH\t1\tPLAIN\tservice=xmpp\tresp=" + b64("\x00alice\x00s"), "< FAIL\t1\treason=This sign-in is not allowed here."},
		"no service at all":            {"> AUTH\t1\tPLAIN\tresp=" + b64("\x00alice\x00s"), "< FAIL\t1\treason=This sign-in is not allowed here."},
		"the newer name of service":    {"> AUTH\t1\tPLAIN\tprotocol=imap\tresp=" + b64("\x00alice\x00s"), "< OK\t1\tuser=alice"},
		"unknown lines and parameters": {"> GREASE\tx\ty", "> " + plain(1, "alice", "s", "grease", "x=y"), "< OK\t1\tuser=alice"},
		"cancelled": {"> AUTH\t3\tLOGIN\tservice=smtp", "< CONT\t3\tVXNlcm5hbWU6", "> CANCEL\t3", "> CONT\t3\t" + b64("alice"),
			"> " + plain(4, "alice", "s"), "< OK\t4\tuser=alice"},
		"CONT for nothing": {"> CONT\t9\t" + b64("x"), "> " + plain(4, "alice", "s"), "< OK\t4\tuser=alice"},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := serve(t, &fake{}, nil)
			k := open(t, path)
			for _, l := range lines {
				if text, ok := strings.CutPrefix(l, "> "); ok {
					k.send(text)
				} else {
					k.expect(strings.TrimPrefix(l, "< "))
				}
			}
		})
	}
}

func TestBreachesOfTheProtocolEndTheConnection(t *testing.T) {
	for name, lines := range map[string][]string{
		"another major version":   {"VERSION\t2\t0"},
		"VERSION twice":           {"VERSION\t1\t1", "VERSION\t1\t1"},
		"CPID first":              {"CPID\t1"},
		"CPID twice":              {"VERSION\t1\t1", "CPID\t1", "CPID\t1"},
		"AUTH before VERSION":     {plain(1, "alice", "s")},
		"AUTH before CPID":        {"VERSION\t1\t1", plain(1, "alice", "s")},
		"number 0":                {"VERSION\t1\t1", "CPID\t1", plain(0, "alice", "s")},
		"a negative number":       {"VERSION\t1\t1", "CPID\t1", plain(-1, "alice", "s")},
		"a number beyond 32 bits": {"VERSION\t1\t1", "CPID\t1", plain(4294967296, "alice", "s")},
		"no number":               {"VERSION\t1\t1", "CPID\t1", "AUTH"},
		"no mechanism":            {"VERSION\t1\t1", "CPID\t1", "AUTH\t1"},
		"a number that is open":   {"VERSION\t1\t1", "CPID\t1", "AUTH\t1\tLOGIN\tservice=imap\tresp=" + b64("slow"), "CONT\t1\t" + b64("s"), plain(1, "alice", "s")},
		"a NUL":                   {"VERSION\t1\t1", "CPID\t1", "AUTH\t1\tPL\x00AIN"},
		"a line without an end":   {strings.Repeat("x", 17000)},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{})}}
			path, _ := serve(t, f, nil)
			k := dial(t, path)
			for k.line() != "DONE" {
			}
			// The server may have closed before all of it was sent.
			_, _ = io.WriteString(k.c, strings.Join(lines, "\n")+"\n")
			if name == "a number that is open" {
				k.expect("CONT\t1\tUGFzc3dvcmQ6")
				close(f.gates["slow"])
				// The one that was begun first may still be answered.
				rest, err := io.ReadAll(k.r)
				if err != nil || strings.Count(string(rest), "OK") > 1 {
					t.Errorf("%q, %v", rest, err)
				}
				return
			}
			if rest, err := io.ReadAll(k.r); err == nil && len(rest) > 0 {
				t.Errorf("answered %q", rest)
			}
			if len(f.all()) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f, func(c *dovecotauth.Config) { c.Strict = true })
	k := open(t, path)
	k.send(plain(1, "Alice", "a\tb\n", "nologin", "lip=192.0.2.1", "rip=::ffff:192.0.2.7", "secured"))
	k.expect("OK\t1\tuser=alice")
	k.send(plain(2, "alice", "s", "rip=\x01t1"))
	k.expect("OK\t2\tuser=alice")
	all := f.all()
	want := account.Attempt{Service: "dav", FrontEnd: "dovecot", Name: "Alice", Spelled: "Alice", Password: "a\tb\n", OneField: true,
		Client: account.Client{Addr: netip.MustParseAddr("192.0.2.7")}, Peer: all[0].Peer}
	if all[0] != want || all[0].Peer.UID != os.Getuid() {
		t.Errorf("asked %#v", all[0])
	}
	if all[1].Client.Addr.IsValid() {
		t.Errorf("an address that cannot be read is %s", all[1].Client.Addr)
	}
}

// An outage is told as each peer understands it: Postfix, Exim and Radicale by
// an end of the connection, a Dovecot, or where others wait, by a word.
func TestAnOutageIsToldAsThePeerUnderstandsIt(t *testing.T) {
	for _, name := range []string{"outage", "nobody"} {
		path, _ := serve(t, &fake{}, nil)
		k := open(t, path)
		k.send(plain(1, name, "s", "rip=192.0.2.7", "secured"))
		k.closed()
		for _, param := range []string{"protocol=imap", "session=abc", "lport=143"} {
			k = open(t, path)
			k.send(plain(1, name, "s", param))
			k.expect("FAIL\t1\t" + later + "\tcode=temp_fail")
		}
	}
	f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{})}}
	path, _ := serve(t, f, nil)
	k := open(t, path)
	k.send(plain(1, "slow", "s"), plain(2, "outage", "s"))
	k.expect("FAIL\t2\t" + later + "\tcode=temp_fail")
	close(f.gates["slow"])
	k.expect("OK\t1\tuser=alice")
}

// Whom nobody could judge, but who had cancelled already, takes no other request
// with it.
func TestAnOutageOfACancelledRequestClosesNothing(t *testing.T) {
	f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{}), "outage": make(chan struct{})}}
	path, _ := serve(t, f, nil)
	k := open(t, path)
	k.send(plain(1, "slow", "s"), plain(2, "outage", "s"))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(f.all()) < 2 {
		<-tick.C
	}
	k.send("CANCEL\t2", plain(3, "alice", "s"))
	k.expect("OK\t3\tuser=alice")
	close(f.gates["outage"])
	k.send(plain(4, "alice", "s")) // its answer shows that the outage is over, too
	k.expect("OK\t4\tuser=alice")
	close(f.gates["slow"])
	k.expect("OK\t1\tuser=alice")
}

// Answers come as they are found, not as they were asked for.
func TestManyAtOnceInAnyOrder(t *testing.T) {
	f := &fake{gates: map[string]chan struct{}{"slow": make(chan struct{})}}
	path, _ := serve(t, f, nil)
	k := open(t, path)
	k.send(plain(1, "slow", "s"))
	var lines []string
	for id := 2; id <= 500; id++ {
		lines = append(lines, plain(id, "alice", "s"))
	}
	k.send(lines...)
	seen := map[string]bool{}
	for range lines {
		seen[k.line()] = true
	}
	for id := 2; id <= 500; id++ {
		if !seen[fmt.Sprintf("OK\t%d\tuser=alice", id)] {
			t.Fatalf("request %d has no answer", id)
		}
	}
	close(f.gates["slow"])
	k.expect("OK\t1\tuser=alice")
}
