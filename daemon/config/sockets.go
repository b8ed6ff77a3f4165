package config

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/pageform"
	"github.com/sallyport/sallyport/daemon/config/socketform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

func readListeners(ts []table, services []Service) []Listen {
	var out []Listen
	taken := map[string]bool{}
	for _, t := range ts {
		l := Listen{
			Protocol:       t.OneOf("protocol", "http", "http", "admin", "saslauthd", "dovecot"),
			Path:           socketform.Path(t.Table, taken),
			Mode:           socketform.Mode(t.Table),
			Group:          t.Text("group", ""),
			Allow:          socketform.Peers(t.Table, "allow"),
			Services:       t.List("services"),
			DefaultService: t.Text("default_service", ""),
			Config:         t.Where(""),
		}
		if !t.Has("protocol") {
			t.Refuse("protocol", "is missing", `write protocol = "http", "saslauthd", "dovecot" or "admin"`)
		}
		t.readTranslation(&l)
		t.checkOpen(l)
		t.checkServices(l, services)
		t.Close()
		out = append(out, l)
	}
	return out
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
	l.ServiceMap = t.serviceMap(l.Services)
	l.Proxies, l.Origins = t.Number("proxies", 0, 0, 8), pageform.Origins(t.Table)
	for k, protocols := range map[string]string{
		"service_map": "saslauthd dovecot", "domains": "saslauthd", "ignore_realms": "saslauthd",
		"spelling": "http saslauthd dovecot", "proxies": "http", "origins": "http",
	} {
		if t.Has(k) && !slices.Contains(strings.Fields(protocols), l.Protocol) {
			t.Refuse(k, fmt.Sprintf("has no meaning for protocol %q", l.Protocol), "remove it")
		}
	}
	if foreign && len(l.Services) > 1 && len(l.ServiceMap) == 0 && l.DefaultService == "" {
		t.Refuse("service_map", "is missing: nothing says which of the services is meant",
			fmt.Sprintf("name one service only, or write for example: service_map = {imap = %q}", l.Services[0]))
	}
}

// serviceMap reads what a protocol's own words for services mean. Capitals make
// no difference there, so no word may stand in two spellings.
func (t table) serviceMap(services []string) map[string]string {
	words, out := t.sub("service_map"), map[string]string{}
	defer words.Close()
	seen := map[string]bool{}
	for _, word := range slices.Sorted(maps.Keys(words.All())) {
		v, _ := words.Value(word)
		s, isText := v.(string)
		switch {
		case !isText:
			words.WrongType(word, v, "a text", fmt.Sprintf("service_map = {%s = %q}", word, strings.Join(services[:min(1, len(services))], "")))
		case !slices.Contains(services, s):
			words.Refuse(word, fmt.Sprintf("%q is not one of services", s), "choose one of: "+strings.Join(services, ", "))
		case seen[strings.ToLower(word)]:
			words.Refuse(word, "stands twice: capitals make no difference", "keep one of the two")
		}
		seen[strings.ToLower(word)] = true
		out[word] = s
	}
	return out
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

func readPage(t table, services []Service) Page {
	defer t.Close()
	t.Need("listen", "127.0.0.1:8080")
	p := Page{
		Listen:      socketform.Address(t.Table, "listen"),
		URL:         t.Need("url", "https://login.example.org"),
		Service:     t.Need("service", "web"),
		TLSCert:     t.File("tls_cert", ""),
		TLSKey:      t.File("tls_key", ""),
		ProfileCert: t.File("profile_cert", ""),
		ProfileKey:  t.File("profile_key", ""),
		Operator:    t.Need("operator", "Example University"),
		Language:    t.OneOf("language", "auto", "auto", "de", "en"),
		German:      t.OneOf("german", "sie", "sie", "du"),
		Texts:       t.File("texts", ""),
		Brand:       pageform.ReadBrand(t.Table),
	}
	support := t.sub("support")
	p.Support = Support{Phone: support.Text("phone", ""), Hours: support.Text("hours", ""), HoursEN: support.Text("hours_en", ""), Mail: support.Text("mail", "")}
	support.Close()
	p.Servers = pageform.Servers(t.Table, func(s *strict.Table, name string) { table{Table: s}.checkService("service", name, services) })
	p.ReturnTo = pageform.ReturnTo(t.Table)
	p.TrustedProxies = socketform.Networks(t.Table, "trusted_proxies")
	t.checkService("service", p.Service, services)
	t.checkDoors(p.Service, services)
	p.URL = strings.TrimSuffix(p.URL, "/")
	t.checkTransport(p)
	if (p.ProfileCert == "") != (p.ProfileKey == "") {
		t.Refuse("profile_cert", "and profile_key go together", "write both, or none to leave profiles unsigned")
	}
	return p
}

// checkDoors refuses a page that one factor opens. Whoever is on it can enroll
// a phone and make app passwords: a password alone would then beget all else,
// whatever reason single_factor gives for the service.
func (t table) checkDoors(name string, services []Service) {
	for _, s := range services {
		alone := slices.ContainsFunc(s.Every(), func(w Way) bool { return len(w.Factors) == 1 })
		if s.Name == name && alone {
			t.Refuse("service", fmt.Sprintf("%q has a way in of one factor, and on the page second factors are made", name),
				`name a service of which each way asks for two, for example accept = [["totp", "directory"], ["recovery", "directory"]]`)
		}
	}
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
	local, tls := socketform.IsLocal(p.Listen), p.TLSCert != ""
	switch {
	case p.Listen == "" || p.URL == "":
	case !local && !tls:
		t.Refuse("listen", "passwords would cross the network in clear", "write tls_cert and tls_key, or listen on 127.0.0.1 or a Unix socket behind a proxy that does TLS")
	case u.Scheme == "http" && (tls || !socketform.IsLoopback(u.Hostname())):
		t.Refuse("url", "plain http is for the machine itself only", "write https://, with tls_cert and tls_key or a proxy that does TLS")
	case u.Scheme == "https" && !tls && len(p.TrustedProxies) == 0 && !filepath.IsAbs(p.Listen):
		t.Refuse("trusted_proxies", "is missing: TLS is done by a proxy, and every client would look like the proxy", `write for example: trusted_proxies = ["127.0.0.1"]`)
	}
}
