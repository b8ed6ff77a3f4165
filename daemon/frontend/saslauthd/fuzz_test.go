package saslauthd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sallyport/sallyport/daemon/account"
)

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"\x00\x05alice\x00\x06secret\x00\x04HTTP\x00\x00", "\x00\x05alice\x00\x06secret\x00\x04HTTP\x00\x00\x00\x0b192.0.2.7;1",
		"\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x01a\x00", "\xff\xff", "\x00\x01\x00\x00\x00\x00\x00\x00\x00", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		var whole, dribbled [maxRequest + 1]byte
		q, n, err := readRequest(bytes.NewReader(sent), whole[:])
		if n > len(sent) {
			t.Fatalf("read %d of %d bytes", n, len(sent))
		}
		slow, _, slowErr := readRequest(iotest.OneByteReader(bytes.NewReader(sent)), dribbled[:])
		if err != nil {
			if q != (request{}) {
				t.Error("a request that was not read holds something")
			}
			return
		}
		for _, field := range []string{q.login, q.password, q.service, q.realm, q.client} {
			if len(field) > maxString || strings.ContainsRune(field, 0) {
				t.Errorf("limits: %q", field)
			}
		}
		// What was read is what was sent: there is no second reading.
		var again []byte
		for _, field := range []string{q.login, q.password, q.service, q.realm} {
			again = binary.BigEndian.AppendUint16(again, uint16(len(field)))
			again = append(again, field...)
		}
		if !bytes.HasPrefix(sent, again) {
			t.Errorf("%q was read as %+v", sent, q)
		}
		// Dribbled, the same request loses its fifth string only.
		q.client = ""
		if slowErr != nil && !errors.Is(slowErr, errRefused) || slowErr == nil && slow != q {
			t.Errorf("dribbled: %+v, %v", slow, slowErr)
		}
	})
}

func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{
		"192.0.2.7;40000", "192.0.2.7", "2001:DB8::0:7;443", "::ffff:192.0.2.7;1", "fe80::1%eth0;1", "::ffff:192.0.2.7%eth0",
		"", ";", ";192.0.2.7", "192.0.2.7;;", "[::1];1", "192.0.2.7:1", "192.0.2.07", " 192.0.2.7", "mail.example.org;25", "::1\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		addr := clientAddr(said)
		host, _, _ := strings.Cut(said, ";")
		bare, _, zoned := strings.Cut(host, "%")
		want := net.ParseIP(bare)
		if !addr.IsValid() {
			if addr != (netip.Addr{}) || want != nil && !zoned {
				t.Errorf("%q was not read: %v", said, addr)
			}
			return
		}
		// One person has one bucket: no form and no zone makes a second.
		if addr.Is4In6() || addr.Zone() != "" {
			t.Errorf("%q gave %v", said, addr)
		}
		if !want.Equal(addr.AsSlice()) {
			t.Errorf("%q gave %v, is %v", said, addr, want)
		}
		for _, same := range []string{host, host + ";", addr.String() + ";65535"} {
			if again := clientAddr(same); again != addr {
				t.Errorf("%q gave %v, but %q gives %v", said, addr, same, again)
			}
		}
	})
}

func FuzzSpell(f *testing.F) {
	for _, s := range [][4]string{
		{"alice", "example.org", "example.org", "sallyport"}, {"alice", "EXAMPLE.org", "example.org", "sallyport"},
		{"alice", "SallyPort", "example.org", "sallyport"}, {"alice", "elsewhere", "example.org", "sallyport"}, {"alice", "evil.example.org", "example.org", "sallyport"},
		{"alice", "", "example.org", "sallyport"}, {"alice", "both", "both", "BOTH"}, {"alice@example.org", "", "example.org", "x"},
		{"alice@a", "b", "b", "x"}, {"alice", "a@b", "a@b", "x"}, {"", "example.org", "example.org", "x"}, {"", "", "d", "i"},
		{"m\u00fcller", "\u212aELVIN", "kelvin", "x"}, {"\xff", "\xff", "\xfe", "\xfd"}, {"@", "@", "@", "@@"},
	} {
		f.Add(s[0], s[1], s[2], s[3], true)
		f.Add(s[0], s[1], s[2], s[3], false)
	}
	f.Fuzz(func(t *testing.T, login, realm, domain, ignored string, strict bool) {
		h := handler{Config{Domains: []string{"other.example", domain}, IgnoreRealms: []string{ignored}, Strict: strict}}
		if domain == "" || ignored == "" {
			return // the config takes neither
		}
		sent := account.Attempt{Service: "dav", FrontEnd: frontEnd, Name: login, Password: "pw", OneField: true}
		a := sent
		h.spell(&a, realm)
		// The name that is looked up is the login, or the login at a domain that
		// the operator has named: a client cannot choose another.
		joined := login + "@" + realm
		ours := realm != "" && (strings.EqualFold(realm, domain) || strings.EqualFold(realm, "other.example"))
		nothing := realm == "" || strings.EqualFold(realm, ignored)
		if want := pick(ours && !nothing, joined, login); a.Name != want {
			t.Errorf("%q in realm %q is looked up as %q, want %q", login, realm, a.Name, want)
		}
		// Where spelling is strict, it is compared with the whole that the client
		// goes on with: so alice of an unknown realm never passes for alice.
		if want := pick(strict, pick(nothing, login, joined), ""); a.Spelled != want {
			t.Errorf("%q in realm %q goes on as %q, want %q", login, realm, a.Spelled, want)
		}
		if strict && !nothing && !ours && a.Spelled == a.Name {
			t.Errorf("%q in the foreign realm %q would pass for %q", login, realm, a.Name)
		}
		// A client that takes nothing apart asks the same, and nothing is put
		// together twice.
		whole := sent
		whole.Name = a.Name
		h.spell(&whole, "")
		if (ours || nothing) && whole != a {
			t.Errorf("%q in realm %q asks %+v, in one piece %+v", login, realm, a, whole)
		}
		// Nothing else is touched.
		a.Name, a.Spelled = sent.Name, sent.Spelled
		if a != sent {
			t.Errorf("made %+v of %+v", a, sent)
		}
	})
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
