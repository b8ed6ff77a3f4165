// Package letter writes what a person reads about something that happened to
// their account: one subject, one text and the same as HTML, in German, in
// English, or in both.
//
// It sends nothing, keeps nothing and reads no clock. A letter never holds a
// secret, a code, or a link. What somebody could have typed is shown only where
// it cannot pass for a sentence or an address of ours. Only package notify may
// call it.
package letter

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// Kind is what happened.
type Kind uint8

const (
	// SetUp is an authenticator app on the first phone.
	SetUp Kind = iota + 1
	// Replaced is another phone in the place of one before.
	Replaced
	// AppPassword is a new app password.
	AppPassword
	// Codes is a new sheet of emergency codes.
	Codes
	// Removed is the end of app passwords, by support.
	Removed
	// Reset is the end of everything enrolled, by support.
	Reset
	// WrongCodes is a right password without a right code.
	WrongCodes
	// NewNetwork is a login from a network that is not known.
	NewNetwork
	// PhoneRemoved is the end of one phone.
	PhoneRemoved
	// Added is an authenticator app on one more phone.
	Added
	// Lone is a one-time code that support gave out.
	Lone
)

// Language is a language of letters.
type Language string

const (
	// German is German.
	German Language = "de"
	// English is English.
	English Language = "en"
)

// Desk is who writes, and how.
type Desk struct {
	// Operator is who runs the place.
	Operator string
	// Phone, Hours and Mail are how people reach its support; Phone or Mail is
	// needed.
	Phone, Hours, Mail string
	// Languages are those of every letter, in their order.
	Languages []Language
	// Words are what letters say.
	Words Words
	// Zone is where people live.
	Zone *time.Location
}

// News is what a letter tells.
type News struct {
	Kind Kind
	At   time.Time
	// Login is the account, DisplayName its owner where that is known.
	Login, DisplayName string
	// Label is what somebody called the app password or the phone.
	Label string
	// Address is where it came from, or empty.
	Address string
}

// Letter is what is sent.
type Letter struct {
	Subject string
	Text    string
	HTML    string
}

//go:embed letter.html
var page string

// part is a letter in one language, line by line.
type part struct {
	Lang Language
	// Below names the language that follows.
	Below                                  string
	Subject, Greeting, What, From, Contact string
	Meaning, Promise, Operator             string
}

// Write writes the letter. The error is one of the program, not of the news.
func Write(d Desk, n News) (Letter, error) {
	var l Letter
	var parts []part
	for i, lang := range d.Languages {
		p, err := d.part(lang, n)
		if err != nil {
			return Letter{}, err
		}
		if i+1 < len(d.Languages) {
			p.Below = d.Words.by[d.Languages[i+1]]["below"]
		}
		parts = append(parts, p)
	}
	var subjects, texts []string
	for _, p := range parts {
		subjects = append(subjects, p.Subject)
		texts = append(texts, p.text())
	}
	l.Subject = strings.Join(subjects, " / ")
	l.Text = strings.Join(texts, "\n* * *\n\n")
	t, err := template.New("letter").Parse(page)
	if err != nil {
		return Letter{}, fmt.Errorf("reading the page of letters: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, parts); err != nil {
		return Letter{}, fmt.Errorf("writing a letter: %w", err)
	}
	l.HTML = b.String()
	return l, nil
}

func (p part) text() string {
	var b strings.Builder
	if p.Below != "" {
		b.WriteString(p.Below + "\n\n")
	}
	b.WriteString(p.Greeting + "\n\n" + p.What + "\n")
	if p.From != "" {
		b.WriteString(p.From + "\n")
	}
	b.WriteString(p.Contact + "\n\n" + p.Meaning + "\n\n" + p.Promise + "\n\n" + p.Operator + "\n")
	return b.String()
}

// Name makes a name of a person or a place fit for a line: no control
// characters, no invisible ones, nothing long.
func Name(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return -1
		default:
			return r
		}
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxName {
		s = string(runes[:maxName])
	}
	return s
}

const maxName = 80

// label is what somebody called their app password or phone, or empty where it could
// pass for a link, an address or an order: whoever has a session could else have
// us send their words to its owner, in our name.
func label(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_+()'&", r)
	}
	if len([]rune(s)) > maxLabel || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return Name(s)
}

const maxLabel = 32

// network is what people can recognise of an address, as the page shows it: all
// of an IPv4 address, the household's part of an IPv6 address.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	p, _ := addr.Prefix(64) // fits every IPv6 address
	return p.String()
}
