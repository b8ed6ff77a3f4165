package main

import (
	"bytes"
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/daemon/account"
)

// pipe is the caller that writes two lines: Apache's mod_authnz_external with
// method pipe, DAViCal, and whatever else knows pwauth.
type pipe struct{ statuses }

func (pipe) read(p *process) (ask.Question, error) {
	b, err := all(p.in)
	if err != nil {
		return ask.Question{}, err
	}
	q, err := parsePipe(b)
	q.Addr = address(os.Getenv("IP"))
	return q, err
}

// parsePipe reads "user LF password LF"; the last LF may be missing. A third
// line would mean that name or password held a line feed, and that the caller
// goes on with another login than the one read here.
func parsePipe(b []byte) (ask.Question, error) {
	name, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return ask.Question{}, misused("stdin must be two lines, name and password")
	}
	password := bytes.TrimSuffix(rest, []byte("\n"))
	if bytes.ContainsRune(password, '\n') {
		return ask.Question{}, refusal("a line feed in name or password")
	}
	return ask.Question{Name: string(name), Password: account.Secret(password)}, nil
}

func (pipe) typed() bool                   { return true }
func (pipe) accept(*process, string) error { return nil }

// address reads one literal address; anything else, a host name for example, is
// as good as none.
func address(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
