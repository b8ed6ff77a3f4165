package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

// maxSocketPath is what the kernel takes, in bytes.
const maxSocketPath = 107

func readListeners(ts []table, services []Service) []Listen {
	var out []Listen
	taken := map[string]bool{}
	for _, t := range ts {
		l := Listen{
			Protocol:       t.OneOf("protocol", "http", "http", "admin", "saslauthd", "dovecot"),
			Path:           t.socket(taken),
			Mode:           t.mode(),
			Group:          t.Text("group", ""),
			Allow:          t.List("allow"),
			Services:       t.List("services"),
			DefaultService: t.Text("default_service", ""),
		}
		if !t.Has("protocol") {
			t.Refuse("protocol", "is missing", `write protocol = "http", "saslauthd", "dovecot" or "admin"`)
		}
		t.readTranslation(&l)
		t.peers("allow", l.Allow)
		t.checkOpen(l)
		t.checkServices(l, services)
		t.Close()
		out = append(out, l)
	}
	return out
}

func (t table) socket(taken map[string]bool) string {
	t.Need("path", "/run/sallyport/check.sock")
	p := t.File("path", "")
	switch {
	case p == "":
	case len(p) > maxSocketPath:
		t.Refuse("path", fmt.Sprintf("has %d bytes, and a socket's path at most %d", len(p), maxSocketPath), "choose a shorter one")
	case taken[p]:
		t.Refuse("path", "another [[listen]] has it already", "give each its own socket")
	}
	taken[p] = true
	return p
}

func (t table) mode() uint32 {
	s := t.Text("mode", "0660")
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 || n&0o200 == 0 {
		t.Refuse("mode", fmt.Sprintf("%q is not the mode of a socket", s), `write for example: mode = "0660"`)
		return 0o660
	}
	return uint32(n)
}

// checkOpen refuses a socket that every program of the machine could ask.
func (t table) checkOpen(l Listen) {
	if l.Mode&0o007 == 0 {
		return
	}
	if l.Protocol == "admin" {
		t.Refuse("mode", "lets everybody on this machine reach the admin socket", `write mode = "0660" and a group`)
	} else if len(l.Allow) == 0 {
		t.Refuse("mode", "lets every program on this machine try passwords", `write mode = "0660" and a group, or say in allow who may`)
	}
}

func (t table) checkServices(l Listen, services []Service) {
	if l.Protocol == "admin" {
		if len(l.Services) > 0 || l.DefaultService != "" {
			t.Refuse("services", "has no meaning on the admin socket", "remove services and default_service")
		}
		return
	}
	if l.Services == nil && !t.Has("services") || l.Services != nil && len(l.Services) == 0 {
		t.Refuse("services", "is missing: nothing could be asked here", `write for example: services = ["web"]`)
	}
	for _, s := range l.Services {
		t.checkService("services", s, services)
	}
	if l.DefaultService != "" && !slices.Contains(l.Services, l.DefaultService) {
		t.Refuse("default_service", fmt.Sprintf("%q is not one of services", l.DefaultService), "choose one of: "+strings.Join(l.Services, ", "))
	}
}

// readTranslation reads how the words of a foreign protocol become a service
// and a login.
func (t table) readTranslation(l *Listen) {
	foreign := l.Protocol == "saslauthd" || l.Protocol == "dovecot"
	usual := "any"
	if foreign {
		usual = "strict"
	}
	l.Strict = t.OneOf("spelling", usual, "strict", "any") == "strict"
	l.Domains, l.IgnoreRealms = t.List("domains"), t.List("ignore_realms")
	words := t.sub("service_map")
	l.ServiceMap = map[string]string{}
	for word := range words.All() {
		l.ServiceMap[word] = words.Text(word, "")
		if !slices.Contains(l.Services, l.ServiceMap[word]) {
			words.Refuse(word, fmt.Sprintf("%q is not one of services", l.ServiceMap[word]), "choose one of: "+strings.Join(l.Services, ", "))
		}
	}
	words.Close()
	for _, k := range []string{"service_map", "domains", "ignore_realms", "spelling"} {
		fits := l.Protocol == "saslauthd" || l.Protocol == "dovecot" && (k == "service_map" || k == "spelling") || l.Protocol == "http" && k == "spelling"
		if t.Has(k) && !fits {
			t.Refuse(k, fmt.Sprintf("has no meaning for protocol %q", l.Protocol), "remove it")
		}
	}
	if foreign && len(l.Services) > 1 && len(l.ServiceMap) == 0 && l.DefaultService == "" {
		t.Refuse("service_map", "is missing: nothing says which of the services is meant",
			fmt.Sprintf("name one service only, or write for example: service_map = {imap = %q}", l.Services[0]))
	}
}

func (t table) checkService(k, name string, services []Service) {
	var known []string
	for _, s := range services {
		known = append(known, s.Name)
	}
	if name == "" || slices.Contains(known, name) {
		return
	}
	fix := "known are: " + strings.Join(known, ", ")
	if near := strict.Nearest(name, known); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	t.Refuse(k, fmt.Sprintf("unknown service %q", name), fix)
}

