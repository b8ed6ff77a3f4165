package pam

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// units puts inputs through one of the module's readers, built with sanitizers,
// and returns what it made of each. Any error of memory ends it.
func units(t *testing.T, program string, kind byte, inputs [][]byte) []string {
	t.Helper()
	var in bytes.Buffer
	for _, i := range inputs {
		in.WriteByte(kind)
		_ = binary.Write(&in, binary.BigEndian, uint32(len(i))) // to memory
		in.Write(i)
	}
	out, err := run.Run(run.Command{Path: program, Stdin: in.String()})
	if err != nil {
		t.Fatalf("the readers did not end well: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(inputs) {
		t.Fatalf("%d answers to %d inputs:\n%s", len(lines), len(inputs), run.Tail(out))
	}
	return lines
}

// seeds are answers from which the others are made.
func seeds() []string {
	return []string{
		accept, wantsCode,
		"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nX-Sallyport-Groups: staff,Sales%2C EU\r\nX-Sallyport-Mail: a@example.org\r\n" +
			"X-Sallyport-Name: Alice M\u00fcller\r\nX-Sallyport-Scope: dav\r\nX-Sallyport-User: m\u00fcller\r\nDate: Sat, 01 Jan 2028 00:00:00 GMT\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 401 Unauthorized\r\nCache-Control: no-store\r\nContent-Length: 0\r\nWww-Authenticate: Basic realm=\"sallyport\", charset=\"UTF-8\"\r\n" +
			"X-Sallyport-Reason: bad_credentials\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nX-Sallyport-Reason: directory_unavailable\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 204\r\nX-Sallyport-User:alice\r\n\r\n", "", "\r\n\r\n", "HTTP/1.1 ", "HTTP/1.1 204 \r\n:\r\n\r\n",
		"HTTP/1.1 204 x\r\nX-Sallyport-User: " + strings.Repeat("u", 256) + "\r\nX: " + strings.Repeat("y", 15<<10) + "\r\n\r\n",
	}
}

// mutate changes a text in one to four places.
func mutate(r *rand.Rand, from string) []byte {
	b := []byte(from)
	words := []string{"\r\n", "\r\n\r\n", ":", " ", "\x00", "\r", "\n", "X-Sallyport-User: ", "X-Sallyport-Reason: ", "204", "\t", "\x7f", "\xff", "HTTP/1.1 "}
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(5) {
		case 0: // a word comes in
			b = append(b[:at:at], append([]byte(words[r.IntN(len(words))]), b[at:]...)...)
		case 1: // a byte changes
			if at < len(b) {
				b[at] = byte(r.IntN(256))
			}
		case 2: // a piece goes
			b = append(b[:at:at], b[min(len(b), at+1+r.IntN(8)):]...)
		case 3: // a piece doubles
			b = append(b[:min(len(b), at+r.IntN(40)):len(b)], b[at:]...)
			b = append([]byte{}, b...)
		default: // the end goes
			b = b[:at:at]
		}
	}
	return b
}

