package dovecotauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/plugins/factor"
)

func FuzzAuth(f *testing.F) {
	for _, s := range []string{
		"PLAIN\tservice=radicale\trip=192.0.2.7\tresp=AGFsaWNlAHM=", "LOGIN\tservice=smtp\tnologin\tlip=::1\trip=::2\tsecured",
		"PLAIN\tprotocol=imap\tsession=x\tresp=", "\t", "PLAIN\tservice=a\x01tb\x01", "plain", "LOGIN\tresp=YWxpY2U=", "",
	} {
		f.Add([]byte(s), []byte("AGFsaWNlAHM="), []byte("cw=="))
	}
	f.Fuzz(func(t *testing.T, params, first, second []byte) {
		x, initial, err := parseAuth(1, params)
		if err != nil {
			return
		}
		if !x.known() {
			return
		}
		pieces := [][]byte{initial, first, second}
		if initial == nil {
			pieces = pieces[1:]
		}
		for _, p := range pieces {
			done, err := x.next(p)
			if err != nil {
				return
			}
			name, password := x.attempt.Name, x.attempt.Password.Reveal()
			if len(name) > maxName || len(password) > maxPassword || strings.ContainsAny(name, "\x00\t\r\n\x01") || strings.Contains(password, "\x00") {
				t.Fatalf("taken: %q with %d bytes", name, len(password))
			}
			if done {
				if x.mechanism != "PLAIN" {
					return
				}
				raw, err := base64.StdEncoding.DecodeString(string(p))
				if err != nil || !bytes.HasSuffix(raw, []byte("\x00"+name+"\x00"+password)) {
					t.Fatalf("two readings of %q", p)
				}
				return
			}
		}
	})
}

// accepting lets everybody in, and notes that it was asked.
type accepting struct{ asked atomic.Int64 }

func (a *accepting) Check(_ context.Context, t account.Attempt) account.Answer {
	a.asked.Add(1)
	return account.Answer{Verdict: factor.Accept, Reason: account.OK, Subject: account.Subject{ID: "1", Name: t.Name}}
}

var answerLine = regexp.MustCompile(`^(OK|FAIL|CONT)\t[1-9][0-9]{0,9}(\t[^\x00\t\r\n]*)*$`)

// Whatever lines come: nobody is asked about before the handshake, every answer
// is one line of the protocol, and no request has more than one.
func FuzzLines(f *testing.F) {
	const hello, sesame = "VERSION\t1\t1\nCPID\t7\n", "PLAIN\tservice=dav\tresp=AGFsaWNlAHM=\n"
	for _, s := range []string{
		hello + "AUTH\t1\t" + sesame, "AUTH\t1\t" + sesame, hello + "AUTH\t1\t" + sesame + "AUTH\t1\t" + sesame,
		hello + "AUTH\t2\tLOGIN\tservice=dav\nCONT\t2\tYWxpY2U=\nCONT\t2\tcw==\n", hello + "AUTH\t0\t" + sesame,
		hello + "AUTH\t3\tLOGIN\tservice=dav\nCANCEL\t3\nCONT\t3\tYWxpY2U=\n", "VERSION\t2\t0\n", "CPID\t1\n", hello + "VERSION\t1\t1\n",
		hello + "AUTH\t99999999999\t" + sesame, hello + "NEW\tthing\n" + "AUTH\t4\tPLAIN\tservice=elsewhere\tresp=!\n", "\n\x00\n",
	} {
		f.Add(s)
	}
	services, err := servicemap.New([]string{"dav"}, "", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		checker := &accepting{}
		front := &Front{Config{Checker: checker, Text: func(account.Reason) account.Text { return account.Text{} }, Services: services, Log: slog.New(slog.DiscardHandler)}}
		s := newSession(&handler{now: func() (*Front, func()) { return front, func() {} }}, &stream.Conn{})
		s.out.writing = true // what would be written stays to be looked at
		begun, finished := 0, 0
		for line := range strings.Lines(sent) {
			line, whole := strings.CutSuffix(line, "\n")
			if !whole {
				break
			}
			err := s.take(context.Background(), []byte(line))
			s.judged.Wait()
			if !s.introduced && checker.asked.Load() > 0 {
				t.Fatal("somebody was asked about before the handshake")
			}
			if err != nil {
				break
			}
			if strings.HasPrefix(line, "AUTH\t") {
				begun++
			}
		}
		for answer := range strings.Lines(string(s.out.pending)) {
			answer, whole := strings.CutSuffix(answer, "\n")
			if !whole || !answerLine.MatchString(answer) {
				t.Errorf("answered %q", answer)
			}
			if !strings.HasPrefix(answer, "CONT") {
				finished++
			}
		}
		if finished > begun {
			t.Errorf("%d answers to %d requests", finished, begun)
		}
	})
}

// What is escaped comes back, and never has a byte that would end a field.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"alice", "a\tb", "\x00\x01\t\r\n", "\x01t", "\x01", "müller", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := escape(s)
		if strings.ContainsAny(e, "\x00\t\r\n") {
			t.Errorf("%q is written as %q", s, e)
		}
		if back := unescape([]byte(e)); back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
		unescape([]byte(s))
	})
}
