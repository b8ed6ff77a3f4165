package dovecotauth

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
)

// Limits on what the remote user may send, as everywhere in this daemon.
const (
	maxName     = 256
	maxPassword = 1024
)

var (
	errBase64    = errors.New("not base64")
	errMalformed = errors.New("not a message of this mechanism")
)

// exchange is one request: a conversation of one mechanism that ends in an
// attempt.
type exchange struct {
	id        uint32
	mechanism string
	// word is the protocol's own name of the service.
	word string
	// dovecot says that the client is a Dovecot, by the parameters that only its
	// library sends.
	dovecot bool
	// hasName says that LOGIN has its first half.
	hasName bool
	// judging says that the engine has it; guarded by the session.
	judging bool
	attempt account.Attempt
}

// parseAuth reads what follows the number of AUTH. The initial response is nil
// where there is none; Exim writes an empty one and means the same.
func parseAuth(id uint32, params []byte) (x *exchange, initial []byte, err error) {
	fields := bytes.Split(params, []byte{'\t'})
	if len(fields[0]) == 0 {
		return nil, nil, fmt.Errorf("request %d names no mechanism", id)
	}
	x = &exchange{id: id, mechanism: strings.ToUpper(string(fields[0])), attempt: account.Attempt{FrontEnd: frontEnd, OneField: true}}
	for _, f := range fields[1:] {
		key, value, _ := bytes.Cut(f, []byte{'='})
		switch string(key) {
		case "service":
			if x.word == "" {
				x.word = unescape(value)
			}
		case "protocol": // the newer name of the same
			x.word, x.dovecot = unescape(value), true
		case "session", "lport", "rport":
			x.dovecot = true
		case "rip":
			// A note for throttle and audit: what cannot be read is unknown.
			if addr, err := netip.ParseAddr(unescape(value)); err == nil {
				x.attempt.Client.Addr = addr.Unmap().WithZone("")
			}
		case "resp":
			if len(value) > 0 {
				initial = value
			}
		}
	}
	return x, initial, nil
}

// known tells whether the mechanism is one that was offered.
func (x *exchange) known() bool { return x.mechanism == "PLAIN" || x.mechanism == "LOGIN" }

// prompt is what the server says where the client has to go on.
func (x *exchange) prompt() string {
	switch {
	case x.mechanism == "PLAIN":
		return ""
	case x.hasName:
		return "Password:"
	default:
		return "Username:"
	}
}

// next takes the next piece, in base64, and tells whether the attempt is
// complete.
func (x *exchange) next(piece []byte) (bool, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(piece)))
	defer clear(raw)
	n, err := base64.StdEncoding.Strict().Decode(raw, piece)
	if err != nil || bytes.ContainsAny(piece, "\r\n") {
		return false, errBase64
	}
	switch {
	case x.mechanism == "PLAIN":
		return true, x.plain(raw[:n])
	case x.hasName:
		return true, x.password(raw[:n])
	default:
		x.hasName = true
		return false, x.name(raw[:n])
	}
}

// plain reads authzid NUL authcid NUL password (RFC 4616). Nobody may act for
// somebody else.
func (x *exchange) plain(raw []byte) error {
	parts := bytes.Split(raw, []byte{0})
	if len(parts) != 3 || len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return errMalformed
	}
	if err := x.name(parts[1]); err != nil {
		return err
	}
	return x.password(parts[2])
}

// name refuses control characters, which most clients of this protocol would
// not unescape in an answer.
func (x *exchange) name(raw []byte) error {
	if len(raw) > maxName || bytes.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return errMalformed
	}
	x.attempt.Name = string(raw)
	return nil
}

func (x *exchange) password(raw []byte) error {
	if len(raw) > maxPassword || bytes.IndexByte(raw, 0) >= 0 {
		return errMalformed
	}
	x.attempt.Password = account.Secret(raw)
	return nil
}