// The reader may be stricter than Go's, never laxer: what it takes, Go reads
// alike.
func TestMutatedAnswers(t *testing.T) {
	program := compile(t, build(t, ""), "units", "src/answer.c", "src/base64.c", "src/login.c")
	var inputs [][]byte
	for _, s := range seeds() {
		inputs = append(inputs, []byte(s))
	}
	r := rand.New(rand.NewPCG(1, 2))
	endless := "HTTP/1.1 200 x\r\nX: " + strings.Repeat("x", 16<<10)
	inputs = append(inputs, []byte(endless[:16<<10-1]), []byte(endless[:16<<10]), []byte(endless))
	for range 10_000 {
		inputs = append(inputs, mutate(r, seeds()[r.IntN(len(seeds()))]))
	}
	kinds := map[string]int{}
	for i, line := range units(t, program, 'a', inputs) {
		var reading, same, status int
		var names string
		if _, err := fmt.Sscanf(line, "%d %d %d", &reading, &same, &status); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		_, names, _ = strings.Cut(line, fmt.Sprintf("%d %d %d ", reading, same, status))
		user, reason, _ := strings.Cut(strings.TrimSuffix(names, "."), " ")
		kinds[fmt.Sprintf("reading %d, accept %v", reading, reading == 2 && status == 204)]++
		if reading == 1 && len(inputs[i]) >= 16<<10 {
			t.Errorf("waits for the end of %d bytes", len(inputs[i]))
		}
		if same != 1 {
			t.Errorf("another answer when it comes in pieces: %q", inputs[i])
		}
		if reading != 2 {
			continue
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(inputs[i])), nil)
		if err != nil && strings.Contains(err.Error(), "Content-Length") {
			continue // nobody reads the body
		}
		if err != nil {
			t.Errorf("takes what is no answer: %q: %v", inputs[i], err)
			continue
		}
		_ = res.Body.Close() // of memory
		for name, got := range map[string]string{"X-Sallyport-User": user, "X-Sallyport-Reason": reason} {
			raw, _ := hex.DecodeString(got) // printed as such
			if want := strings.Join(res.Header.Values(name), "|"); string(raw) != want {
				t.Errorf("%s: %q, want %q, in %q", name, raw, want, inputs[i])
			}
		}
		if res.StatusCode != status || status == 204 && user == "" {
			t.Errorf("status %d of %q for %q", status, user, inputs[i])
		}
	}
	t.Logf("%v", kinds)
	for _, kind := range []string{"reading 0, accept false", "reading 1, accept false", "reading 2, accept false", "reading 2, accept true"} {
		if kinds[kind] < 100 {
			t.Errorf("only %d of %s", kinds[kind], kind)
		}
	}
}

func TestBase64LoginsAndAddresses(t *testing.T) {
	program := compile(t, build(t, ""), "units", "src/answer.c", "src/base64.c", "src/login.c")
	r := rand.New(rand.NewPCG(3, 4))
	var raw, names, hosts [][]byte
	for n := range 1500 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		raw = append(raw, b)
	}
	for range 5000 {
		var b []byte
		for range r.IntN(100) {
			b = utf8.AppendRune(b, []rune{'a', 'é', 0x85, 0x9f, 0xa0, ':', ' ', 0x7f, 0x1f, '€', 0xd7ff, 0xe000, 0x10ffff, '𝕏', '@'}[min(r.IntN(600), 14)])
		}
		if len(b) > 0 && r.IntN(3) == 0 {
			b[r.IntN(len(b))] = byte(1 + r.IntN(255))
		}
		names = append(names, b)
	}
	for _, s := range []string{"", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", strings.Repeat("a", 256), strings.Repeat("a", 257)} {
		names = append(names, []byte(s))
	}
	for _, s := range []string{"192.0.2.1", "2001:DB8::0:1", "::ffff:192.0.2.1", "127.1", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "256.1.1.1", "fe80::1%lo", "[::1]",
		"::1 ", " ::1", "::1\n", "localhost", "1::2::3", "12345::", "", "192.0.2.1:22"} {
		hosts = append(hosts, []byte(s))
	}
	for i, got := range units(t, program, 'b', raw) {
		if want := base64.StdEncoding.EncodeToString(raw[i]); got != want {
			t.Errorf("base64 of %d bytes: %q, want %q", i, got, want)
		}
	}
	good := 0
	for i, got := range units(t, program, 'l', names) {
		s := string(names[i])
		want := s != "" && len(s) <= 256 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == ':' || unicode.IsControl(r) })
		if (got == "1") != want {
			t.Errorf("login %q: %s, want %v", s, got, want)
		}
		if want {
			good++
		}
	}
	if good < 500 || good > len(names)-500 {
		t.Errorf("%d of %d logins are good: the inputs are no test", good, len(names))
	}
	for i, got := range units(t, program, 'h', hosts) {
		want := ""
		if a, err := netip.ParseAddr(string(hosts[i])); err == nil && a.Zone() == "" {
			want = a.String()
		}
		if got != want {
			t.Errorf("address %q: %q, want %q", hosts[i], got, want)
		}
	}
}
