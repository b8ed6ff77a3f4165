package ask

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

func question(name, password string) Question {
	return Question{Service: "dav", Name: name, Password: account.Secret(password), Agent: "test"}
}

// FuzzRequest: whatever is typed, the request is one request, asks for what was
// typed, and holds no line that the person wrote.
func FuzzRequest(f *testing.F) {
	for _, s := range [][2]string{{"alice", "secret"}, {"m\xfcller", "x"}, {"müller", "x\xff"}, {"a:b", "c"}, {"a\r\nX-Forwarded-For: 1.2.3.4", "c"},
		{"", ""}, {"a", "b\x00"}, {strings.Repeat("ü", 128), "x"}, {strings.Repeat("\xfc", 129), "x"}, {"a\u0085", "b"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, password string) {
		q := question(name, password)
		q.Addr = netip.MustParseAddr("::ffff:192.0.2.7")
		b, err := q.request()
		if err != nil {
			return
		}
		in := bufio.NewReader(strings.NewReader(string(b)))
		r, err := http.ReadRequest(in)
		if err != nil || in.Buffered() != 0 {
			t.Fatalf("%q: %v, %d bytes more", b, err, in.Buffered())
		}
		if r.Method != "GET" || r.URL.Path != "/v1/auth" || len(r.Header) != 5 || r.Header.Get("X-Forwarded-For") != "192.0.2.7" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		user, secret, ok := r.BasicAuth()
		if wantName, wantSecret := utf8Of(name, password); !ok || user != wantName || secret != wantSecret {
			t.Errorf("%q, %q was asked as %q, %q", name, password, user, secret)
		}
		if len(user) > MaxName || len(secret) > MaxPassword || user == "" || secret == "" {
			t.Errorf("%q, %q was asked", user, secret)
		}
	})
}

func TestWhatIsTypedIsReadOnce(t *testing.T) {
	for typed, want := range map[[2]string]string{
		{"müller", "pässwort"}:       "müller:pässwort",
		{"m\xfcller", "p\xe4sswort"}: "müller:pässwort",
		{"müller", "p\xe4sswort"}:    "mÃ¼ller:pässwort", // one reading for both
		{"alice", "a:b"}:             "alice:a:b",
	} {
		b, err := question(typed[0], typed[1]).request()
		if err != nil || !strings.Contains(string(b), "Basic "+base64.StdEncoding.EncodeToString([]byte(want))+"\r\n") {
			t.Errorf("%q: %v %q", typed, err, b)
		}
		if strings.Contains(string(b), "X-Forwarded-For") {
			t.Errorf("an address out of nothing: %q", b)
		}
	}
}

// FuzzReply: only 204 with exactly one good login lets anybody in, and nothing
// that the other side says gets into a log but words of the daemon.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n", "HTTP/1.1 204 x\r\nX-Sallyport-User: müller\r\n\r\n",
		"HTTP/1.1 401 x\r\nX-Sallyport-Reason: bad_credentials\r\n\r\n", "HTTP/1.1 503 x\r\nRetry-After: 5\r\n\r\n", "HTTP/1.1 20", "",
		"HTTP/1.1 204\r\nX-Sallyport-User: a\r\nX-Sallyport-User: b\r\n\r\n", "HTTP/1.0 204 x\r\n\r\n", "HTTP/1.1 2040 x\r\n\r\n", "\r\n\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := readReply(strings.NewReader(s))
		if err != nil {
			return
		}
		a := r.answer()
		if a.Verdict == factor.Accept && (!strings.HasPrefix(s, "HTTP/1.1 204") || !usable(a.Login) || !strings.Contains(s, a.Login)) {
			t.Errorf("%q let %q in", s, a.Login)
		}
		if a.Verdict != factor.Accept && a.Login != "" {
			t.Errorf("%q named %q", s, a.Login)
		}
		if strings.ContainsFunc(a.Why, func(r rune) bool { return r < ' ' || r > '~' }) || a.Why == "" {
			t.Errorf("%q says %q", s, a.Why)
		}
	})
}

