package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
)

// The parsers of foreign bytes: whatever comes, what is taken from it stands in
// it as a whole, and nothing is taken twice.

func FuzzPipe(f *testing.F) {
	for _, s := range []string{"alice\nsecret\n", "alice\nsecret", "a\nb\nc\n", "\n\n", "alice", "", "a\x00\nb\n", "m\xfcller\nx\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parsePipe(b)
		if err != nil {
			return
		}
		if got := q.Name + "\n" + q.Password.Reveal(); got != string(b) && got+"\n" != string(b) || strings.Contains(q.Name, "\n") {
			t.Errorf("%q was read as %q", b, got)
		}
	})
}

func FuzzPAM(f *testing.F) {
	for _, s := range []string{"secret", "secret\x00", "secret\n", "secret\n\x00", "a\x00b", "", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parsePAM(b)
		if err != nil {
			return
		}
		got := q.Password.Reveal()
		if s := string(b); got != s && got+"\n" != s && got+"\x00" != s {
			t.Errorf("%q was read as %q", b, got)
		}
	})
}

func FuzzCheckpassword(f *testing.F) {
	for _, s := range []string{"alice\x00secret\x001\x00", "alice\x00secret\x00\x00more", "alice\x00secret", "\x00\x00\x00", "", strings.Repeat("x", 513)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseCheckpassword(b)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, []byte(q.Name+"\x00"+q.Password.Reveal()+"\x00")) || len(b) > maxCheckpassword ||
			strings.Contains(q.Name+q.Password.Reveal(), "\x00") {
			t.Errorf("%q was read as %q, %q", b, q.Name, q.Password.Reveal())
		}
	})
}

func FuzzRclone(f *testing.F) {
	for _, s := range []string{`{"user":"a","pass":"b"}`, `{"user":"a","pass":"b","client_ip":"::1"}`, `{"user":"a","public_key":"b"}`,
		`{"user":"a","user":"b","pass":"c"}`, `{"user":1}`, `[]`, ``, `{"USER":"a","pass":"b"}`, `{"user":"a","pass":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRclone(b)
		if err != nil && (q.Name != "" || q.Password != "") {
			t.Errorf("%q was refused, and read as %q", b, q.Name)
		}
		var all map[string]any // another reader, which keeps the case of keys
		if err == nil && (json.Unmarshal(b, &all) != nil || all["user"] != q.Name || all["pass"] != q.Password.Reveal() || all["public_key"] != nil) {
			t.Errorf("%q was read as %q", b, q.Name)
		}
	})
}

func FuzzSFTPGo(f *testing.F) {
	f.Add("alice", "secret", "", "192.0.2.7")
	f.Add("", "", "AAAA", "")
	f.Add(strings.Repeat("x", 9000), "secret", "", "x")
	f.Fuzz(func(t *testing.T, name, password, key, ip string) {
		env := map[string]string{"SFTPGO_AUTHD_USERNAME": name, "SFTPGO_AUTHD_PASSWORD": password, "SFTPGO_AUTHD_PUBLIC_KEY": key, "SFTPGO_AUTHD_IP": ip}
		q, err := parseSFTPGo(func(k string) (string, bool) { v, ok := env[k]; return v, ok })
		if err == nil && (key != "" || q.Name != name || q.Password.Reveal() != password || len(name)+len(password) > maxInput) {
			t.Errorf("%q %q %q was read as %q", name, password, key, q.Name)
		}
	})
}

func FuzzHome(f *testing.F) {
	for _, s := range []string{"alice", "..", "a/b", ".ssh", "", "a\x00b", "müller", `a\b`, "a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		dir, err := home("/srv/dav", login)
		if err == nil && (filepath.Dir(dir) != "/srv/dav" || filepath.Base(dir) != login || filepath.Clean(dir) != dir) {
			t.Errorf("%q has the folder %q", login, dir)
		}
	})
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "fe80::1%eth0": "fe80::1", "2001:DB8::1": "2001:db8::1",
		"": "invalid IP", "localhost": "invalid IP", "192.0.2.7:80": "invalid IP", " 192.0.2.7": "invalid IP", "192.0.2.7\r\nX: y": "invalid IP",
	} {
		if got := address(in).String(); got != want {
			t.Errorf("%q was read as %s", in, got)
		}
	}
}

func TestTheNameCanBeTheMode(t *testing.T) {
	for _, c := range []struct{ args, mode, rest string }{
		{"/usr/bin/sallyport-check pipe --x", "pipe", "--x"},
		{"/usr/bin/sallyport-check-pipe --x", "pipe", "--x"},
		{"sallyport-check-rclone", "rclone", ""},
		{"/usr/bin/sallyport-check", "", ""},
		{"/opt/sallyport-check-x/pwauth pam", "pam", ""},
	} {
		mode, rest := modeOf(strings.Fields(c.args))
		if mode != c.mode || strings.Join(rest, " ") != c.rest {
			t.Errorf("%s: mode %q, arguments %q", c.args, mode, rest)
		}
	}
}

// TestACallerThatNeverEnds: some hand their own stdin down.
func TestACallerThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var said bytes.Buffer
		if got := answer(&process{args: []string{"x", "pipe"}, in: r, out: io.Discard, err: &said}); got != exitMisuse {
			t.Errorf("status %d", got)
		}
		if !strings.Contains(said.String(), "did not come in time") {
			t.Errorf("said %q", said.String())
		}
		w.Close()
	})
}

func TestOnlyUserChanges(t *testing.T) {
	env := []string{"HOME=/h", "USER=x", "USERX=y", "USER=z"}
	if got := strings.Join(withUser(env, "alice"), " "); got != "HOME=/h USERX=y USER=alice" {
		t.Error(got)
	}
	if env[1] != "USER=x" {
		t.Error("the caller's own list was changed")
	}
}

// TestEverythingIsWritten: each flag and mode stands in all three texts.
func TestEverythingIsWritten(t *testing.T) {
	page := strings.ReplaceAll(string(manPage), `\-`, "-")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"pipe", "checkpassword", "rclone", "sftpgo", "pam"}
	for _, w := range words {
		if !strings.Contains(string(readme), "`"+w+"`") {
			t.Errorf("README.md does not tell of %s", w)
		}
	}
	words = append(words, "--socket", "--service", "--spelling", "--daemon-user", "--root", "--set", "--hook")
	for _, w := range words {
		for name, text := range map[string]string{"help": helpText, "man page": page, "completion": completion} {
			if !strings.Contains(text, w) {
				t.Errorf("the %s does not tell of %s", name, w)
			}
		}
	}
}

func TestNoQuestionNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	block := make(chan struct{})
	defer close(block)
	if q, err := inTime(ctx, func() (ask.Question, error) { <-block; return ask.Question{Name: "alice"}, nil }); err == nil || q.Name != "" {
		t.Errorf("%v %v", q, err)
	}
}
