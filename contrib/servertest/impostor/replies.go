package impostor

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	accepted = "HTTP/1.1 204 No Content\r\n"
	refused  = "HTTP/1.1 401 Unauthorized\r\n"
	alice    = "X-Sallyport-User: alice\r\n"
	empty    = "Content-Length: 0\r\n"
	end      = "\r\n"
)

// Yes is the daemon's own reply that lets somebody in, with all its headers.
func Yes(login string) string {
	return accepted + "Cache-Control: no-store\r\nX-Sallyport-Groups: staff,Sales%2C EU\r\nX-Sallyport-Mail: a@example.org\r\n" +
		"X-Sallyport-Name: Alice Sommer\r\nX-Sallyport-Scope: dav\r\nX-Sallyport-User: " + login + "\r\n" +
		"Date: Sat, 01 Jan 2028 00:00:00 GMT\r\nConnection: close\r\n" + end
}

// No is the daemon's own reply that lets nobody in.
func No() string {
	return refused + "Cache-Control: no-store\r\nWww-Authenticate: Basic realm=\"sallyport\", charset=\"UTF-8\"\r\n" +
		"X-Sallyport-Reason: bad_credentials\r\nDate: Sat, 01 Jan 2028 00:00:00 GMT\r\n" + empty + "Connection: close\r\n" + end
}

