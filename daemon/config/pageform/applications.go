package pageform

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/socketform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// ReturnTo reads the web applications that the page may send people back to:
// origins, or beginnings of addresses.
func ReturnTo(t *strict.Table) []string { return applications(t, "return_to", true) }

// Origins reads the web applications whose proxy asks about browsers: origins
// only, because a cookie is a whole host's.
func Origins(t *strict.Table) []string { return applications(t, "origins", false) }

func applications(t *strict.Table, k string, paths bool) []string {
	list := t.List(k)
	for _, text := range list {
		u, err := url.Parse(text)
		switch {
		case err != nil || !plain(u, text):
			t.Refuse(k, fmt.Sprintf("%q is not the address of a web application", text), `write for example: `+k+` = ["https://app.example.org"]`)
		case u.Scheme == "http" && !socketform.IsLoopback(u.Hostname()):
			t.Refuse(k, fmt.Sprintf("%q would be reached in clear; plain http is for the machine itself only", text), "write https://")
		case !paths && u.Path != "":
			t.Refuse(k, fmt.Sprintf("%q has a path, and a browser's cookie is for the whole host", text), "write it without the path and without a slash at the end")
		}
	}
	return list
}

// plain tells whether an address is written so that every program reads the same
// in it: no name and password, no query, nothing in disguise.
func plain(u *url.URL, text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`\%;?#@"<>^{|}`+"`", r) }) {
		return false
	}
	cleaned := u.Path == "" || path.Clean(u.Path) == strings.TrimSuffix(u.Path, "/") || u.Path == "/"
	return (strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")) && cleaned && host(u)
}

func host(u *url.URL) bool {
	name, port := u.Hostname(), u.Port()
	if port == "" && strings.HasSuffix(u.Host, ":") || strings.HasPrefix(port, "0") || len(port) > 5 {
		return false
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == "" && addr.String() == name
	}
	return !strings.HasPrefix(u.Host, "[") && !slices.Contains(strings.Split(name, "."), "") && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
}

// Apart returns what looks at the origins of one socket after another. It refuses
// web applications that nobody could sign in to, and those that would be sent the
// cookies of the page or of each other: browsers send them to every port of a
// host.
func Apart(t *strict.Table, page string) func(origins []string) {
	hosts, socket := map[string]string{hostname(page): page}, -1
	return func(origins []string) {
		socket++
		k := fmt.Sprintf("listen[%d].origins", socket)
		if len(origins) > 0 && !t.Has("page") {
			t.Add(k, "has no meaning without the page: people sign in there", "write a [page], or remove origins")
		}
		for _, origin := range origins {
			if other := hosts[hostname(origin)]; other != "" && (other != origin || other == page) {
				t.Add(k, fmt.Sprintf("%q is the host of %q, and would be sent its cookies", origin, other), "give the application a host of its own; another port is not enough")
			}
			hosts[hostname(origin)] = origin
		}
	}
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // refused where it was read
	}
	return u.Hostname()
}
