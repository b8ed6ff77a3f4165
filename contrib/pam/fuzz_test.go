package pam

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Every target puts its input through a reader in C, and compares what came out
// with a reading of the same bytes in Go.

const (
	maxAnswer = 16 << 10
	maxLogin  = 256
	maxReason = 64
)

// What answer_read returns.
const (
	broken = "0"
	more   = "1"
	whole  = "2"
)

var errBroken = errors.New("no answer")

// reading is an answer as the module should read it.
type reading struct {
	kind         string
	status       int
	body         bool
	user, reason string
}

// readStrictly reads an answer by the rules of the module.
func readStrictly(text string) reading {
	const version = "HTTP/1.1 "
	n := min(len(text), len(version))
	if text[:n] != version[:n] {
		return reading{kind: broken}
	}
	head, rest, ended := strings.Cut(text, "\r\n\r\n")
	if !ended {
		return reading{kind: pick(len(text) < maxAnswer, more, broken)}
	}
	lines := strings.Split(head, "\r\n")
	r := reading{kind: whole}
	err := r.readStatus(lines[0])
	for _, line := range lines[1:] {
		err = errors.Join(err, r.readHeader(line))
	}
	badAccept := r.status == http.StatusNoContent && (r.user == "" || r.body || rest != "")
	if err != nil || badAccept || len(head)+len("\r\n\r\n") > maxAnswer {
		return reading{kind: broken}
	}
	return r
}

func (r *reading) readStatus(line string) error {
	status, _, _ := strings.Cut(strings.TrimPrefix(line, "HTTP/1.1 "), " ")
	n, err := strconv.Atoi(status)
	if err != nil || len(status) != 3 || n < 200 || n > 599 || hasControl(line) {
		return errBroken
	}
	r.status = n
	return nil
}

func (r *reading) readHeader(line string) error {
	name, value, found := strings.Cut(line, ":")
	const named = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if !found || hasControl(line) || name == "" || strings.Trim(name, named) != "" {
		return errBroken
	}
	value = strings.Trim(value, " \t")
	keep := func(to *string, most int) error {
		if *to != "" || value == "" || len(value) > most {
			return errBroken
		}
		*to = value
		return nil
	}
	switch strings.ToLower(name) {
	case "x-sallyport-user":
		return keep(&r.user, maxLogin)
	case "x-sallyport-reason":
		return keep(&r.reason, maxReason)
	case "content-length", "transfer-encoding":
		r.body = true
	}
	return nil
}

func hasControl(line string) bool {
	for i := range len(line) {
		if line[i] < ' ' && line[i] != '\t' || line[i] == 0x7f {
			return true
		}
	}
	return false
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// wantAlike says that Go's own reader of HTTP finds the same in an answer: the
// module may be stricter than that, never laxer. Only what frames a body is
// nothing to it where it reads none.
func wantAlike(t *testing.T, text string, r reading) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	var header http.Header
	switch {
	case err == nil:
		_ = res.Body.Close() // of memory
		header = res.Header
		if res.StatusCode != r.status {
			t.Errorf("status %d of %q, Go reads %d", r.status, text, res.StatusCode)
		}
	case r.body && r.status != http.StatusNoContent:
		_, lines, _ := strings.Cut(text, "\r\n")
		mime, err := textproto.NewReader(bufio.NewReader(strings.NewReader(lines))).ReadMIMEHeader()
		if err != nil {
			t.Errorf("takes what has no headers: %q: %v", text, err)
		}
		header = http.Header(mime)
	default:
		t.Errorf("takes what is no answer: %q: %v", text, err)
	}
	for name, got := range map[string]string{"X-Sallyport-User": r.user, "X-Sallyport-Reason": r.reason} {
		if want := strings.Join(header.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q, in %q", name, got, want, text)
		}
	}
}

