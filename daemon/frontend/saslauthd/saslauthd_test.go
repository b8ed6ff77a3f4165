package saslauthd_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/saslauthd"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/plugins/factor"
)

// fake answers what it is told to and remembers what it was asked.
type fake struct {
	mu     sync.Mutex
	answer account.Answer
	asked  []account.Attempt
}

func (f *fake) Check(_ context.Context, a account.Attempt) account.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, a)
	return f.answer
}

func (f *fake) all() []account.Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]account.Attempt(nil), f.asked...)
}

func alice() account.Answer {
	return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "a-1", Name: "alice"}}
}

func deny(r account.Reason) account.Answer {
	return account.Answer{Verdict: factor.Deny, Reason: r}
}

// serve starts the front end on a real socket.
func serve(t *testing.T, f *fake, change func(*saslauthd.Config)) string {
	t.Helper()
	services, err := servicemap.New([]string{"dav", "mail"}, "", map[string]string{"HTTP": "dav", "smtp": "mail"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := saslauthd.Config{Checker: f, Services: services}
	if change != nil {
		change(&cfg)
	}
	handler, err := saslauthd.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "mux")
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
	return path
}

func counted(fields ...string) []byte {
	var b []byte
	for _, f := range fields {
		b = binary.BigEndian.AppendUint16(b, uint16(len(f)))
		b = append(b, f...)
	}
	return b
}

func dial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.UnixConn)
}

// answer reads the counted text as libsasl does, or "" where the connection just
// ends. The end may be a reset where something was sent too late.
func answer(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("reading the answer: %v", err)
	}
	if len(b) == 0 {
		return ""
	}
	if len(b) < 4 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		t.Fatalf("the answer %q is not counted", b)
	}
	return string(b[2:])
}