// Outages are replies that a helper must take for an outage, each: neither for
// a yes nor for a wrong password.
func Outages() []Reply {
	yes := accepted + alice + end
	out := []Reply{
		{Name: "nothing"},
		{Name: "garbage", Text: "\x00\x01\x02\xff\r\n\r\n"},
		{Name: "another protocol", Text: "220 mail.example.org ESMTP\r\n"},
		{Name: "no head at all", Text: "alice"},
		{Name: "blanks before it", Text: " " + yes},
		{Name: "a line before it", Text: end + yes},
		{Name: "half a line", Text: "HTTP/1.1 204 No Con"},
		{Name: "one line", Text: accepted},
		{Name: "half a login", Text: accepted + "X-Sallyport-User: ali"},
		{Name: "no end of the head", Text: accepted + alice},
		{Name: "the end in mid-newline", Text: accepted + alice + "\r"},
		{Name: "bare line feeds", Text: "HTTP/1.1 204 No Content\nX-Sallyport-User: alice\n\n"},
		{Name: "bare carriage returns", Text: "HTTP/1.1 204 No Content\rX-Sallyport-User: alice\r\r"},
		{Name: "an older version", Text: "HTTP/1.0 204 No Content\r\n" + alice + end},
		{Name: "the oldest version", Text: "<html>alice</html>"},
		{Name: "a newer version", Text: "HTTP/2 204 No Content\r\n" + alice + end},
		{Name: "a version of three parts", Text: "HTTP/1.1.1 204 No Content\r\n" + alice + end},
		{Name: "another name", Text: "ICY 204 No Content\r\n" + alice + end},
		{Name: "two blanks", Text: "HTTP/1.1  204 No Content\r\n" + alice + end},
		{Name: "a status of two digits", Text: "HTTP/1.1 20 x\r\n" + alice + end},
		{Name: "a status of four digits", Text: "HTTP/1.1 2040 x\r\n" + alice + end},
		{Name: "a status with a sign", Text: "HTTP/1.1 +204 x\r\n" + alice + end},
		{Name: "a status in other digits", Text: "HTTP/1.1 \u0662\u0660\u0664 x\r\n" + alice + end},
		{Name: "a NUL in the status", Text: "HTTP/1.1 204\x00 No Content\r\n" + alice + end},
		{Name: "a preliminary reply", Text: "HTTP/1.1 100 Continue\r\n\r\n" + yes},
		{Name: "a preliminary reply that names somebody", Text: "HTTP/1.1 103 Early Hints\r\n" + alice + end + accepted + end},
		{Name: "a yes to nobody", Text: accepted + end},
		{Name: "a yes to an empty login", Text: accepted + "X-Sallyport-User: \r\n" + end},
		{Name: "a yes to the same twice", Text: accepted + alice + alice + end},
		{Name: "a yes to two", Text: accepted + alice + "X-Sallyport-User: bert\r\n" + end},
		{Name: "a login after the head", Text: accepted + end + alice + end},
		{Name: "a folded login", Text: accepted + "X-Sallyport-User: alice\r\n bert\r\n" + end},
		{Name: "a folded line", Text: accepted + alice + "X: x\r\n\ty\r\n" + end},
		{Name: "a blank before the colon", Text: accepted + "X-Sallyport-User : alice\r\n" + end},
		{Name: "a line without a colon", Text: accepted + alice + "hello\r\n" + end},
		{Name: "a line without a name", Text: accepted + alice + ": hello\r\n" + end},
		{Name: "a NUL in the login", Text: accepted + "X-Sallyport-User: alice\x00bert\r\n" + end},
		{Name: "a NUL after the login", Text: accepted + "X-Sallyport-User: alice\x00\r\n" + end},
		{Name: "a NUL in another line", Text: accepted + alice + "X: \x00\r\n" + end},
		{Name: "a NUL in a name", Text: accepted + alice + "X\x00: x\r\n" + end},
		{Name: "a control character in the login", Text: accepted + "X-Sallyport-User: ali\x1bce\r\n" + end},
		{Name: "a tab in the login", Text: accepted + "X-Sallyport-User: ali\tce\r\n" + end},
		{Name: "a delete in the login", Text: accepted + "X-Sallyport-User: alice\x7f\r\n" + end},
		{Name: "a carriage return in the login", Text: accepted + "X-Sallyport-User: alice\rbert\r\n" + end},
		{Name: "a login in Latin-1", Text: accepted + "X-Sallyport-User: m\xfcller\r\n" + end},
		{Name: "a login that is too long", Text: accepted + "X-Sallyport-User: " + strings.Repeat("x", 257) + "\r\n" + end},
		{Name: "a line that is too long", Text: accepted + alice + "X: " + strings.Repeat("x", 17<<10) + "\r\n" + end},
		{Name: "too many lines", Text: accepted + alice + strings.Repeat("X: x\r\n", 5000) + end},
		{Name: "a yes with a body", Text: yes + "x"},
		{Name: "a yes that is cut", Text: accepted + alice + "Content-Length: 5\r\n" + end},
		{Name: "a yes with a body of its length", Text: accepted + alice + "Content-Length: 5\r\n" + end + "hello"},
		{Name: "a yes in pieces", Text: accepted + alice + "Transfer-Encoding: chunked\r\n" + end},
		{Name: "two replies", Text: yes + yes},
		{Name: "a yes, then a no", Text: yes + refused + empty + end},
		{Name: "a no, then a yes", Text: refused + empty + end + yes},
		{Name: "a no that is cut", Text: refused + "Content-Length: 10\r\n" + end + "abc"},
		{Name: "a no with more than it says", Text: refused + empty + end + "abc"},
		{Name: "a no without an end", Text: refused + empty},
		{Name: "a no of a negative length", Text: refused + "Content-Length: -1\r\n" + end},
		{Name: "a no of no length", Text: refused + "Content-Length: x\r\n" + end},
		{Name: "a no of an endless length", Text: refused + "Content-Length: 99999999999999999999999999\r\n" + end},
		{Name: "a no of two lengths", Text: refused + empty + "Content-Length: 3\r\n" + end + "abc"},
		{Name: "a no in pieces", Text: refused + "Transfer-Encoding: chunked\r\n" + end + "0\r\n\r\n"},
		{Name: "a body that is no JSON", Text: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n" + end + "hello"},
		{Name: "a body that says yes", Text: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n" + end + `{"verdict":"accept"}`},
		{Name: "a login page", Text: "HTTP/1.1 200 OK\r\n" + alice + "Content-Type: text/html\r\n" + end + "<form>alice</form>"},
	}
	for _, status := range []int{100, 200, 201, 205, 206, 302, 400, 402, 403, 404, 407, 429, 431, 500, 502, 503, 504, 999} {
		out = append(out, Reply{Name: fmt.Sprint("status ", status), Text: fmt.Sprintf("HTTP/1.1 %d X\r\n%s%sLocation: /v1/other\r\n\r\n", status, alice, empty)})
	}
	return out
}

// Slow are replies that never end, or not in time, each of which a helper
// must take for an outage.
func Slow() []Reply {
	const pause = 400 * time.Millisecond
	return []Reply{
		{Name: "silence", Silent: true},
		{Name: "half a reply, then silence", Text: accepted + alice, Silent: true},
		{Name: "a yes in drops", Text: accepted + alice + end, Every: pause},
		{Name: "a no in drops", Text: refused + empty + end, Every: pause},
		{Name: "an endless line", Text: accepted + alice + "X: ", Endless: "x"},
		{Name: "endless lines", Text: accepted + alice, Endless: "X: x\r\n"},
		{Name: "an endless body", Text: "HTTP/1.1 200 OK\r\n" + alice + end, Endless: "alice"},
		{Name: "an endless refusal", Text: refused + end, Endless: "alice"},
	}
}

// Mutations are right replies, changed in one to four places each.
func Mutations(r *rand.Rand, n int) []Reply {
	from := []string{Yes("alice"), accepted + alice + end, Yes("müller"), No(), "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n" + empty + end}
	out := make([]Reply, n)
	for i := range out {
		out[i] = Reply{Name: fmt.Sprint("mutation ", i), Text: mutate(r, from[r.IntN(len(from))])}
	}
	return out
}

func mutate(r *rand.Rand, text string) string {
	words := []string{
		"\r\n", "\r\n\r\n", ":", " ", "\x00", "\r", "\n", "\t", "\x7f", "\xff", "204", "401", "HTTP/1.1 ", accepted, refused, alice, empty,
		"X-Sallyport-User: ", "X-Sallyport-User: bert\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
	}
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text) + 1)
		switch before, after := text[:at], text[at:]; r.IntN(5) {
		case 0: // a word comes in
			text = before + words[r.IntN(len(words))] + after
		case 1: // a byte changes
			if after != "" {
				text = before + string([]byte{byte(r.IntN(256))}) + after[1:]
			}
		case 2: // a piece goes
			text = before + after[min(len(after), 1+r.IntN(8)):]
		case 3: // a piece doubles
			text = before + after[:min(len(after), r.IntN(40))] + after
		default: // the end goes
			text = before
		}
	}
	return text
}

// says is what Go's own reader makes of the whole text: the status, and the
// login where there is exactly one; a status of 0 means that it is no whole
// reply, or more than one.
func (r Reply) says() (status int, login string) {
	in := bufio.NewReader(strings.NewReader(r.Text))
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, ""
	}
	if _, err := in.ReadByte(); err == nil {
		return 0, ""
	}
	if logins := res.Header.Values("X-Sallyport-User"); len(logins) == 1 {
		login = logins[0]
	}
	return res.StatusCode, login
}
