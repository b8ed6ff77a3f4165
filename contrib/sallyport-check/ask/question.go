package ask

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// request is the question as it goes over the wire. Its errors are about what
// somebody typed, and do not quote it.
func (q Question) request() ([]byte, error) {
	name, password := utf8Of(q.Name, q.Password.Reveal())
	switch {
	case name == "":
		return nil, errors.New("the name is empty")
	case password == "":
		return nil, errors.New("the password is empty")
	case strings.Contains(name, ":"):
		return nil, errors.New("the name holds a colon")
	case strings.ContainsFunc(name, isControl):
		return nil, errors.New("the name holds a control character")
	case strings.ContainsRune(password, 0):
		return nil, errors.New("the password holds a NUL")
	case len(name) > MaxName:
		return nil, errors.New("the name is too long")
	case len(password) > MaxPassword:
		return nil, errors.New("the password is too long")
	}
	var b strings.Builder
	b.WriteString("GET /v1/auth HTTP/1.1\r\nHost: sallyport\r\nConnection: close\r\n")
	b.WriteString("User-Agent: " + q.Agent + "\r\nX-Sallyport-Service: " + q.Service + "\r\n")
	if q.Addr.IsValid() {
		b.WriteString("X-Forwarded-For: " + q.Addr.Unmap().WithZone("").String() + "\r\n")
	}
	b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)) + "\r\n\r\n")
	return []byte(b.String()), nil
}

// utf8Of reads both texts as UTF-8 or, where they cannot be, as Latin-1, which
// is all that some calendar clients can send: one reading for both, as the
// daemon does it.
func utf8Of(name, password string) (string, string) {
	if utf8.ValidString(name) && utf8.ValidString(password) {
		return name, password
	}
	return latin1(name), latin1(password)
}

func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// isControl tells C0, DEL and C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