// peers checks how people and groups are written; whether they exist is asked
// where the socket is opened.
func (t table) peers(k string, list []string) {
	for _, p := range list {
		name := strings.TrimPrefix(p, "@")
		if name == "" || len(name) > 64 || strings.ContainsAny(name, " @:/*") {
			t.Refuse(k, fmt.Sprintf("%q is neither a user nor a group", p), `write "name", a uid, "@group" or "@gid"`)
		}
	}
}

// address reads "host:port" or the path of a Unix socket.
func (t table) address(k, def string) string {
	a := t.Text(k, def)
	if a == "" {
		return ""
	}
	if strings.Contains(a, "/") {
		p := t.File(k, def)
		if len(p) > maxSocketPath {
			t.Refuse(k, fmt.Sprintf("has %d bytes, and a socket's path at most %d", len(p), maxSocketPath), "choose a shorter one")
		}
		return p
	}
	host, port, err := net.SplitHostPort(a)
	n, perr := strconv.ParseUint(port, 10, 16)
	if _, ierr := netip.ParseAddr(host); err != nil || perr != nil || n == 0 || ierr != nil && host != "localhost" && host != "" {
		t.Refuse(k, fmt.Sprintf("%q is not an address", a), `write an IP address and a port, for example "127.0.0.1:8080", or the path of a Unix socket`)
	}
	return a
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func readPage(t table, services []Service) Page {
	defer t.Close()
	t.Need("listen", "127.0.0.1:8080")
	p := Page{
		Listen:   t.address("listen", ""),
		URL:      t.Need("url", "https://login.example.org"),
		Service:  t.Need("service", "web"),
		TLSCert:  t.File("tls_cert", ""),
		TLSKey:   t.File("tls_key", ""),
		Operator: t.Need("operator", "Example University"),
		Language: t.OneOf("language", "auto", "auto", "de", "en"),
		Texts:    t.File("texts", ""),
	}
	support := t.sub("support")
	p.Support = Support{Phone: support.Text("phone", ""), Hours: support.Text("hours", ""), Mail: support.Text("mail", "")}
	support.Close()
	p.TrustedProxies = t.proxies()
	t.checkService("service", p.Service, services)
	t.checkDoors(p.Service, services)
	p.URL = strings.TrimSuffix(p.URL, "/")
	t.checkTransport(p)
	return p
}

// checkDoors refuses a page that one factor opens. Whoever is on it can enroll
// a phone and make app passwords: a password alone would then beget all else,
// whatever reason single_factor gives for the service.
func (t table) checkDoors(name string, services []Service) {
	for _, s := range services {
		alone := slices.ContainsFunc(s.Accept, func(w Way) bool { return len(w.Factors) == 1 })
		if s.Name == name && alone {
			t.Refuse("service", fmt.Sprintf("%q has a way in of one factor, and on the page second factors are made", name),
				`name a service of which each way asks for two, for example accept = [["totp", "directory"], ["recovery", "directory"]]`)
		}
	}
}

func (t table) proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range t.List("trusted_proxies") {
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil:
			t.Refuse("trusted_proxies", fmt.Sprintf("%q is not a network", s), `write for example: "127.0.0.1" or "10.1.2.0/24"`)
		case p.Bits() == 0:
			t.Refuse("trusted_proxies", "everybody on earth could forge their address", "name the addresses of your proxies only")
		default:
			out = append(out, p.Masked())
		}
	}
	return out
}

// checkTransport refuses a page that sends passwords in clear.
func (t table) checkTransport(p Page) {
	if (p.TLSCert == "") != (p.TLSKey == "") {
		t.Refuse("tls_cert", "and tls_key go together", "write both, or none where a proxy does TLS")
		return
	}
	u, err := url.Parse(p.URL)
	if p.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "") {
		t.Refuse("url", fmt.Sprintf("%q is not the address of a page", p.URL), "write for example: https://login.example.org")
		return
	}
	local, tls := isLocal(p.Listen), p.TLSCert != ""
	switch {
	case p.Listen == "" || p.URL == "":
	case !local && !tls:
		t.Refuse("listen", "passwords would cross the network in clear", "write tls_cert and tls_key, or listen on 127.0.0.1 or a Unix socket behind a proxy that does TLS")
	case u.Scheme == "http" && (tls || !isLoopback(u.Hostname())):
		t.Refuse("url", "plain http is for the machine itself only", "write https://, with tls_cert and tls_key or a proxy that does TLS")
	case u.Scheme == "https" && !tls && len(p.TrustedProxies) == 0 && !filepath.IsAbs(p.Listen):
		t.Refuse("trusted_proxies", "is missing: TLS is done by a proxy, and every client would look like the proxy", `write for example: trusted_proxies = ["127.0.0.1"]`)
	}
}

// isLocal tells whether only this machine reaches the address.
func isLocal(listen string) bool {
	if filepath.IsAbs(listen) {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopback(host)
}
