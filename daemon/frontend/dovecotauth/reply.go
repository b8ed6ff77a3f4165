package dovecotauth

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Codes of a FAIL.
const (
	tempFail  = "temp_fail"
	badBase64 = "invalid_base64"
)

// accepted names the login: to Postfix and Exim an OK without one is an error.
func accepted(id uint32, login string) []byte {
	return line("OK", id, "user="+escape(login))
}

func failed(id uint32, reason, code string) []byte {
	var params []string
	if reason != "" {
		params = append(params, "reason="+escape(reason))
	}
	if code != "" {
		params = append(params, "code="+code)
	}
	return line("FAIL", id, params...)
}

// more asks for the next piece.
func more(id uint32, prompt string) []byte {
	return line("CONT", id, base64.StdEncoding.EncodeToString([]byte(prompt)))
}

func line(command string, id uint32, params ...string) []byte {
	b := strconv.AppendUint(append([]byte(command), '\t'), uint64(id), 10)
	for _, p := range params {
		b = append(append(b, '\t'), p...)
	}
	return append(b, '\n')
}

// The five bytes that have a meaning of their own in a line, and how they are
// written: 0x01 and a letter.
const (
	escaped = "\x00\x01\t\r\n"
	letters = "01trn"
)

func escape(s string) string {
	if !strings.ContainsAny(s, escaped) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if at := strings.IndexByte(escaped, s[i]); at >= 0 {
			b.WriteByte(1)
			b.WriteByte(letters[at])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unescape is the reverse; what is no escape stays as it is.
func unescape(v []byte) string {
	s := string(v)
	if !strings.Contains(s, "\x01") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 1 && i+1 < len(s) {
			if at := strings.IndexByte(letters, s[i+1]); at >= 0 {
				b.WriteByte(escaped[at])
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
