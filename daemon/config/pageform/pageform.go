// Package pageform reads what the config says of the programs around the page: the
// servers that it shows, and the web applications that it sends people back to.
//
// It is not the page, and knows no service by itself. Only package config uses
// it.
package pageform

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/socketform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// Server is where programs find what they sync with. The page shows it with
// each new app password that is good for the service. {name} in any of the
// texts stands for the person's login. Empty addresses are not offered.
type Server struct {
	Service string
	// Calendar, Contacts and Files are addresses, https outside of this machine.
	Calendar, Contacts, Files string
	// IMAP and SMTP are mail servers: "imaps://host:port" with TLS from the first
	// byte, "imap://host:port" with STARTTLS, and the same with smtp.
	IMAP, SMTP string
	// Login is the user name as that server wants it.
	Login string
	// LoginFlow is the address that programs are given which ask for an app
	// password by themselves; empty lets none ask. At most one server has it.
	LoginFlow string
}

// Servers reads the servers that the page shows, at most one a service; check
// looks whether there is that service.
func Servers(t *strict.Table, check func(t *strict.Table, service string)) []Server {
	var all []Server
	for _, s := range t.Subs("server") {
		one := Server{
			Service:  s.Need("service", "dav"),
			Calendar: place(s, "calendar"), Contacts: place(s, "contacts"), Files: place(s, "files"),
			IMAP: mailServer(s, "imap", ports{993, 143}), SMTP: mailServer(s, "smtp", ports{465, 587}),
			Login: s.Text("login", "{name}"), LoginFlow: strings.TrimSuffix(place(s, "login_flow"), "/"),
		}
		check(s, one.Service)
		if strings.Contains(one.LoginFlow, "{name}") {
			s.Refuse("login_flow", "holds {name}: programs put their own path behind it", `write for example: login_flow = "https://cloud.example.org"`)
		}
		if one.LoginFlow != "" && slices.ContainsFunc(all, func(o Server) bool { return o.LoginFlow != "" }) {
			s.Refuse("login_flow", "stands at another server already: a program that asks cannot say which it wants", "keep one of the two")
		}
		switch {
		case slices.ContainsFunc(all, func(o Server) bool { return o.Service == one.Service }):
			s.Refuse("service", fmt.Sprintf("%q has a server already", one.Service), "put the addresses into one [[page.server]]")
		case one.Calendar == "" && one.Contacts == "" && one.Files == "" && one.IMAP == "" && one.SMTP == "":
			s.Refuse("calendar", "is missing, and so are contacts, files, imap and smtp: there is nothing to show", `write for example: calendar = "https://dav.example.org/", or imap = "mail.example.org:993"`)
		}
		if one.Login == "" || strings.ContainsFunc(one.Login, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			s.Refuse("login", "is not a user name", `write for example: login = "{name}"`)
		}
		s.Close()
		all = append(all, one)
	}
	return all
}

// place reads an address that a program is given.
func place(t *strict.Table, k string) string {
	text := t.Text(k, "")
	if text == "" {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(text, "{name}", "name"))
	plain := err == nil && u.Scheme == "http" && socketform.IsLoopback(u.Hostname())
	if err != nil || u.Scheme != "https" && !plain || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		t.Refuse(k, fmt.Sprintf("%q is not the address of a server: app passwords go there", text), `write for example: `+k+` = "https://dav.example.org/"`)
	}
	return text
}
