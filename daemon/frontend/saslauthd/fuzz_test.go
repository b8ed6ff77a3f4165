package saslauthd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
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
