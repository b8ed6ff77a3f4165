// Package back knows where somebody may be sent who came from a web application:
// to the addresses on the operator's list, and nowhere else.
//
// It sends nobody anywhere and keeps nothing: it reads addresses, and reads them
// again each time that one comes back from a cookie. Package enrollweb and the
// packages under it use it.
//
// Decided against: signing the cookie. A signature would say that an address was
// good once; looking at the list says that it is good now, and that is what has
// to hold.
package back

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxAddress is the most bytes of an address; with it the cookie stays well
// below what browsers and proxies take.
const maxAddress = 1024

// Cookie is the name of the cookie in which an address goes through the set-up.
const Cookie = "sallyport-back"

// place is one entry of the list.
type place struct {
	scheme, host string
	// under is the path's beginning, without a slash at its end; empty is every
	// path.
	under string
	// gate says that the application's host takes the person over: see Way.
	gate bool
}

// List is what the operator allows. The zero value allows nothing.
type List struct{ places []place }

// Way is an address on the list.
type Way struct {
	// Address is the whole of it. Scheme and host are the list's own.
	Address string
	// Host is what people are shown.
	Host string
	// Gate is the origin of an application whose host takes over who is signed
	// in, Proof what binds that to the browser that asked. Both are empty where
	// it does not.
	Gate, Proof string
}

// New reads the list: origins, or beginnings of addresses that end where a part
// of the path does. Gates are origins only.
func New(allowed, gates []string) (*List, error) {
	l := &List{}
	// Gates come first: what lies on such a host is behind its gate.
	for i, entries := range [][]string{gates, allowed} {
		for _, entry := range entries {
			u, ok := parse(entry)
			if !ok || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(entry, "%;#") {
				return nil, fmt.Errorf("%q is not an address to send people back to; write for example https://app.example.org", entry)
			}
			p := place{scheme: u.Scheme, host: host(u), under: strings.TrimRight(u.Path, "/"), gate: i == 0}
			if p.gate && p.under != "" {
				return nil, fmt.Errorf("%q has a path: a host takes people over as a whole", entry)
			}
			l.places = append(l.places, p)
		}
	}
	return l, nil
}

// Find reads an address that came with a request. It is on the list if its
// scheme, host and port are those of an entry and its path begins with the
// entry's, part for part. Whatever two programs could read differently is on no
// list.
func (l *List) Find(address string) (Way, bool) {
	u, ok := parse(address)
	if l == nil || !ok {
		return Way{}, false
	}
	for _, p := range l.places {
		if u.Scheme != p.scheme || host(u) != p.host || !strings.HasPrefix(u.Path+"/", p.under+"/") {
			continue
		}
		// Put together anew: the beginning is the operator's, whatever was sent.
		w := Way{Address: p.scheme + "://" + p.host + u.EscapedPath(), Host: p.host}
		if u.EscapedPath() == "" {
			w.Address += "/"
		}
		if u.RawQuery != "" {
			w.Address += "?" + u.RawQuery
		}
		if f := u.EscapedFragment(); f != "" {
			w.Address += "#" + f
		}
		if p.gate {
			w.Gate = p.scheme + "://" + p.host
		}
		return w, true
	}
	return Way{}, false
}

// Proven adds what binds the taking over to a browser; anything but a hash as
// Hash makes it is left out, and then nobody is taken over.
func (w Way) Proven(proof string) Way {
	if b, err := base64.RawURLEncoding.Strict().DecodeString(proof); w.Gate != "" && err == nil && len(b) == sha256.Size {
		w.Proof = proof
	}
	return w
}

// Pack makes a text of the way that Unpack reads.
func (w Way) Pack() string {
	return base64.RawURLEncoding.EncodeToString([]byte(w.Address)) + "." + w.Proof
}

// Unpack reads what Pack made, or what somebody else did: it is held against the
// list again.
func (l *List) Unpack(packed string) (Way, bool) {
	coded, proof, _ := strings.Cut(packed, ".")
	address, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil {
		return Way{}, false
	}
	w, ok := l.Find(string(address))
	return w.Proven(proof), ok
}

// parse reads an address of the web, and refuses each that is not plainly one.
func parse(s string) (*url.URL, bool) {
	if len(s) > maxAddress || strings.ContainsFunc(s, foreign) {
		return nil, false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || !plainHost(u) || !plainPath(u.EscapedPath()) {
		return nil, false
	}
	// The scheme as it was written: the parser would forgive capitals.
	if !strings.HasPrefix(s, "https://") && !(strings.HasPrefix(s, "http://") && loopback(u.Hostname())) {
		return nil, false
	}
	return u, true
}

// foreign tells characters that no address has: blanks, control characters,
// backslashes, quotation marks, everything that is not ASCII.
func foreign(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\\\"<>^`{|}", r)
}

// plainHost wants a name of lower-case letters, digits, dots and hyphens, or an
// IP address, and a port of digits if there is one.
func plainHost(u *url.URL) bool {
	name := u.Hostname()
	if name == "" || u.Host != name && u.Host != "["+name+"]" && u.Port() == "" {
		return false // a colon with nothing behind it, or more than that
	}
	if strings.HasPrefix(u.Port(), "0") || len(u.Port()) > 5 {
		return false
	}
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(name)
		return err == nil && addr.Zone() == "" && addr.String() == name
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
}

// plainPath refuses a path that leads somewhere else than it seems to: with
// nothing between two slashes at its beginning, with parts that go up, with
// slashes, backslashes or control characters in disguise, or disguised twice.
func plainPath(path string) bool {
	if strings.HasPrefix(path, "//") {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		name, err := url.PathUnescape(part)
		if err != nil || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == '%' }) {
			return false
		}
		// Some servers cut off what follows a semicolon.
		if name, _, _ = strings.Cut(name, ";"); name == "." || name == ".." {
			return false
		}
	}
	return true
}

// host is the host with its port, if that is not the usual one.
func host(u *url.URL) string {
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.Host
}

func loopback(name string) bool {
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.IsLoopback()
}
