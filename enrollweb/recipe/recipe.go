// Package recipe is what a program must be told to sync: addresses, the user
// name as the server wants it, a profile for Apple's programs, a link for
// Android's.
//
// It makes no app password and asks nobody; where servers are, the config says.
// Only package enrollweb and the packages under it use it.
package recipe

import (
	"net/url"
	"slices"
	"strings"
)

// Server is where programs find what they sync with, for one service. {name}
// stands for the person's login; empty addresses are not there.
type Server struct {
	Service                   string
	Calendar, Contacts, Files string
	// IMAP and SMTP are mail servers: "imaps://host:port" with TLS from the first
	// byte, "imap://host:port" with STARTTLS, and the same with smtp.
	IMAP, SMTP string
	Login      string
	// LoginFlow is the address of the server for programs that ask for an app
	// password by themselves; at most one server has it.
	LoginFlow string
}

// Kind is what is synced.
type Kind string

// The kinds of data.
const (
	Calendar Kind = "calendar"
	Contacts Kind = "contacts"
	Files    Kind = "files"
	IMAP     Kind = "imap"
	SMTP     Kind = "smtp"
)

// Place is one address with the user name for it.
type Place struct {
	Kind  Kind
	URL   string
	Login string
}

// Syncs tells whether calendars or contacts are there, which programs and profiles
// of their own are for.
func (p Place) Syncs() bool { return p.Kind == Calendar || p.Kind == Contacts }

// Mails tells whether it is a mail server.
func (p Place) Mails() bool { return p.Kind == IMAP || p.Kind == SMTP }

// Server is what is typed into a program: the address, or the name of a mail
// server.
func (p Place) Server() string {
	if u, err := url.Parse(p.URL); err == nil && p.Mails() {
		return u.Hostname()
	}
	return p.URL
}

// Port is the port of a mail server.
func (p Place) Port() string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return u.Port()
}

// Security is the word of programs for how the line to a mail server is encrypted.
func (p Place) Security() string {
	if strings.HasPrefix(p.URL, string(p.Kind)+"s://") {
		return "SSL/TLS"
	}
	return "STARTTLS"
}

// Places are where somebody of that login finds what the services hold.
func Places(servers []Server, login string, services []string) []Place {
	var all []Place
	for _, s := range servers {
		if !slices.Contains(services, s.Service) {
			continue
		}
		for _, p := range []Place{{Calendar, s.Calendar, s.Login}, {Contacts, s.Contacts, s.Login}, {Files, s.Files, s.Login}, {IMAP, s.IMAP, s.Login}, {SMTP, s.SMTP, s.Login}} {
			if p.URL == "" {
				continue
			}
			p.URL = strings.ReplaceAll(p.URL, "{name}", url.PathEscape(login))
			p.Login = strings.ReplaceAll(p.Login, "{name}", login)
			all = append(all, p)
		}
	}
	return all
}
