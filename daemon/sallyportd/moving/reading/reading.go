// Package reading reads the files in which other systems keep code apps: lists of
// otpauth URIs, CSV, the files of google-authenticator-libpam and PSKC.
//
// It turns each record into an otpauth URI and knows nothing of what that means:
// the factor's plugin does, and refuses what it cannot use. It opens no file, asks
// no directory, and writes nothing. It is a piece of the daemon's main, which alone
// may import it.
package reading

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxFile is the largest file, in bytes.
	MaxFile = 64 << 20
	// maxLine is the longest line, in bytes; an otpauth URI has some 200.
	maxLine = 8 << 10
	// maxLogin is the longest login, in bytes.
	maxLogin = 256
)

// Entry is one record of another system.
type Entry struct {
	// File and Line are where it stands.
	File string
	Line int
	// Login is the person's name, as the file has it.
	Login string
	// Text is the record for the factor's plugin; it holds the secret.
	Text string
	// Label is the person's name for the phone; may be empty.
	Label string
	// Refused says why the entry cannot be read; Text is empty then.
	Refused string
	// Note is what of the entry cannot be taken although the rest can.
	Note string
}

// String prints the entry without its secret.
func (e Entry) String() string { return fmt.Sprintf("%s:%d %q [redacted]", e.File, e.Line, e.Login) }

// GoString prints the same as String, for %#v.
func (e Entry) GoString() string { return e.String() }

// Text makes one text of a file: UTF-8, or UTF-16 with its mark, as some
// spreadsheets write it. Other encodings are refused, because a guess would look
// for the wrong people.
func Text(file []byte) (string, error) {
	switch {
	case len(file) > MaxFile:
		return "", fmt.Errorf("is larger than %d MiB; split it", MaxFile>>20)
	case len(file) >= 2 && file[0] == 0xff && file[1] == 0xfe:
		return wide(file[2:], binary.LittleEndian)
	case len(file) >= 2 && file[0] == 0xfe && file[1] == 0xff:
		return wide(file[2:], binary.BigEndian)
	}
	text := strings.TrimPrefix(string(file), "\ufeff")
	if !utf8.ValidString(text) {
		line := 1
		for l := range strings.Lines(text) {
			if !utf8.ValidString(l) {
				break
			}
			line++
		}
		return "", fmt.Errorf("is not UTF-8 from line %d on; save it as UTF-8, for example with: iconv -f latin1 -t utf-8", line)
	}
	if strings.ContainsRune(text, 0) {
		return "", errors.New("is no text: it holds zero bytes")
	}
	return text, nil
}

func wide(b []byte, order binary.ByteOrder) (string, error) {
	if len(b)%2 != 0 {
		return "", errors.New("is cut off in the middle of a character")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, 0) || strings.ContainsRune(text, utf8.RuneError) {
		return "", errors.New("is no text in UTF-16, although it begins like one")
	}
	return text, nil
}

// Key is a record in parts, as most files have it. Empty parts are left to the
// factor.
type Key struct {
	// Kind is totp or hotp.
	Kind                              string
	Secret, Algorithm, Digits, Period string
}

// URI writes the parts as an otpauth URI.
func (k Key) URI(login string) string {
	q := url.Values{"secret": {k.Secret}}
	for name, value := range map[string]string{"algorithm": k.Algorithm, "digits": k.Digits, "period": k.Period} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "otpauth://" + k.Kind + "/" + url.PathEscape(login) + "?" + q.Encode()
}

// URIs reads a list of otpauth URIs, one a line, each alone or behind a login and
// a tab. Alone, the login is the account in the label. Empty lines and those that
// begin with # mean nothing.
func URIs(file, text string) []Entry {
	var all []Entry
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		all = append(all, fromLine(Entry{File: file, Line: number}, line))
	}
	return all
}

func fromLine(e Entry, line string) Entry {
	if len(line) > maxLine {
		e.Refused = fmt.Sprintf("the line is longer than %d bytes", maxLine)
		return e
	}
	login, uri, given := strings.Cut(line, "\t")
	if !given {
		login, uri = "", line
	}
	e.Login, uri = strings.TrimSpace(login), strings.TrimSpace(uri)
	switch u, err := url.Parse(uri); {
	case err != nil:
		e.Refused = "the line is no otpauth URI"
	case strings.EqualFold(u.Scheme, "otpauth-migration"):
		e.Refused = "it is what a phone shows to move to another phone, which holds many records: export each by itself"
	case !strings.EqualFold(u.Scheme, "otpauth"):
		e.Refused = "the line is no otpauth URI"
	case !given:
		e.Login = account(u)
	}
	return e.with(uri)
}

// account is the login in the label of an otpauth URI: what follows the issuer
// and a colon, if there is one.
func account(u *url.URL) string {
	label := strings.TrimPrefix(u.Path, "/")
	if issuer := u.Query().Get("issuer"); issuer != "" && strings.HasPrefix(label, issuer+":") {
		label = label[len(issuer)+1:]
	} else if _, rest, ok := strings.Cut(label, ":"); ok {
		label = rest
	}
	return strings.TrimSpace(label)
}

// with completes an entry by its record, unless something is wrong with it.
func (e Entry) with(text string) Entry {
	switch {
	case e.Refused != "":
	case e.Login == "":
		e.Refused = "it has no login; write the line as LOGIN, a tab, and the rest"
	case len(e.Login) > maxLogin:
		e.Refused = fmt.Sprintf("the login is longer than %d bytes", maxLogin)
	default:
		e.Text = text
	}
	if len(e.Login) > maxLogin {
		e.Login = strings.ToValidUTF8(e.Login[:maxLogin], "")
	}
	return e
}