// More seeds are in testdata/fuzz: what the daemon and others answer.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers() {
		f.Add([]byte(a.answer))
	}
	long := func(user, reason, fill int) []byte {
		text := fmt.Sprintf("HTTP/1.1 401 x\r\nX-Sallyport-User: %s\r\nX-Sallyport-Reason: %s\r\nX: ", strings.Repeat("u", user), strings.Repeat("r", reason))
		return []byte(text + strings.Repeat("x", fill-len(text)-len("\r\n\r\n")) + "\r\n\r\n")
	}
	for _, n := range []int{-1, 0, 1} { // on both sides of each limit
		f.Add(long(maxLogin+n, maxReason, 1<<10))
		f.Add(long(maxLogin, maxReason+n, 1<<10))
		f.Add(long(maxLogin, maxReason, maxAnswer+n))
		f.Add([]byte("HTTP/1.1 200 x\r\nX: " + strings.Repeat("x", maxAnswer+n-len("HTTP/1.1 200 x\r\nX: "))))
	}
	f.Add([]byte("HTTP/1.1 401 x\r\n\u212a: a letter that folds to k\r\nX-Sallyport-Reason: code_wrong\r\n\r\n"))
	c := newReaders(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		text, want := string(sent), readStrictly(string(sent))
		got := fields(t, c.read(t, 'a', sent), 2)
		if got[1] != "1" {
			t.Errorf("another answer when it comes in pieces: %q", text)
		}
		if got[0] != want.kind {
			t.Fatalf("reading %s, want %s, of %q", got[0], want.kind, text)
		}
		if got[0] != whole {
			return
		}
		status, _ := strconv.Atoi(got[2]) // printed as such
		r := reading{whole, status, want.body, got[3], got[4]}
		if r != want {
			t.Errorf("%q was read as %+v, want %+v", text, r, want)
		}
		wantAlike(t, text, r)
	})
}

// cString is what a reader in C sees of a text.
func cString(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{
		"alice", "m\u00fcller", "\u20ac@\U0001d54f", "a b", "", "a:b", "a\nb", "a\x7f", "a\x00:", "\u0080", "\u009f", "\u00a0", "\ud7ff\ue000\U0010ffff",
		"\xed\xa0\x80", "\xc0\xaf", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "a\x80", "\xff", "\xe0\x83\xbc", "\xbf", "\xf8\x90\x80\x80", "\xc3\xfc",
		strings.Repeat("a", maxLogin), strings.Repeat("a", maxLogin+1), strings.Repeat("a", maxLogin-1) + "\u00fc",
	} {
		f.Add([]byte(s))
	}
	c := newReaders(f)
	f.Fuzz(func(t *testing.T, typed []byte) {
		s := cString(typed)
		want := s != "" && len(s) <= maxLogin && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == ':' || unicode.IsControl(r) })
		if got := c.read(t, 'l', typed); got != pick(want, "1", "0") {
			t.Errorf("login %q: %s, want %v", s, got, want)
		}
	})
}

func FuzzCode(f *testing.F) {
	for _, s := range []string{"123456", "12345678", "000000", "", "12345", "1234567", "123456789", "12 456", "+12345", "12345a", "123456a", "123456\x00", "12345\x006", "\u0661\u0661\u0661", "1/:456"} {
		f.Add([]byte(s))
	}
	c := newReaders(f)
	six, eight := regexp.MustCompile(`\A[0-9]{6}\z`), regexp.MustCompile(`\A[0-9]{8}\z`)
	f.Fuzz(func(t *testing.T, typed []byte) {
		s := cString(typed)
		if got, want := c.read(t, 'c', typed), pick(six.MatchString(s), "1", "0")+" "+pick(eight.MatchString(s), "1", "0"); got != want {
			t.Errorf("code %q: %s, want %s", s, got, want)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"192.0.2.1", "2001:DB8::0:1", "::ffff:192.0.2.1", "::1.2.3.4", "::", "127.1", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "256.1.1.1", "fe80::1%lo", "[::1]",
		"::1 ", " ::1", "::1\n", "localhost", "1::2::3", "12345::", "0:0:0:0:0:0:0:0:0", "1:2:3:4:5:6:7::", "", "192.0.2.1:22", "192.0.2.1\x00.9",
	} {
		f.Add([]byte(s))
	}
	c := newReaders(f)
	f.Fuzz(func(t *testing.T, host []byte) {
		s, got := cString(host), c.read(t, 'h', host)
		want, err := netip.ParseAddr(s)
		if (err == nil && want.Zone() == "") != (got != "") {
			t.Fatalf("address %q: %q, want %v", s, got, want)
		}
		if got == "" {
			return
		}
		// The daemon reads the same address, and nothing else of the header.
		if back, err := netip.ParseAddr(got); err != nil || back != want {
			t.Errorf("address %q: %q, which is %v, want %v", s, got, back, want)
		}
		// All spellings become one.
		for _, same := range []string{got, want.String(), want.StringExpanded()} {
			if again := c.read(t, 'h', []byte(same)); again != got {
				t.Errorf("address %q becomes %q, but %q becomes %q", s, got, same, again)
			}
		}
	})
}

func FuzzBase64(f *testing.F) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, maxLogin + 1 + 1024} {
		f.Add(bytes.Repeat([]byte{0xfb, 0x00, 0x7f, 0xff}, n/4+1)[:n])
	}
	c := newReaders(f)
	f.Fuzz(func(t *testing.T, credentials []byte) {
		if got, want := c.read(t, 'b', credentials), base64.StdEncoding.EncodeToString(credentials); got != want {
			t.Errorf("base64 of %q: %q, want %q", credentials, got, want)
		}
	})
}

