package dovecotauth

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
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
