package look

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/clients"
)

// Moment is a day and a time as people say them.
func (p Page) Moment(t time.Time) string {
	at := t.In(p.Now.Location())
	if at.Format(time.DateOnly) == p.Now.Format(time.DateOnly) {
		return p.T("used.today", "time", at.Format("15:04"))
	}
	return p.T("used.at", "day", p.Day(at), "time", at.Format("15:04"))
}

// LastUsed says when a record was last used, in the person's words.
func (p Page) LastUsed(r account.Record) string {
	if r.LastUsed.IsZero() {
		return p.T("used.never")
	}
	return p.Moment(r.LastUsed)
}

// LastPlace says for what, with which program and from where a record was last
// used, as far as that is known.
func (p Page) LastPlace(r account.Record) string {
	return p.place(r.LastService, r.LastAgent, r.LastFrom)
}

// Strayed says when, for what, with which program and from where a try came.
func (p Page) Strayed(e account.Event) string {
	return p.Moment(e.At) + p.place(e.Service, e.Agent, e.Address)
}

// Asleep tells whether an app password has not been used for long.
func (p Page) Asleep(r account.Record) bool { return enroll.Unused(r, p.Now) }

// AnyAsleep tells whether one of the list is Asleep.
func (p Page) AnyAsleep() bool { return slices.ContainsFunc(p.View.AppPasswords, p.Asleep) }

// Until says when a record ends by itself.
func (p Page) Until(r account.Record) string { return p.Day(r.Expires.In(p.Now.Location())) }

// dot parts what stands in one line. Where the line breaks, it stays with what
// comes after it.
const dot = " ·\u00a0"

// Dot parts what stands in one line of a template.
func (p Page) Dot() string { return dot }

// place is a list, each part after a dot; it may be empty.
func (p Page) place(service, agent, address string) string {
	var parts []string
	if service != "" {
		parts = append(parts, p.ServiceName(service))
	}
	if name := p.program(agent); name != "" {
		parts = append(parts, name)
	}
	if net := network(address); net != "" {
		parts = append(parts, p.T("used.from", "net", net))
	}
	var out strings.Builder
	for _, part := range parts {
		out.WriteString(dot + part)
	}
	return out.String()
}

// ProgramNames are the programs that go astray, in words, each once.
func (p Page) ProgramNames() string {
	var names []string
	for _, agent := range p.View.Programs {
		if name := p.program(agent); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// program names the program behind a User-Agent, or is empty. Anybody can send
// one in somebody else's name: package clients lets no sentence of a stranger
// through to this page.
func (p Page) program(agent string) string {
	kind, name := clients.Of(agent)
	if kind != clients.Other {
		return p.T("program." + kind)
	}
	return name
}

// network is what people can recognise of an address: all of an IPv4 address,
// the household's part of an IPv6 address.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	n := account.Client{Addr: addr}.Network()
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}