// readOption reads one option by the rules of the manual, as the readers show
// it.
func readOption(option string) string {
	const usual = "/run/sallyport/check.sock"
	show := func(values [5]int, socket, service, url string) string {
		return fmt.Sprint(values[0], values[1], values[2], values[3], values[4], " ", socket, " ", service, " ", url)
	}
	number := func(text string, most uint64) (int, bool) {
		n, err := strconv.ParseUint(text, 10, 64)
		return int(n), err == nil && n <= most
	}
	is := func(pattern string) bool { return regexp.MustCompile(`(?s)\A` + pattern + `\z`).MatchString(option) }
	_, value, _ := strings.Cut(option, "=")
	switch {
	case is(`socket=/.*`):
		return show([5]int{0, 4000, 6}, value, "", "")
	case is(`service=[a-z0-9-]{1,64}`):
		return show([5]int{0, 4000, 6}, usual, value, "")
	case is(`uid=sallyport`):
		return show([5]int{990, 4000, 6}, usual, "", "")
	case is(`uid=[0-9]+`):
		if n, ok := number(value, 1<<32-2); ok {
			return show([5]int{n, 4000, 6}, usual, "", "")
		}
	case is(`timeout=0*[1-4]`):
		n, _ := number(value, 4)
		return show([5]int{0, n * 1000, 6}, usual, "", "")
	case is(`digits=0*[68]`):
		n, _ := number(value, 8)
		return show([5]int{0, 4000, n}, usual, "", "")
	case is(`lang=(de|en)`):
		german := map[string]int{"de": 1}[value]
		return show([5]int{0, 4000, 6, german}, usual, "", "")
	case is(`german=(sie|du)`):
		du := map[string]int{"du": 2}[value]
		return show([5]int{0, 4000, 6, du}, usual, "", "")
	case is(`url=https?://[!-~]*`):
		return show([5]int{0, 4000, 6}, usual, "", value)
	case is(`code`):
		return show([5]int{0, 4000, 6, 0, 1}, usual, "", "")
	case is(`(use|try)_first_pass`):
		return show([5]int{0, 4000, 6}, usual, "", "")
	}
	return "refused"
}

func FuzzOption(f *testing.F) {
	for _, s := range []string{
		"socket=/run/x.sock", "socket=x", "socket=", "service=ssh", "service=SSH", "service=a b", "service=", "service=" + strings.Repeat("s", 64), "service=" + strings.Repeat("s", 65),
		"uid=0", "uid=4294967294", "uid=4294967295", "uid=18446744073709551616", "uid=sallyport", "uid=nobody-of-that-name", "uid=-1", "uid= 1", "uid=", "uid=0x1",
		"timeout=1", "timeout=4", "timeout=04", "timeout=0", "timeout=5", "timeout=4s", "digits=6", "digits=8", "digits=7", "lang=de", "lang=en", "lang=fr", "lang=dede", "german=sie", "german=du", "german=de",
		"url=https://login.example.org/x", "url=http://x", "url=https://ex\u00e4mple.org", "url=https://x y", "url=ftp://x", "url=https://x\x7f", "uid:0", "timeout 4", "code", "code=", "codes", "use_first_pass", "try_first_pass", "", "=", "debug",
	} {
		f.Add([]byte(s))
	}
	c := newReaders(f)
	f.Fuzz(func(t *testing.T, written []byte) {
		option := cString(written)
		got := c.read(t, 'o', written)
		if got != "refused" {
			got = strings.Join(fields(t, got, 3), " ")
		}
		if want := readOption(option); got != want {
			t.Errorf("option %q: %q, want %q", option, got, want)
		}
	})
}