// say sends the pieces, each when the server has read the one before, and
// returns the answer.
func say(t *testing.T, path string, pieces ...[]byte) string {
	t.Helper()
	c := dial(t, path)
	for i, p := range pieces {
		if i > 0 {
			drained(t, c)
		}
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	return answer(t, c)
}

func TestTheAnswerInTheWordsOfTheProtocol(t *testing.T) {
	request := counted("alice", "secret", "HTTP", "")
	for name, c := range map[string]struct {
		answer account.Answer
		want   string
	}{
		"accept":               {alice(), "OK"},
		"deny":                 {deny(account.BadCredentials), "NO bad_credentials"},
		"unknown looks alike":  {deny(account.UnknownUser), "NO bad_credentials"},
		"disabled looks alike": {deny(account.AccountDisabled), "NO bad_credentials"},
		"locked looks alike":   {deny(account.AccountLockedByDirectory), "NO bad_credentials"},
		"app password needed":  {deny(account.AppPasswordRequired), "NO app_password_required"},
		"throttled":            {deny(account.Throttled), "NO throttled"},
		// An outage has no word: only a closed connection is understood.
		"outage":              {account.Answer{Reason: account.DirectoryUnavailable}, ""},
		"the zero answer":     {account.Answer{}, ""},
		"an accept of nobody": {account.Answer{Verdict: factor.Accept, Reason: account.OK}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := say(t, serve(t, &fake{answer: c.answer}, nil), request); got != c.want {
				t.Errorf("answered %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	at := func(s string) account.Client { return account.Client{Addr: netip.MustParseAddr(s)} }
	strict := func(c *saslauthd.Config) {
		c.Strict, c.Domains, c.IgnoreRealms = true, []string{"example.org"}, []string{"sallyport"}
	}
	for name, c := range map[string]struct {
		fields []string
		change func(*saslauthd.Config)
		want   account.Attempt
	}{
		"four strings":         {[]string{"alice", "s", "HTTP", ""}, nil, account.Attempt{Service: "dav", Name: "alice"}},
		"five strings":         {[]string{"alice", "s", "HTTP", "", "192.0.2.7;4711"}, nil, account.Attempt{Service: "dav", Name: "alice", Client: at("192.0.2.7")}},
		"an IPv6 client":       {[]string{"alice", "s", "HTTP", "", "2001:db8::1;4711"}, nil, account.Attempt{Service: "dav", Name: "alice", Client: at("2001:db8::1")}},
		"an IPv4 in IPv6":      {[]string{"alice", "s", "HTTP", "", "::ffff:192.0.2.7;1"}, nil, account.Attempt{Service: "dav", Name: "alice", Client: at("192.0.2.7")}},
		"an unreadable client": {[]string{"alice", "s", "HTTP", "", "localhost;1"}, nil, account.Attempt{Service: "dav", Name: "alice"}},
		"an empty fifth":       {[]string{"alice", "s", "HTTP", "", ""}, nil, account.Attempt{Service: "dav", Name: "alice"}},
		"the case of service":  {[]string{"alice", "s", "SMTP", ""}, nil, account.Attempt{Service: "mail", Name: "alice"}},
		"umlauts":              {[]string{"müller", "s", "http", ""}, nil, account.Attempt{Service: "dav", Name: "müller"}},
		"a realm is ignored":   {[]string{"alice", "s", "http", "elsewhere"}, nil, account.Attempt{Service: "dav", Name: "alice"}},
		"strict, no realm":     {[]string{"Alice", "s", "http", ""}, strict, account.Attempt{Service: "dav", Name: "Alice", Spelled: "Alice"}},
		"strict, our domain":   {[]string{"alice", "s", "http", "Example.org"}, strict, account.Attempt{Service: "dav", Name: "alice@Example.org", Spelled: "alice@Example.org"}},
		"strict, HTTP realm":   {[]string{"alice", "s", "http", "sallyport"}, strict, account.Attempt{Service: "dav", Name: "alice", Spelled: "alice"}},
		"strict, elsewhere":    {[]string{"alice", "s", "http", "elsewhere"}, strict, account.Attempt{Service: "dav", Name: "alice", Spelled: "alice@elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answer: alice()}
			if got := say(t, serve(t, f, c.change), counted(c.fields...)); got != "OK" {
				t.Fatalf("answered %q", got)
			}
			c.want.FrontEnd, c.want.OneField, c.want.Password = "saslauthd", true, "s"
			got := f.all()[0]
			if got.Peer.UID != os.Getuid() || got.Peer.PID != os.Getpid() {
				t.Errorf("the peer is %+v", got.Peer)
			}
			c.want.Peer = got.Peer
			if got != c.want {
				t.Errorf("asked %#v", got)
			}
		})
	}
}

// A word that means no service is refused without a question.
func TestAWordThatMeansNoService(t *testing.T) {
	f := &fake{answer: alice()}
	if got := say(t, serve(t, f, nil), counted("alice", "s", "imap", "")); got != "NO not_allowed" || len(f.all()) != 0 {
		t.Errorf("answered %q, asked %d times", got, len(f.all()))
	}
}

func TestRequestsThatNobodyShouldSend(t *testing.T) {
	whole := counted("alice", "secret", "HTTP", "")
	long := strings.Repeat("x", 1025)
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"nothing":               {nil, ""},
		"half a length":         {whole[:1], ""},
		"a truncated string":    {whole[:4], ""},
		"three strings":         {counted("alice", "secret", "HTTP"), ""},
		"a truncated fifth":     {append(append([]byte{}, whole...), 0, 9, '1'), ""},
		"a login too long":      {counted(long, "s", "HTTP", ""), "NO malformed"},
		"a password too long":   {counted("alice", long, "HTTP", ""), "NO malformed"},
		"a length beyond all":   {[]byte{0xff, 0xff, 'a'}, "NO malformed"},
		"a NUL in the login":    {counted("al\x00ice", "s", "HTTP", ""), "NO malformed"},
		"a NUL in the password": {counted("alice", "s\x00", "HTTP", ""), "NO malformed"},
		"a second request":      {append(counted("alice", "s", "HTTP", "", ""), whole...), "NO malformed"},
		"HTTP":                  {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "NO malformed"},
		"TLS":                   {[]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, "NO malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answer: alice()}
			conn := dial(t, serve(t, f, nil))
			if _, err := conn.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := answer(t, conn); got != c.want || len(f.all()) != 0 {
				t.Errorf("answered %q, want %q; asked %d times", got, c.want, len(f.all()))
			}
		})
	}
}

// Empty secrets are the engine's to refuse, so that they look like any other.
func TestEmptyFieldsAreTheEnginesToRefuse(t *testing.T) {
	f := &fake{answer: deny(account.BadCredentials)}
	path := serve(t, f, nil)
	for _, fields := range [][]string{{"", "s", "HTTP", ""}, {"alice", "", "HTTP", ""}} {
		if got := say(t, path, counted(fields...)); got != "NO bad_credentials" {
			t.Errorf("%q: answered %q", fields, got)
		}
	}
}

// Four strings may come byte by byte; a fifth that comes later than the fourth
// is not waited for, and does no harm.
func TestDribble(t *testing.T) {
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	whole := counted("alice", "secret", "HTTP", "")
	var bytes [][]byte
	for i := range whole {
		bytes = append(bytes, whole[i:i+1])
	}
	if got := say(t, path, bytes...); got != "OK" {
		t.Errorf("dribbled: answered %q", got)
	}
	c := dial(t, path)
	if _, err := c.Write(whole); err != nil {
		t.Fatal(err)
	}
	drained(t, c)
	_, _ = c.Write(counted("192.0.2.7;1")) // it may be too late
	if got := answer(t, c); got != "OK" {
		t.Errorf("a late fifth: answered %q", got)
	}
}

// Whoever connects and says nothing, or takes no answer, keeps nobody waiting.
func TestSilentClientsKeepNobodyWaiting(t *testing.T) {
	path := serve(t, &fake{answer: alice()}, nil)
	whole := counted("alice", "secret", "HTTP", "")
	for i := range 200 {
		c := dial(t, path)
		if i%2 == 0 {
			_, _ = c.Write(whole) // and never reads
		}
	}
	if got := say(t, path, whole); got != "OK" {
		t.Errorf("answered %q", got)
	}
}