func TestReplies(t *testing.T) {
	for head, want := range map[string]Answer{
		"204 No Content\r\nX-Sallyport-User: müller":        {factor.Accept, "müller", "ok"},
		"204 No Content\r\nX-Sallyport-User: ":              {Why: "the daemon accepted, and named no login"},
		"401 x\r\nX-Sallyport-Reason: code_used":            {Verdict: factor.Deny, Why: "code_used"},
		"401 x\r\nX-Sallyport-User: alice":                  {Verdict: factor.Deny, Why: "no reason given"},
		"429 x\r\nRetry-After: 9":                           {Why: "too many wrong passwords from there (again in 9 s)"},
		"503 x\r\nX-Sallyport-Reason: store_unavailable":    {Why: "the daemon cannot judge right now: store_unavailable"},
		"503 x\r\nRetry-After: soon\r\nX-Sallyport-User: a": {Why: "the daemon cannot judge right now: "},
	} {
		r, err := readReply(strings.NewReader("HTTP/1.1 " + head + "\r\n\r\n"))
		if got := r.answer(); err != nil || got != want {
			t.Errorf("%q: %v, %v", head, got, err)
		}
	}
	for _, s := range []string{"HTTP/1.1 204 x\r\nno colon\r\n\r\n", "HTTP/1.1 20x\r\n\r\n", "HTTP/1.1 2044\r\n\r\n", "HTTP/1.1 204 x\r\nX: " + strings.Repeat("x", maxReply)} {
		if _, err := readReply(strings.NewReader(s)); !errors.Is(err, errForeign) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

// TestAllInTime: no outage lasts longer than the context.
func TestAllInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	for _, socket := range []string{path, path + "x"} {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		begun := time.Now()
		a := Daemon{Socket: socket, Owner: -1}.Ask(ctx, question("alice", "secret"))
		cancel()
		if took := time.Since(begun); a.Verdict != factor.Unavailable || took < 150*time.Millisecond || took > 2*time.Second {
			t.Errorf("%s: %v after %v", socket, a, took)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if a := (Daemon{Socket: path}).Ask(ctx, question("a:b", "x")); a.Verdict != factor.Deny {
		t.Errorf("a colon: %v", a)
	}
}

// TestTheLastWholeTryIsTold: a try that the end of the time cuts off says nothing
// of why there was no answer before.
func TestTheLastWholeTryIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept() // and nobody after that
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 503 x\r\nX-Sallyport-Reason: directory_unavailable\r\n\r\n"))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if a := (Daemon{Socket: path, Owner: -1}).Ask(ctx, question("alice", "secret")); !strings.Contains(a.Why, "directory_unavailable") {
		t.Errorf("%+v", a)
	}
}

// TestWhoMayListen: the owner of a socket is the daemon only where nobody else
// could have put it there.
func TestWhoMayListen(t *testing.T) {
	run.NeedRoot(t)
	const uid = 4242
	top, err := os.MkdirTemp("/run", "sp") // below folders that are root's alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	dir := filepath.Join(top, "d")
	path := filepath.Join(dir, "s")
	for what, c := range map[string]struct {
		spoil func() error
		want  string
	}{
		"as it should be":          {func() error { return nil }, ""},
		"another's file":           {func() error { return os.Chown(path, uid+1, -1) }, "the file belongs to uid 4243"},
		"another's folder":         {func() error { return os.Chown(dir, uid+1, -1) }, "belongs to uid 4243"},
		"a folder of all":          {func() error { return os.Chmod(dir, 0o757) }, "can be written by others"},
		"a folder of a group":      {func() error { return os.Chmod(top, 0o775) }, "can be written by others"},
		"a folder with sticky bit": {func() error { return os.Chmod(top, 0o777|os.ModeSticky) }, "can be written by others"},
		"a link": {func() error {
			return errors.Join(os.Rename(dir, dir+"x"), os.Symlink(dir+"x", dir))
		}, "is a symbolic link"},
		"gone": {func() error { return os.Remove(path) }, "looking at it failed"},
	} {
		os.RemoveAll(dir)
		os.RemoveAll(dir + "x")
		err := errors.Join(os.Chmod(top, 0o755), os.Mkdir(dir, 0o755), os.WriteFile(path, nil, 0o666), os.Chown(dir, uid, -1), os.Chown(path, uid, -1), c.spoil())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		switch err := onlyBy(path, uid); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestClosedDoors: a daemon that does not know the asking user closes the
// connection, and says so in its log each time.
func TestClosedDoors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	tries := make(chan int)
	go func() {
		n := 0
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
			n++
		}
		tries <- n
	}()
	ctx, cancel := context.WithTimeout(context.Background(), run.Patience)
	defer cancel()
	a := Daemon{Socket: path, Owner: -1}.Ask(ctx, question("alice", "secret"))
	l.Close()
	if n := <-tries; n != maxClosed || ctx.Err() != nil || !strings.Contains(a.Why, "allowed there?") {
		t.Errorf("%d tries, %v, %q", n, ctx.Err(), a.Why)
	}
}
