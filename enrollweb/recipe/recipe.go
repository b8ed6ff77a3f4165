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
	Login                     string
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
)

// Place is one address with the user name for it.
type Place struct {
	Kind  Kind
	URL   string
	Login string
}

// Places are where somebody of that login finds what the services hold.
func Places(servers []Server, login string, services []string) []Place {
	var all []Place
	for _, s := range servers {
		if !slices.Contains(services, s.Service) {
			continue
		}
		for _, p := range []Place{{Calendar, s.Calendar, s.Login}, {Contacts, s.Contacts, s.Login}, {Files, s.Files, s.Login}} {
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
