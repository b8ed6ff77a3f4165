package ask

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/plugins/factor"
)

// maxReply bounds the head of an answer; the daemon's own has at most 4 KiB.
const maxReply = 16 << 10

var errForeign = errors.New("what answers there does not speak like the daemon: is it the check socket?")

// reply is the head of an answer.
type reply struct {
	status        int
	users         []string
	reason, retry string
}

// readReply reads a head and leaves the body alone. It returns errForeign for
// what the daemon would not say, and the reader's error where the answer
// breaks off.
func readReply(r io.Reader) (reply, error) {
	limited := &io.LimitedReader{R: r, N: maxReply}
	in := textproto.NewReader(bufio.NewReader(limited))
	line, err := in.ReadLine()
	if err != nil {
		return reply{}, broken(limited, err)
	}
	status, ok := statusOf(line)
	if !ok {
		return reply{}, errForeign
	}
	head, err := in.ReadMIMEHeader()
	if err != nil {
		return reply{}, broken(limited, err)
	}
	return reply{
		status: status, users: head["X-Sallyport-User"],
		reason: reasonOf(head["X-Sallyport-Reason"]), retry: seconds(head["Retry-After"]),
	}, nil
}

// broken tells an answer that ended too early from one that is none.
func broken(r *io.LimitedReader, err error) error {
	var protocol textproto.ProtocolError
	if r.N <= 0 || errors.As(err, &protocol) {
		return errForeign
	}
	return err
}

// statusOf reads "HTTP/1.1 204 No Content".
func statusOf(line string) (int, bool) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	if !ok || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return 0, false
	}
	n := 0
	for _, c := range []byte(rest[:3]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n >= 100
}

// reasonOf lets only words of the daemon's list reach a log.
func reasonOf(values []string) string {
	if len(values) != 1 || values[0] == "" || len(values[0]) > 40 ||
		strings.ContainsFunc(values[0], func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return ""
	}
	return values[0]
}

func seconds(values []string) string {
	if len(values) != 1 {
		return ""
	}
	n, err := strconv.ParseUint(values[0], 10, 16)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (again in %d s)", n)
}

// answer reads a status. Only 204 with exactly one login lets somebody in, only
// 401 is a no; everything else means that nothing was judged.
func (r reply) answer() Answer {
	switch r.status {
	case 204:
		if len(r.users) != 1 || !usable(r.users[0]) {
			return Answer{Why: "the daemon accepted, and named no login"}
		}
		return Answer{Verdict: factor.Accept, Login: r.users[0], Why: "ok"}
	case 401:
		if r.reason == "" {
			return Answer{Verdict: factor.Deny, Why: "no reason given"}
		}
		return Answer{Verdict: factor.Deny, Why: r.reason}
	case 429:
		return Answer{Why: "too many wrong passwords from there" + r.retry}
	case 503:
		return Answer{Why: "the daemon cannot judge right now: " + r.reason + r.retry}
	case 403:
		return Answer{Why: fmt.Sprintf("this service may not be asked on this socket, or not by uid %d: see services and allow in its [[listen]], and --service", os.Getuid())}
	case 400:
		return Answer{Why: "the daemon cannot read the question: see proxies in the [[listen]], and the daemon's log at level debug"}
	default:
		return Answer{Why: fmt.Sprintf("%v (HTTP status %d)", errForeign, r.status)}
	}
}

func usable(login string) bool {
	return login != "" && len(login) <= MaxName && utf8.ValidString(login) && !strings.ContainsFunc(login, isControl)
}
