package post_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/postoffice"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/plugins/notify/post"
)

func server(t *testing.T, p *postoffice.Office) post.Server {
	t.Helper()
	s := post.Server{Host: "localhost", Port: p.Port}
	if pem, err := os.ReadFile(p.CAFile); err == nil {
		s.Roots = x509.NewCertPool()
		s.Roots.AppendCertsFromPEM(pem)
	}
	return s
}

func letterTo(who string) post.Mail {
	return post.Mail{
		From: mail.Address{Name: "Universität Beispiel", Address: "noreply@example.org"}, To: mail.Address{Name: "Jörg Müller", Address: who + "@example.org"},
		Subject: "Neues App-Passwort / New app password", Text: "Zeile eins: ü\n.\nFrom here\n" + strings.Repeat("lang ", 400) + "\n",
		HTML: "<p>Zeile eins: ü</p>\n", ID: "sallyport.1.abc@example.org", Date: time.Date(2026, 7, 3, 22, 5, 6, 0, time.UTC),
	}
}

// parts reads a mail as a mail program does.
func parts(t *testing.T, m *mail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the mail is %q, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct {
		kind string
		into *string
	}{{"text/plain; charset=UTF-8", &text}, {"text/html; charset=UTF-8", &html}} {
		p, err := r.NextRawPart()
		if err != nil || p.Header.Get("Content-Type") != want.kind {
			t.Fatalf("a part is %v, %v; want %s", p, err, want.kind)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		*want.into = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	if _, err := r.NextPart(); !errors.Is(err, io.EOF) {
		t.Errorf("there is a third part: %v", err)
	}
	return text, html
}

// What a real server delivers is what was given, and says of itself what
// programs and people need.
func TestAMailArrivesWhole(t *testing.T) {
	for name, implicit := range map[string]bool{"STARTTLS": false, "TLS from the start": true} {
		t.Run(name, func(t *testing.T) { arrivesWhole(t, implicit) })
	}
}

func arrivesWhole(t *testing.T, implicit bool) {
	p := postoffice.Open(t, postoffice.Options{Encrypted: true, Implicit: implicit, Login: true})
	p.Start(t)
	s := server(t, p)
	s.Implicit = implicit
	s.User, s.Password = postoffice.User+"@mail.example.org", postoffice.Password
	want := letterTo("alice")
	if err := s.Send(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	m := p.Box(t, "alice", 1)[0]
	text, html := parts(t, m)
	if text != want.Text || html != want.HTML {
		t.Errorf("arrived is\n%q\n%q", text, html)
	}
	if !p.Encrypted() {
		t.Error("no TLS was used")
	}
	dec := mime.WordDecoder{}
	subject, err := dec.DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != want.Subject {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	for header, value := range map[string]string{
		"Auto-Submitted": "auto-generated", "Message-Id": "<" + want.ID + ">", "Mime-Version": "1.0", "User-Agent": "", "X-Mailer": "", "Bcc": "",
		"Return-Path": "<noreply@example.org>", "Delivered-To": "alice@example.org",
	} {
		if got := m.Header.Get(header); got != value {
			t.Errorf("%s is %q, want %q", header, got, value)
		}
	}
	if at, err := m.Header.Date(); err != nil || !at.Equal(want.Date) {
		t.Errorf("the date is %v, %v", at, err)
	}
	for header, a := range map[string]mail.Address{"From": want.From, "To": want.To} {
		if got, err := m.Header.AddressList(header); err != nil || len(got) != 1 || *got[0] != a {
			t.Errorf("%s is %v, %v", header, got, err)
		}
	}
}

// Whatever a name holds, it stays one name in one header.
func TestHostileNamesStayNames(t *testing.T) {
	p := postoffice.Open(t, postoffice.Options{Encrypted: true})
	p.Start(t)
	s := server(t, p)
	names := []string{
		"a\r\nBcc: bert@example.org", "a\nX-Evil: 1", "a\r\n\r\nbody", "\"quoted\" \\ back", "bert@example.org", "<bert@example.org>, x",
		"=?utf-8?q?a=0D=0ABcc:_bert@example.org?=", "a\x00b", strings.Repeat("ü", 500), "x;y:z,w", "\u202eevil", "\xff",
	}
	for i, name := range names {
		m := letterTo("alice")
		m.ID = fmt.Sprintf("%d@example.org", i)
		m.To.Name, m.From.Name, m.Subject = name, name, name
		if err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, m := range p.Box(t, "alice", len(names)) {
		if len(m.Header) > 14 || m.Header.Get("X-Evil") != "" || m.Header.Get("Bcc") != "" {
			t.Errorf("a header was added: %v", m.Header)
		}
		for _, h := range []string{"From", "To"} {
			want := map[string]string{"From": "noreply@example.org", "To": "alice@example.org"}[h]
			if got, err := m.Header.AddressList(h); err != nil || len(got) != 1 || got[0].Address != want {
				t.Errorf("%s is %v, %v", h, got, err)
			}
		}
		if text, _ := parts(t, m); text != letterTo("alice").Text {
			t.Errorf("the text changed: %q", text)
		}
	}
	if got := p.Taken(); len(got) != len(names) {
		t.Errorf("%d mails became %d", len(names), len(got))
	}
}

// An address that is more than an address is not sent to: each of these has
// meant something else to some mail program.
func TestAddresses(t *testing.T) {
	for in, want := range map[string]bool{
		"alice@example.org": true, "a.b+c-d_e@sub.example.org": true, "o'hara@example.org": true, "a=b/c?d@example.org": true,
		"": false, "alice": false, "@example.org": false, "alice@": false, "alice@example.org ": false, " alice@example.org": false,
		"alice@example.org\r\nBcc: b@example.org": false, "a@b@example.org": false, `"a b"@example.org`: false, "Alice <alice@example.org>": false,
		"alice@example.org, bert@example.org": false, "alice@[127.0.0.1]": false, "jörg@example.org": false, "a(b)@example.org": false,
		"alice@example.org> ORCPT=rfc822;b@example.org": false, "-f@example.org": false, "a%b@example.org": false, "a!b@example.org": false,
		"|cmd@example.org": false, ".a@example.org": false, "a..b@example.org": false, "a@b\x00.org": false, strings.Repeat("a", 250) + "@b.de": false,
	} {
		if _, ok := post.Address(in); ok != want {
			t.Errorf("%q is taken: %t, want %t", in, ok, want)
		}
	}
	m := letterTo("alice")
	m.To.Address = "alice@example.org> NOTIFY=NEVER"
	if err := (post.Server{Host: "localhost", Port: 1}).Send(t.Context(), m); !errors.Is(err, post.ErrRefused) {
		t.Errorf("an address that no server would understand: %v", err)
	}
}

// What the server says of one recipient, of one mail, and of all mail.
func TestRefusals(t *testing.T) {
	p := postoffice.Open(t, postoffice.Options{Encrypted: true})
	p.Start(t)
	s := server(t, p)
	for who, want := range map[string]error{"nobody": post.ErrRefused, "full": post.ErrDoubtful, "spam": post.ErrDoubtful, "alice": nil} {
		err := s.Send(t.Context(), letterTo(who))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
		if err != nil && strings.Contains(err.Error(), who+"@") {
			t.Errorf("the log would name %s: %v", who, err)
		}
	}
	away := letterTo("alice")
	away.To.Address = "somebody@elsewhere.example"
	if err := s.Send(t.Context(), away); !errors.Is(err, post.ErrDoubtful) {
		t.Errorf("a server that does not relay: %v", err)
	}
}

// Neither the mail nor the password crosses a line that is not what was asked
// for; and none of it is the recipient's fault.
func TestNothingIsSentInClear(t *testing.T) {
	open := postoffice.Open(t, postoffice.Options{})
	open.Start(t)
	locked := postoffice.Open(t, postoffice.Options{Encrypted: true, Login: true})
	locked.Start(t)
	plain := server(t, open)
	plain.Plain = true
	if err := plain.Send(t.Context(), letterTo("alice")); err != nil {
		t.Errorf("plain, as asked for on this machine: %v", err)
	}
	wrapped := postoffice.Open(t, postoffice.Options{Encrypted: true, Implicit: true, Login: true})
	wrapped.Start(t)
	first := server(t, wrapped)
	first.Implicit, first.User, first.Password = true, postoffice.User+"@mail.example.org", postoffice.Password
	login := server(t, locked)
	login.User, login.Password = postoffice.User+"@mail.example.org", postoffice.Password
	for name, change := range map[string]func() post.Server{
		"no STARTTLS there":                    func() post.Server { return server(t, open) },
		"an unknown authority":                 func() post.Server { s := login; s.Roots = x509.NewCertPool(); return s },
		"another name":                         func() post.Server { s := login; s.Host = "127.0.0.1"; return s },
		"a wrong password":                     func() post.Server { s := login; s.Password = "wrong"; return s },
		"from the start, an unknown authority": func() post.Server { s := first; s.Roots = x509.NewCertPool(); return s },
		"from the start, another name":         func() post.Server { s := first; s.Host = "127.0.0.1"; return s },
		"from the start, a wrong password":     func() post.Server { s := first; s.Password = "wrong"; return s },
		"from the start, where STARTTLS is":    func() post.Server { s := login; s.Implicit = true; return s },
		"from the start, where there is none":  func() post.Server { s := server(t, open); s.Implicit = true; return s },
		"nobody listens":                       func() post.Server { s := login; s.Port = run.FreePort(t); return s },
		"plain where TLS is asked":             func() post.Server { s := login; s.Plain, s.User = true, ""; return s },
	} {
		err := change().Send(t.Context(), letterTo("alice"))
		if err == nil || errors.Is(err, post.ErrRefused) || errors.Is(err, post.ErrDoubtful) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), postoffice.Password) {
			t.Errorf("%s: the error holds the password", name)
		}
	}
	if err := login.Send(t.Context(), letterTo("alice")); err != nil {
		t.Errorf("the right login: %v", err)
	}
	if err := first.Send(t.Context(), letterTo("alice")); err != nil {
		t.Errorf("the right login, with TLS from the start: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", login, login, login); strings.Contains(text, postoffice.Password) {
		t.Errorf("a server prints its password: %s", text)
	}
}

// A mail that was taken stays taken, however the connection ends after that; one
// of which nobody knows is worth another try.
func TestAMailThatWasTaken(t *testing.T) {
	for _, taken := range []bool{true, false} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }()
			talk := textproto.NewConn(c)
			_ = talk.PrintfLine("220 hello")
			for range 3 {
				_, _ = talk.ReadLine()
				_ = talk.PrintfLine("250 yes") // EHLO, MAIL, RCPT
			}
			_, _ = talk.ReadLine()
			_ = talk.PrintfLine("354 go on")
			_, _ = talk.ReadDotBytes()
			if taken {
				_ = talk.PrintfLine("250 taken")
			}
		}()
		s := post.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Plain: true}
		err = s.Send(t.Context(), letterTo("alice"))
		if (err == nil) != taken || errors.Is(err, post.ErrRefused) || errors.Is(err, post.ErrDoubtful) {
			t.Errorf("taken: %t, %v", taken, err)
		}
		_ = l.Close()
	}
}

// A server that says nothing, or stops in the middle, is left with the context,
// one that refuses at once; and its connection is closed.
func TestAMuteServer(t *testing.T) {
	for greeting, limit := range map[string]time.Duration{
		"": 100 * time.Millisecond, "220 hello\r\n": 100 * time.Millisecond, "220 hello\r\n250 localhost\r\n": 100 * time.Millisecond,
		"554 go away\r\n": run.Patience, "220 hello\r\n502 what?\r\n502 what?\r\n": run.Patience,
	} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		gone := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, _ = io.WriteString(c, greeting)
				_, err = io.Copy(io.Discard, c)
			}
			gone <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		s := post.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Plain: true}
		if err := s.Send(ctx, letterTo("alice")); err == nil || errors.Is(err, post.ErrRefused) {
			t.Errorf("after %q: %v", greeting, err)
		}
		select { // the context of those who refused is not over yet
		case <-gone:
		case <-time.After(run.Patience):
			t.Errorf("after %q: the connection stays open", greeting)
		}
		cancel()
		_ = l.Close()
	}
}
