package reading

import (
	"fmt"
	"path/filepath"
	"strings"
)

// GoogleAuthenticator reads a file of google-authenticator-libpam: the secret in
// the first line, then options behind a quotation mark, then scratch codes. It is
// of whoever the file is named after, or its folder where the name is the usual
// one, .google_authenticator.
func GoogleAuthenticator(path, text string) Entry {
	e := Entry{File: path, Line: 1, Login: ownerOf(path)}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	key := Key{Kind: "totp", Secret: strings.TrimSpace(lines[0])}
	scratch := 0
	for i, line := range lines[1:] {
		option, is := strings.CutPrefix(line, `" `)
		word, value, _ := strings.Cut(option, " ")
		switch {
		case len(line) > maxLine:
			e.Refused = fmt.Sprintf("line %d is longer than %d bytes", i+2, maxLine)
		case is && word == "HOTP_COUNTER":
			key.Kind = "hotp"
		case is && word == "STEP_SIZE":
			key.Period = strings.TrimSpace(value)
		case !is && isScratch(line):
			scratch++
		}
	}
	switch {
	case e.Refused != "":
	case len(key.Secret) > maxLine:
		e.Refused = fmt.Sprintf("line 1 is longer than %d bytes", maxLine)
	case key.Secret == "" || strings.HasPrefix(key.Secret, `"`):
		e.Refused = "it is no file of google-authenticator: its first line is not a secret"
	}
	if scratch > 0 && e.Refused == "" {
		e.Note = fmt.Sprintf("%d scratch codes are left out: eight digits are too few for an emergency code here; the person makes a sheet of codes on the page", scratch)
	}
	return e.with(key.URI(e.Login))
}

// isScratch tells an emergency code of theirs: eight digits.
func isScratch(line string) bool {
	line = strings.TrimSpace(line)
	return len(line) == 8 && strings.Trim(line, "0123456789") == ""
}

func ownerOf(path string) string {
	name := filepath.Base(path)
	if plain := strings.TrimPrefix(name, "."); plain == "google_authenticator" || plain == "google-authenticator" || plain != name {
		name = filepath.Base(filepath.Dir(path))
	}
	if name == "." || name == string(filepath.Separator) {
		return ""
	}
	return name
}
